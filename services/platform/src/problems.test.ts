import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problems } from './problems.ts'

test('every code of this service is documented', () => {
  const page = readFileSync(new URL('../../../docs/spec/problem-codes.md', import.meta.url), 'utf8')
  const codes = Object.keys(problems)
  expect(codes.length).toBeGreaterThan(25)
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

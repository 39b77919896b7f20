import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sealedHttpProblems } from './problems.ts'

test('every code of sealed routes is documented, with its status', () => {
  const page = readFileSync(
    new URL('../../../../docs/spec/problem-codes.md', import.meta.url),
    'utf8',
  )
  const [, section = ''] = page.split('### What a server shows\n')
  const rows = section.split('\n## ')[0] ?? ''
  const codes = Object.entries(sealedHttpProblems)
  expect(codes.length).toBeGreaterThan(8)
  for (const [code, status] of codes) {
    const row = rows.split('\n').find((line) => line.includes(`\`${code}\``)) ?? ''
    expect([code, row.includes(String(status))]).toEqual([code, true])
  }
})

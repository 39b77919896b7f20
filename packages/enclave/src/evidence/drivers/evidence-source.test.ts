import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const page = readFileSync(
  resolve(import.meta.dirname, '../../../../../docs/spec/evidence-drivers.md'),
  'utf8',
)

test('every code of a driver is explained', () => {
  const text = readFileSync(resolve(import.meta.dirname, 'evidence-source.ts'), 'utf8')
  const declaration = /type DriverCode =([^;]*?)\n(\n|\/\*\*|$)/.exec(text)?.[1] ?? ''
  const codes = [...declaration.matchAll(/'([a-z0-9-]+)'/g)].map(([, code]) => code ?? '')
  expect(codes).toHaveLength(17)
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(
  new URL('../../../../docs/spec/problem-codes.md', import.meta.url),
  'utf8',
)

test.each([
  '../',
  '../anchors/',
  '../audit/',
  '../cryptography/',
  '../custody/',
  '../kbs/',
  '../keys/',
  '../release/',
])('every code of %s is explained', (folder) => {
  const at = new URL(folder, import.meta.url)
  const sources = readdirSync(at)
    .filter((name) => name.endsWith('.ts') && !/\.(test|fixtures)\.ts$/.test(name))
    .map((name) => readFileSync(new URL(name, at), 'utf8'))
  const codes = sources.flatMap((source) =>
    [...source.matchAll(/(?:refuse\(\s*|code: |tell\(\s*|\| )'([a-z]+(?:-[a-z]+)+)'/g)].map(
      ([, code]) => code ?? '',
    ),
  )
  const known = [...new Set(codes)]
  expect(known.length).toBeGreaterThan(2)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

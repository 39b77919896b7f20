import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(
  new URL('../../../../docs/spec/problem-codes.md', import.meta.url),
  'utf8',
)

test('every code of administration is explained', () => {
  const sources = [
    'approvals.ts',
    'authorize.ts',
    'change.ts',
    'history.ts',
    'managed.ts',
    'open-administration.ts',
    'pending-answer.ts',
    'policies.ts',
    'policy-document.ts',
    'policy-jws.ts',
    'policy-signers.ts',
    'refusal.ts',
    'signers.ts',
  ].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  const codes = sources.flatMap((source) =>
    [...source.matchAll(/(?:refuse\(\s*|code: |refused\(|^ {2}|\| )'([a-z]+(?:-[a-z]+)+)'/gm)].map(
      ([, code]) => code ?? '',
    ),
  )
  const known = [...new Set(codes)]
  expect(known.length).toBeGreaterThan(35)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

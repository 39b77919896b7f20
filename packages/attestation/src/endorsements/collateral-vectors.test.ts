import { expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
  readSharedText,
} from '../verification/shared-vectors.fixtures.ts'
import { tcbLevelOf } from '../verification/tcb.ts'
import { parseQeIdentity, parseSignedJson, parseTcbInfo, type TcbInfo } from './index.ts'

interface ParsingVector {
  readonly file: string
  readonly expect: string
}

interface LevelVector {
  readonly file: string
  readonly sgx_components: readonly number[]
  readonly levels: readonly { readonly pcesvn: number; readonly status: string }[]
}

const parsingVectors = hasSharedVectors
  ? (JSON.parse(readSharedText('collateral-parsing/index.json')) as ParsingVector[]).filter(
      ({ file }) => file.includes('/'),
    )
  : []
const levelVectors = hasSharedVectors
  ? (
      JSON.parse(readSharedText('collateral-parsing/level-matching.json')) as {
        cases: LevelVector[]
      }
    ).cases
  : []
process.stdout.write(
  hasSharedVectors
    ? `${parsingVectors.length} documents and ${levelVectors.length} level tables read\n`
    : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are documents to examine', () => {
  expect(parsingVectors.length).toBeGreaterThan(20)
  expect(levelVectors.length).toBeGreaterThan(1)
})

test.each(parsingVectors)('$file: $expect', ({ file, expect: outcome }) => {
  const body = readSharedText(`collateral-parsing/${file}`)
  const isTcbInfo = file.startsWith('tcb-info/')
  const signed = parseSignedJson(body, isTcbInfo ? 'tcbInfo' : 'enclaveIdentity')
  const parse = isTcbInfo ? parseTcbInfo : parseQeIdentity
  const parsed = signed.ok ? parse(signed.value.text) : signed
  expect(parsed.ok ? 'parses' : 'parse error').toBe(outcome)
})

test.each(
  levelVectors.flatMap(({ file, sgx_components, levels }) =>
    levels.map((level) => ({ ...level, file, componentSvns: sgx_components })),
  ),
)('$file: PCE SVN $pcesvn is $status', ({ file, componentSvns, pcesvn, status }) => {
  const level = tcbLevelOf({ componentSvns, pceSvn: pcesvn }, tcbInfoOf(file))
  expect(level?.tcbStatus).toBe(status)
})

test.each(levelVectors)('$file: no component may be lower', (vector) => {
  const tcbInfo = tcbInfoOf(vector.file)
  let examined = 0
  for (const { pcesvn } of vector.levels) {
    for (const [index, svn] of vector.sgx_components.entries()) {
      const componentSvns = vector.sgx_components.with(index, svn - 1)
      const level = tcbLevelOf({ componentSvns, pceSvn: pcesvn }, tcbInfo)
      const isRequired = tcbInfo.tcbLevels.every((row) => row.componentSvns[index] === svn)
      if (!isRequired) continue
      expect(level).toBe(undefined)
      examined += 1
    }
  }
  expect(examined).toBeGreaterThan(0)
})

function tcbInfoOf(file: string): TcbInfo {
  const signed = parseSignedJson(readSharedText(`collateral-parsing/${file}`), 'tcbInfo')
  const parsed = signed.ok ? parseTcbInfo(signed.value.text) : signed
  if (!parsed.ok) throw new Error(`${parsed.problem.code} ${parsed.problem.at}`)
  return parsed.value
}

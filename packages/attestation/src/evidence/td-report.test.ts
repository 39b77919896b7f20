import { expect, test } from 'vitest'
import { parsing } from '../bytes/index.ts'
import { readTdReport } from './td-report.ts'

/** A report of TDX 1.0, all zero but for one byte of TDATTRIBUTES. */
function debugOf(attributesByte: number, value: number): boolean | undefined {
  const bytes = new Uint8Array(584)
  bytes[120 + attributesByte] = value
  const report = parsing(bytes, (cursor) => readTdReport(cursor, 'tdx10'))
  return report.ok ? report.value.debug : undefined
}

test('a domain is under debug by any bit of the group that says so, and by no other', () => {
  expect(debugOf(0, 0)).toBe(false)
  for (let bit = 0; bit < 8; bit++) expect(debugOf(0, 1 << bit), `bit ${bit}`).toBe(true)
  for (let byte = 1; byte < 8; byte++) expect(debugOf(byte, 0xff), `byte ${byte}`).toBe(false)
})

import { inflateRawSync } from 'node:zlib'
import { type DataSet, explicitLittleEndian, readDataSet } from './data-set.ts'
import type { ImagingLimits } from './limits.ts'
import { fail } from './refusal.ts'
import { tag } from './tags.ts'
import { type TransferSyntax, transferSyntaxOf } from './transfer-syntax.ts'
import { textIn } from './values.ts'

/** A DICOM Part 10 file, taken apart. */
export interface DicomFile {
  readonly meta: DataSet
  readonly dataSet: DataSet
  readonly transferSyntaxUid: string
  readonly transferSyntax: TransferSyntax
}

const preambleBytes = 128

/** Whether the bytes say that they are a DICOM Part 10 file. */
export function isDicom(bytes: Uint8Array): boolean {
  return (
    bytes[128] === 0x44 && bytes[129] === 0x49 && bytes[130] === 0x43 && bytes[131] === 0x4d // DICM
  )
}

/**
 * Whether the bytes look like DICOM without its preamble: file meta information or a data set that
 * starts at once. Such bytes do not say what they are, and what reads them would have to guess.
 */
export function isDicomWithoutPreamble(bytes: Uint8Array): boolean {
  const [group, groupHigh, element, elementHigh] = bytes
  if (bytes.length < 8 || groupHigh !== 0 || element === undefined || elementHigh !== 0) {
    return false
  }
  return (group === 0x02 && element <= 0x16) || (group === 0x08 && element <= 0x18)
}

/**
 * Opens a Part 10 file: file meta information, then the data set in its transfer syntax.
 *
 * @see PS3.10, section 7
 */
export function openDicom(bytes: Uint8Array, limits: ImagingLimits): DicomFile {
  const start = preambleBytes + 4
  const { dataSet: meta, end } = readDataSet(
    bytes,
    start,
    explicitLittleEndian,
    limits,
    (found) => found >>> 16 === 0x0002,
  )
  const uid = textIn(meta, tag.transferSyntaxUid)
  if (uid === undefined) fail('no-transfer-syntax', '(0002,0010)', 'the file names none')
  const transferSyntax = transferSyntaxOf(uid)
  if (transferSyntax === undefined) {
    fail('unsupported-transfer-syntax', '(0002,0010)', 'the file names one that is not known')
  }
  const { dataSet } = transferSyntax.deflated
    ? readDataSet(inflated(bytes.subarray(end), limits), 0, transferSyntax.encoding, limits)
    : readDataSet(bytes, end, transferSyntax.encoding, limits)
  return { meta, dataSet, transferSyntaxUid: uid, transferSyntax }
}

function inflated(bytes: Uint8Array, limits: ImagingLimits): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: limits.inflatedBytesMax })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      fail('inflated-too-large', '@0x84', `more than ${limits.inflatedBytesMax} bytes inflated`)
    }
    if (typeof code === 'string' && code.startsWith('Z_')) {
      fail('malformed-deflate', '@0x84', 'the data set does not inflate')
    }
    throw error
  }
}

/**
 * A writer of DICOM Part 10 files, for films that this project makes: pictures that were wrapped,
 * and synthetic films.
 *
 * @module
 * @see PS3.10, section 7; PS3.5, section 7 and annex A
 */

import { deflateRawSync } from 'node:zlib'
import { dictionary } from './dictionary.ts'
import { transferSyntaxOf, transferSyntaxUid } from './transfer-syntax.ts'

/**
 * A value as its VR wants it: text (several values with `\` between), numbers, bytes, or items of a
 * sequence. Pixel data are bytes of native little-endian pixels, or one codestream a frame.
 */
export type DicomValue =
  | string
  | number
  | readonly number[]
  | Uint8Array
  | readonly Uint8Array[]
  | readonly DicomAttributes[]

/** Data elements by keyword: `{ Modality: 'DX', Rows: 224 }`. */
export interface DicomAttributes {
  readonly [keyword: string]: DicomValue
}

/** Of this writer: a UUID as a UID (PS3.5, B.2). */
const implementationClassUid = '2.25.185641231130513405671230153064314269417'
const implementationVersionName = 'SEALWARD_0.1'

/**
 * Writes a data set as a Part 10 file.
 *
 * Text is written as UTF-8 and the character set says so when the caller does not. Throws for a
 * keyword that the dictionary has not and for a value that its VR cannot hold: the data set is the
 * program's own.
 *
 * @param attributes must hold SOPClassUID and SOPInstanceUID.
 */
export function writeDicom(
  attributes: DicomAttributes,
  syntaxUid: string = transferSyntaxUid.explicitLittleEndian,
): Uint8Array {
  const syntax = transferSyntaxOf(syntaxUid)
  if (syntax === undefined) throw new Error('an unknown transfer syntax')
  const { SOPClassUID, SOPInstanceUID } = attributes
  if (typeof SOPClassUID !== 'string' || typeof SOPInstanceUID !== 'string') {
    throw new Error('SOPClassUID and SOPInstanceUID are needed')
  }
  const meta = Buffer.concat([
    element(0x00020001, 'OB', Uint8Array.of(0, 1), explicitLittle),
    element(0x00020002, 'UI', SOPClassUID, explicitLittle),
    element(0x00020003, 'UI', SOPInstanceUID, explicitLittle),
    element(0x00020010, 'UI', syntaxUid, explicitLittle),
    element(0x00020012, 'UI', implementationClassUid, explicitLittle),
    element(0x00020013, 'SH', implementationVersionName, explicitLittle),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(meta.length)
  const written = dataSet({ SpecificCharacterSet: 'ISO_IR 192', ...attributes }, syntax.encoding)
  const body = syntax.deflated ? padded(deflateRawSync(written), 0) : written
  return new Uint8Array(
    Buffer.concat([
      Buffer.alloc(128),
      Buffer.from('DICM', 'latin1'),
      element(0x00020000, 'UL', length, explicitLittle),
      meta,
      body,
    ]),
  )
}

interface Order {
  readonly explicit: boolean
  readonly littleEndian: boolean
}

const explicitLittle: Order = { explicit: true, littleEndian: true }
const longForm: ReadonlySet<string> = new Set(['OB', 'OW', 'SQ', 'UN', 'UT'])
const undefinedLength = 0xffffffff

function dataSet(attributes: DicomAttributes, order: Order): Buffer {
  const elements = Object.entries(attributes).map(([keyword, value]) => {
    const entry = Object.hasOwn(dictionary, keyword) ? dictionary[keyword] : undefined
    if (entry === undefined) throw new Error(`no element is called ${keyword}`)
    const [tag, vr] = entry
    return { tag, vr: keyword === 'PixelData' ? pixelVr(attributes) : vr, value }
  })
  elements.sort((one, other) => one.tag - other.tag)
  return Buffer.concat(elements.map(({ tag, vr, value }) => element(tag, vr, value, order)))
}

/** @see PS3.5, annex A.2: eight bits may be OB, and encapsulated pixels are */
function pixelVr({ PixelData, BitsAllocated }: DicomAttributes): string {
  return Array.isArray(PixelData) || BitsAllocated === 8 ? 'OB' : 'OW'
}

function element(tag: number, vr: string, value: DicomValue, order: Order): Buffer {
  if (isCodestreams(value)) {
    return Buffer.concat([header(tag, vr, undefinedLength, order), fragments(value, order)])
  }
  const bytes = vr === 'SQ' ? items(value, order) : padded(valueBytes(vr, value, order), padOf(vr))
  return Buffer.concat([header(tag, vr, bytes.length, order), bytes])
}

function header(tag: number, vr: string, length: number, order: Order): Buffer {
  const isLong = !order.explicit || longForm.has(vr)
  const bytes = Buffer.alloc(order.explicit && isLong ? 12 : 8)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const { littleEndian } = order
  view.setUint16(0, Math.floor(tag / 0x10000), littleEndian)
  view.setUint16(2, tag % 0x10000, littleEndian)
  if (order.explicit) bytes.write(vr, 4, 'latin1')
  if (isLong) {
    view.setUint32(order.explicit ? 8 : 4, length, littleEndian)
  } else {
    if (length > 0xffff) throw new Error(`a value of ${vr} is too long`)
    view.setUint16(6, length, littleEndian)
  }
  return bytes
}

function items(value: DicomValue, order: Order): Buffer {
  if (!Array.isArray(value)) throw new Error('a sequence has items')
  const parts = (value as readonly DicomAttributes[]).map((item) => {
    const written = dataSet(item, order)
    return Buffer.concat([header(0xfffee000, '', written.length, implicitOf(order)), written])
  })
  return Buffer.concat(parts)
}

/** An empty offset table, then one fragment a frame. */
function fragments(frames: readonly Uint8Array[], order: Order): Buffer {
  const withoutVr = implicitOf(order)
  return Buffer.concat([
    header(0xfffee000, '', 0, withoutVr),
    ...frames.flatMap((frame) => {
      const even = padded(frame, 0)
      return [header(0xfffee000, '', even.length, withoutVr), even]
    }),
    header(0xfffee0dd, '', 0, withoutVr),
  ])
}

function implicitOf({ littleEndian }: Order): Order {
  return { explicit: false, littleEndian }
}

function valueBytes(vr: string, value: DicomValue, order: Order): Uint8Array {
  if (value instanceof Uint8Array) {
    return vr === 'OW' && !order.littleEndian ? swapped(value) : value
  }
  if (vr === 'US' || vr === 'SS' || vr === 'OW') {
    const words = numbers(value)
    const bytes = new Uint8Array(words.length * 2)
    const view = new DataView(bytes.buffer)
    for (const [index, word] of words.entries()) {
      if (!Number.isInteger(word) || word < -32_768 || word > 65_535) {
        throw new Error(`a value of ${vr} is out of range`)
      }
      view.setUint16(index * 2, word & 0xffff, order.littleEndian)
    }
    return bytes
  }
  const text = typeof value === 'string' ? value : numbers(value).join('\\')
  return Buffer.from(text, 'utf8')
}

function numbers(value: DicomValue): readonly number[] {
  const list = Array.isArray(value) ? value : [value]
  if (!list.every((one) => typeof one === 'number')) throw new Error('numbers are needed')
  return list as readonly number[]
}

function isCodestreams(value: DicomValue): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.length > 0 && value[0] instanceof Uint8Array
}

function padOf(vr: string): number {
  return vr === 'UI' || vr === 'OB' || vr === 'OW' ? 0 : 0x20
}

function padded(bytes: Uint8Array, pad: number): Uint8Array {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Uint8Array.of(pad)])
}

function swapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (_, index) => bytes[index ^ 1] ?? 0)
}

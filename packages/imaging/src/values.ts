/**
 * Values of data elements, read as what the reader wants and not as what the file says they are: the
 * same element may come with its VR, with UN or with none.
 *
 * @module
 */

import type { DataSet, Element } from './data-set.ts'
import { textBytesMax } from './limits.ts'

/** Bytes of an element's value, not copied. */
export function bytesIn(dataSet: DataSet, tag: number): Uint8Array | undefined {
  const element = dataSet.elements.get(tag)
  return element === undefined ? undefined : slice(dataSet, element)
}

/** Text of the default repertoire (UID, CS, DS, IS, DA), its padding taken off. Empty counts as absent. */
export function textIn(dataSet: DataSet, tag: number): string | undefined {
  const bytes = bytesIn(dataSet, tag)
  if (bytes === undefined || bytes.length > textBytesMax) return undefined
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  const trimmed = text.replace(/[\0 ]+$/, '').replace(/^ +/, '')
  return trimmed === '' ? undefined : trimmed
}

/** A code as a scanner writes it: printable ASCII, 64 characters at most; anything else counts as absent. */
export function codeIn(dataSet: DataSet, tag: number): string | undefined {
  const text = textIn(dataSet, tag)
  return text !== undefined && /^[\x20-\x7e]{1,64}$/.test(text) ? text : undefined
}

/** A UID; what is none counts as absent. @see PS3.5, 9.1 */
export function uidIn(dataSet: DataSet, tag: number): string | undefined {
  const text = textIn(dataSet, tag)
  return text !== undefined && /^\d+(\.\d+)*$/.test(text) && text.length <= 64 ? text : undefined
}

/** Decimal numbers, `\` between them; absent when one of them is none. */
export function decimalsIn(dataSet: DataSet, tag: number): readonly number[] | undefined {
  const text = textIn(dataSet, tag)
  if (text === undefined) return undefined
  const numbers = text.split('\\').map((part) => decimal(part.trim()))
  return numbers.every((value) => value !== undefined) ? numbers : undefined
}

/** Unsigned 16-bit numbers. */
export function wordsIn(dataSet: DataSet, tag: number): readonly number[] | undefined {
  const bytes = bytesIn(dataSet, tag)
  if (bytes === undefined || bytes.length < 2) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { littleEndian } = dataSet.encoding
  return Array.from({ length: bytes.length >> 1 }, (_, index) =>
    view.getUint16(index * 2, littleEndian),
  )
}

/** The first unsigned 16-bit number. */
export function wordIn(dataSet: DataSet, tag: number): number | undefined {
  const bytes = bytesIn(dataSet, tag)
  if (bytes === undefined || bytes.length < 2) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint16(0, dataSet.encoding.littleEndian)
}

/** Items of a sequence; none when there is no such sequence. */
export function itemsIn(dataSet: DataSet | undefined, tag: number): readonly DataSet[] {
  return dataSet?.elements.get(tag)?.items ?? []
}

function slice(dataSet: DataSet, element: Element): Uint8Array {
  return dataSet.bytes.subarray(element.offset, element.offset + element.length)
}

function decimal(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

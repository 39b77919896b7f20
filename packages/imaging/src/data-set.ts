/**
 * A reader of DICOM data sets that stays within limits whatever the bytes say.
 *
 * It finds where elements are and copies nothing. The general parsers recurse as deep as a file
 * wants and inflate as much as it wants; dicom-parser is kept as the oracle of the tests.
 *
 * @module
 * @see PS3.5, section 7
 */

import { fail } from './refusal.ts'
import { knownSequences, tag, tagText } from './tags.ts'

/** How the elements of a data set are written. */
export interface Encoding {
  readonly explicit: boolean
  readonly littleEndian: boolean
}

/** One data element: where its value is. */
export interface Element {
  readonly tag: number
  /** As written; empty in an implicit data set. */
  readonly vr: string
  /** Of the value, from the start of the data set's bytes. */
  readonly offset: number
  readonly length: number
  /** Of a sequence that was read. */
  readonly items?: readonly DataSet[]
  /** Of encapsulated pixel data: where the fragments are, the offset table first. */
  readonly fragments?: readonly Fragment[]
}

export interface Fragment {
  readonly offset: number
  readonly length: number
}

/** Elements by tag, over the bytes that they are in. Parsed, and believed by nobody yet. */
export interface DataSet {
  readonly bytes: Uint8Array
  readonly encoding: Encoding
  readonly elements: ReadonlyMap<number, Element>
  /** The data set ends in something unreadable, after its pixels. */
  readonly damagedAfterPixels: boolean
}

export interface DataSetLimits {
  readonly elementsMax: number
  readonly sequenceDepthMax: number
  readonly fragmentsMax: number
}

export const implicitLittleEndian: Encoding = { explicit: false, littleEndian: true }
export const explicitLittleEndian: Encoding = { explicit: true, littleEndian: true }
export const explicitBigEndian: Encoding = { explicit: true, littleEndian: false }

/**
 * Reads a data set from `start` to the end of the bytes, or while `goesOn` says so.
 *
 * Refuses with `truncated-data-set`, `malformed-data-set`, `too-many-elements`, `nested-too-deep`.
 */
export function readDataSet(
  bytes: Uint8Array,
  start: number,
  encoding: Encoding,
  limits: DataSetLimits,
  goesOn: (tag: number) => boolean = () => true,
): { readonly dataSet: DataSet; readonly end: number } {
  const walk = new Walk(bytes, limits)
  return walk.dataSet({ start, end: bytes.length, encoding, depth: 0, delimited: false, goesOn })
}

const undefinedLength = 0xffffffff

/** VRs whose length takes four bytes. Those that the standard will add do so too (PS3.5, 7.1.2). */
const shortLength = new Set(
  'AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US'.split(' '),
)

interface Extent {
  readonly start: number
  readonly end: number
  readonly encoding: Encoding
  readonly depth: number
  /** Ends with an item delimitation, not at `end`. */
  readonly delimited: boolean
  readonly goesOn?: (tag: number) => boolean
}

/** One walk over the bytes of a file; counts elements over all depths. */
class Walk {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limits: DataSetLimits
  #elementCount = 0

  constructor(bytes: Uint8Array, limits: DataSetLimits) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
  }

  dataSet(extent: Extent): { readonly dataSet: DataSet; readonly end: number } {
    const { start, end, encoding, depth, delimited, goesOn } = extent
    const elements = new Map<number, Element>()
    let offset = start
    let damagedAfterPixels = false
    let closed = !delimited
    while (offset < end) {
      if (elements.has(tag.pixelData) && depth === 0) {
        // What follows the pixels (padding, signatures) changes nothing of the picture.
        const tail = this.#tail(elements, extent, offset)
        damagedAfterPixels = tail.damaged
        offset = tail.end
        break
      }
      const found = this.#tagAt(offset, end, encoding)
      if (delimited && found === tag.itemDelimitation) {
        offset += 8
        closed = true
        break
      }
      if (goesOn !== undefined && !goesOn(found)) break
      const { element, next } = this.#element(offset, end, encoding, depth)
      if (!elements.has(element.tag)) elements.set(element.tag, element)
      offset = next
    }
    if (!closed) fail('truncated-data-set', at(offset), 'an item has no end')
    const dataSet = { bytes: this.#bytes, encoding, elements, damagedAfterPixels }
    return { dataSet, end: offset }
  }

  #tail(
    elements: Map<number, Element>,
    { end, encoding, depth }: Extent,
    start: number,
  ): { readonly damaged: boolean; readonly end: number } {
    let offset = start
    while (offset < end) {
      if (this.#isZeroFrom(offset, end)) return { damaged: false, end }
      try {
        const { element, next } = this.#element(offset, end, encoding, depth)
        if (!elements.has(element.tag)) elements.set(element.tag, element)
        offset = next
      } catch (error) {
        if (isLimit(error)) throw error
        return { damaged: true, end }
      }
    }
    return { damaged: false, end }
  }

  /** Files are padded to a sector now and then. */
  #isZeroFrom(offset: number, end: number): boolean {
    if (end - offset > 4_096) return false
    for (let index = offset; index < end; index++) if (this.#bytes[index] !== 0) return false
    return true
  }

  #tagAt(offset: number, end: number, { littleEndian }: Encoding): number {
    if (end - offset < 8) fail('truncated-data-set', at(offset), 'an element has no header')
    const group = this.#view.getUint16(offset, littleEndian)
    const element = this.#view.getUint16(offset + 2, littleEndian)
    return group * 0x10000 + element
  }

  #element(
    offset: number,
    end: number,
    encoding: Encoding,
    depth: number,
  ): { readonly element: Element; readonly next: number } {
    const { littleEndian } = encoding
    this.#count(offset)
    const found = this.#tagAt(offset, end, encoding)
    if (found >= 0xfffe0000) {
      fail('malformed-data-set', at(offset), `${tagText(found)} where an element should be`)
    }
    let vr = ''
    let value = offset + 8
    let length = this.#view.getUint32(offset + 4, littleEndian)
    if (encoding.explicit) {
      vr = String.fromCharCode(this.#bytes[offset + 4] ?? 0, this.#bytes[offset + 5] ?? 0)
      if (!/^[A-Z]{2}$/.test(vr)) {
        fail('malformed-data-set', at(offset), `${tagText(found)} has no value representation`)
      }
      if (shortLength.has(vr)) {
        length = this.#view.getUint16(offset + 6, littleEndian)
      } else {
        if (end - offset < 12) fail('truncated-data-set', at(offset), 'an element has no length')
        length = this.#view.getUint32(offset + 8, littleEndian)
        value = offset + 12
      }
    }
    const encapsulated = found === tag.pixelData || vr === 'OB' || vr === 'OW'
    if (encapsulated && length === undefinedLength) {
      const { fragments, next } = this.#fragments(value, end, littleEndian)
      return {
        element: { tag: found, vr, offset: value, length: next - value, fragments },
        next,
      }
    }
    if (length === undefinedLength) {
      // PS3.5, 6.2.2: a sequence of unknown VR is written as implicit little endian.
      const inner = vr === 'UN' ? implicitLittleEndian : encoding
      const { items, next } = this.#items(value, end, inner, depth + 1, true)
      return { element: { tag: found, vr, offset: value, length: next - value, items }, next }
    }
    if (length > end - value) {
      const pixels = found === tag.pixelData && depth === 0
      const detail = `${tagText(found)} says ${length} bytes, ${end - value} are there`
      fail(pixels ? 'truncated-pixels' : 'truncated-data-set', at(offset), detail)
    }
    const next = value + length
    const isSequence = vr === 'SQ' || (knownSequences.has(found) && (vr === '' || vr === 'UN'))
    const items = isSequence
      ? this.#itemsOfKnownLength(value, next, vr === 'UN' ? implicitLittleEndian : encoding, depth)
      : undefined
    const element = { tag: found, vr, offset: value, length }
    return { element: items === undefined ? element : { ...element, items }, next }
  }

  /**
   * A sequence whose end is known: one that is damaged inside is passed over, as its neighbours are
   * not touched by it. What would have been in it counts as absent.
   */
  #itemsOfKnownLength(
    start: number,
    end: number,
    encoding: Encoding,
    depth: number,
  ): readonly DataSet[] | undefined {
    try {
      return this.#items(start, end, encoding, depth + 1, false).items
    } catch (error) {
      if (isLimit(error)) throw error
      return undefined
    }
  }

  #items(
    start: number,
    end: number,
    encoding: Encoding,
    depth: number,
    delimited: boolean,
  ): { readonly items: readonly DataSet[]; readonly next: number } {
    if (depth > this.#limits.sequenceDepthMax) {
      fail('nested-too-deep', at(start), `deeper than ${this.#limits.sequenceDepthMax} sequences`)
    }
    const items: DataSet[] = []
    let offset = start
    while (offset < end) {
      const found = this.#tagAt(offset, end, encoding)
      const length = this.#view.getUint32(offset + 4, encoding.littleEndian)
      this.#count(offset)
      offset += 8
      if (found === tag.sequenceDelimitation && delimited) return { items, next: offset }
      if (found !== tag.item) {
        fail('malformed-data-set', at(offset - 8), `${tagText(found)} where an item should be`)
      }
      const open = length === undefinedLength
      if (!open && length > end - offset) {
        fail('truncated-data-set', at(offset - 8), 'an item is longer than its sequence')
      }
      const extent = { start: offset, end: open ? end : offset + length, encoding, depth }
      const item = this.dataSet({ ...extent, delimited: open })
      items.push(item.dataSet)
      offset = item.end
    }
    if (delimited) fail('truncated-data-set', at(offset), 'a sequence has no end')
    return { items, next: offset }
  }

  #fragments(
    start: number,
    end: number,
    littleEndian: boolean,
  ): { readonly fragments: readonly Fragment[]; readonly next: number } {
    const fragments: Fragment[] = []
    let offset = start
    for (;;) {
      if (end - offset < 8) fail('truncated-pixels', at(offset), 'the fragments have no end')
      const found = this.#tagAt(offset, end, { explicit: true, littleEndian })
      const length = this.#view.getUint32(offset + 4, littleEndian)
      offset += 8
      if (found === tag.sequenceDelimitation) return { fragments, next: offset }
      if (found !== tag.item || length === undefinedLength) {
        fail('malformed-data-set', at(offset - 8), `${tagText(found)} where a fragment should be`)
      }
      if (length > end - offset) fail('truncated-pixels', at(offset - 8), 'a fragment is cut')
      if (fragments.length > this.#limits.fragmentsMax) {
        fail('too-many-elements', at(offset), `more than ${this.#limits.fragmentsMax} fragments`)
      }
      fragments.push({ offset, length })
      offset += length
    }
  }

  #count(offset: number): void {
    this.#elementCount++
    if (this.#elementCount > this.#limits.elementsMax) {
      fail('too-many-elements', at(offset), `more than ${this.#limits.elementsMax} elements`)
    }
  }
}

function isLimit(error: unknown): boolean {
  if (!(error instanceof Error) || !('problem' in error)) return true
  const { code } = error.problem as { readonly code: string }
  return code === 'nested-too-deep' || code === 'too-many-elements'
}

function at(offset: number): string {
  return `@0x${offset.toString(16)}`
}

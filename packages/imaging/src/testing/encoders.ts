/** Encoders for test films: short, slow, and only as good as the standard asks. */

interface Plane {
  readonly rows: number
  readonly columns: number
  readonly precision: number
  readonly components: number
  /** Interleaved by pixel. */
  readonly samples: ArrayLike<number>
}

interface LosslessOptions {
  readonly predictor: number
  readonly pointTransform?: number
  /** Rows between restart markers; none unless told. */
  readonly restartRows?: number
}

/**
 * Lossless JPEG, process 14. All categories have codes of five bits: long, and easy to see through.
 *
 * @see ITU-T T.81, annex H and B
 */
export function encodeLosslessJpeg(
  { rows, columns, precision, components, samples }: Plane,
  { predictor, pointTransform = 0, restartRows = 0 }: LosslessOptions,
): Uint8Array {
  const ids = Array.from({ length: components }, (_, index) => index + 1)
  const categories = Array.from({ length: 17 }, (_, index) => index)
  const counts = Array.from({ length: 16 }, (_, index) => (index === 4 ? categories.length : 0))
  const head = [
    0xff,
    0xd8,
    ...segment(0xc3, [
      precision,
      ...word(rows),
      ...word(columns),
      components,
      ...ids.flatMap((id) => [id, 0x11, 0]),
    ]),
    ...segment(0xc4, [0, ...counts, ...categories]),
    ...(restartRows === 0 ? [] : segment(0xdd, word(restartRows * columns))),
    ...segment(0xda, [components, ...ids.flatMap((id) => [id, 0]), predictor, 0, pointTransform]),
  ]
  const at = (row: number, column: number, component: number): number =>
    (samples[(row * columns + column) * components + component] ?? 0) >> pointTransform
  const body: number[] = []
  let bits = ''
  const flush = (): void => {
    const filled = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
    for (let from = 0; from < filled.length; from += 8) {
      const byte = Number.parseInt(filled.slice(from, from + 8), 2)
      body.push(byte)
      if (byte === 0xff) body.push(0)
    }
    bits = ''
  }
  for (let row = 0; row < rows; row++) {
    const isFirst = restartRows === 0 ? row === 0 : row % restartRows === 0
    if (isFirst && row > 0) {
      flush()
      body.push(0xff, 0xd0 + ((row / restartRows - 1) % 8))
    }
    for (let column = 0; column < columns; column++) {
      for (let component = 0; component < components; component++) {
        const left = column === 0 ? 0 : at(row, column - 1, component)
        const above = isFirst ? 0 : at(row - 1, column, component)
        const corner = isFirst || column === 0 ? 0 : at(row - 1, column - 1, component)
        const expected = isFirst
          ? column === 0
            ? 2 ** (precision - pointTransform - 1)
            : left
          : column === 0
            ? above
            : [
                0,
                left,
                above,
                corner,
                left + above - corner,
                left + ((above - corner) >> 1),
                above + ((left - corner) >> 1),
                (left + above) >> 1,
              ][predictor]
        const wrapped = (at(row, column, component) - (expected ?? 0)) & 0xffff
        const difference = wrapped > 32_768 ? wrapped - 65_536 : wrapped
        const category = difference === 0 ? 0 : 32 - Math.clz32(Math.abs(difference))
        bits += category.toString(2).padStart(5, '0')
        if (category > 0 && category < 16) {
          const value = difference > 0 ? difference : difference + 2 ** category - 1
          bits += value.toString(2).padStart(category, '0')
        }
        if (bits.length % 8 === 0) flush()
      }
    }
  }
  flush()
  return Uint8Array.from([...head, ...body, 0xff, 0xd9])
}

/** RLE of little-endian samples: runs and literals as they come. @see PS3.5, annex G */
export function encodeRle(samples: Uint8Array, bytesPerSample: 1 | 2): Uint8Array {
  const segments = Array.from({ length: bytesPerSample }, (_, index) => {
    const byte = bytesPerSample - 1 - index
    return packBits(samples.filter((_value, position) => position % bytesPerSample === byte))
  })
  const header = new Uint8Array(64)
  const view = new DataView(header.buffer)
  view.setUint32(0, segments.length, true)
  let offset = 64
  for (const [index, bytes] of segments.entries()) {
    view.setUint32(4 + index * 4, offset, true)
    offset += bytes.length
  }
  return Uint8Array.from([...header, ...segments.flat()])
}

function packBits(bytes: Uint8Array): number[] {
  const output: number[] = []
  let from = 0
  while (from < bytes.length) {
    let run = 1
    while (run < 128 && bytes[from + run] === bytes[from]) run++
    if (run > 1) {
      output.push(257 - run, bytes[from] ?? 0)
      from += run
      continue
    }
    let end = from + 1
    while (end < bytes.length && end - from < 128 && bytes[end] !== bytes[end - 1]) end++
    output.push(end - from - 1, ...bytes.subarray(from, end))
    from = end
  }
  return output.length % 2 === 0 ? output : [...output, 128]
}

function segment(marker: number, body: readonly number[]): readonly number[] {
  return [0xff, marker, ...word(body.length + 2), ...body]
}

function word(value: number): readonly number[] {
  return [value >> 8, value & 255]
}

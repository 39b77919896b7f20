import { fail } from './refusal.ts'

const headerBytes = 64
const segmentsMax = 15

/**
 * Decodes one RLE frame into `samples` planes of `bytesPerSample` bytes, interleaved by pixel and
 * little-endian.
 *
 * @param pixels of the frame; the result has `pixels * samples * bytesPerSample` bytes.
 * @see PS3.5, annex G
 */
export function decodeRle(
  frame: Uint8Array,
  pixels: number,
  samples: number,
  bytesPerSample: number,
): Uint8Array {
  if (frame.length < headerBytes) fail('truncated-pixels', '@0x0', 'an RLE frame without header')
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const segments = view.getUint32(0, true)
  if (segments !== samples * bytesPerSample || segments > segmentsMax) {
    fail(
      'pixels-contradict-header',
      '@0x0',
      'the number of RLE segments is not that of the picture',
    )
  }
  const output = new Uint8Array(pixels * segments)
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + segment * 4, true)
    const end = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : frame.length
    if (start < headerBytes || start > end || end > frame.length) {
      fail('malformed-pixels', `@0x${(4 + segment * 4).toString(16)}`, 'an RLE segment is outside')
    }
    // The most significant byte of a sample comes first.
    const sample = Math.floor(segment / bytesPerSample)
    const byte = bytesPerSample - 1 - (segment % bytesPerSample)
    unpack(frame, start, end, output, sample * bytesPerSample + byte, segments, pixels)
  }
  return output
}

function unpack(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  first: number,
  stride: number,
  count: number,
): void {
  let from = start
  let written = 0
  while (written < count && from < end) {
    const control = input[from++] ?? 0
    if (control < 128) {
      const length = Math.min(control + 1, count - written, end - from)
      for (let index = 0; index < length; index++) {
        output[first + (written + index) * stride] = input[from + index] ?? 0
      }
      written += length
      from += length
    } else if (control > 128) {
      if (from === end) break
      const value = input[from++] ?? 0
      const length = Math.min(257 - control, count - written)
      for (let index = 0; index < length; index++) {
        output[first + (written + index) * stride] = value
      }
      written += length
    }
  }
  if (written < count) {
    fail('truncated-pixels', `@0x${from.toString(16)}`, 'an RLE segment ends too early')
  }
}

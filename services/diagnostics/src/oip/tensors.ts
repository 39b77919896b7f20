/**
 * What the model takes and gives, in the words of the Open Inference Protocol.
 *
 * @module
 */

export interface TensorFacts {
  readonly name: string
  readonly datatype: 'FP32'
  readonly shape: readonly number[]
}

/** One film: grey in [0, 1], averaged down by area, ignoring its aspect ratio. */
export const input: TensorFacts = { name: 'image', datatype: 'FP32', shape: [1, 1, 64, 64] }

/** The mean of the evidence map is the logit; the gate says how far the film is from a chest film. */
export const outputs: readonly TensorFacts[] = [
  { name: 'probability', datatype: 'FP32', shape: [1, 1] },
  { name: 'logit', datatype: 'FP32', shape: [1, 1] },
  { name: 'evidence_map', datatype: 'FP32', shape: [1, 1, 8, 8] },
  { name: 'gate', datatype: 'FP32', shape: [1, 1] },
]

/** Numbers that a tensor of this shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

/** Raw little-endian bytes of FP32 numbers. */
export function floatBytes(numbers: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < numbers.length; index++) {
    view.setFloat32(index * 4, numbers[index] as number, true)
  }
  return bytes
}

/** FP32 numbers of raw little-endian bytes, in memory of their own. */
export function floatsOf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  )
}

import { InferenceSession, Tensor } from 'onnxruntime-node'
import { inputSide } from './parameters.ts'

/** Threads of every session in training and measuring: another number gives other last digits. */
export const threads = 2

/** Opens a model for training or measuring. */
export async function openSession(model: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
  })
}

/** Runs images through a model in batches; each output comes back joined, in the images' order. */
export async function runAll(
  session: InferenceSession,
  pixels: Float32Array,
  batch = 64,
): Promise<Readonly<Record<string, Float32Array>>> {
  const size = inputSide * inputSide
  const count = pixels.length / size
  const joined: Record<string, Float32Array> = {}
  for (let start = 0; start < count; start += batch) {
    const some = Math.min(batch, count - start)
    const images = pixels.subarray(start * size, (start + some) * size)
    const outputs = await session.run({
      image: new Tensor('float32', images, [some, 1, inputSide, inputSide]),
    })
    for (const [name, tensor] of Object.entries(outputs)) {
      const data = tensor.data as Float32Array
      const each = data.length / some
      joined[name] ??= new Float32Array(count * each)
      joined[name].set(data, start * each)
    }
  }
  return joined
}

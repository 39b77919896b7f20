/**
 * Runs the model. `session.run` blocks its thread while it computes, so it has one of its own.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { WorkerData, WorkerMessage, WorkerRequest } from './inference/worker-messages.ts'

const { model } = workerData as WorkerData
const port = parentPort
if (port === null) throw new Error('not started as a worker')
const say = (message: WorkerMessage): void => port.postMessage(message)

const session = await InferenceSession.create(model, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
})

port.on('message', async ({ image }: WorkerRequest) => {
  try {
    const results = await session.run({ image: new Tensor('float32', image, [1, 1, 64, 64]) })
    const outputs = Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
    )
    say({ kind: 'read', outputs })
  } catch {
    // What it says may hold what it was fed: only that it failed goes on.
    say({ kind: 'failed' })
  }
})
say({ kind: 'ready' })

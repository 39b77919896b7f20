/** A worker that answers as the model's would, but blocks its thread for as many milliseconds as it is shown. */
import { parentPort } from 'node:worker_threads'
import type { WorkerMessage, WorkerRequest } from '../inference/worker-messages.ts'

const port = parentPort
if (port === null) throw new Error('not started as a worker')
const say = (message: WorkerMessage): void => port.postMessage(message)

port.on('message', ({ image }: WorkerRequest) => {
  const [milliseconds = 0] = image
  if (milliseconds < 0) process.exit(1)
  const until = performance.now() + milliseconds
  while (performance.now() < until);
  say({
    kind: 'read',
    outputs: {
      probability: Float32Array.of(0.5),
      logit: Float32Array.of(0),
      evidence_map: new Float32Array(64),
      gate: Float32Array.of(milliseconds),
    },
  })
})
say({ kind: 'ready' })

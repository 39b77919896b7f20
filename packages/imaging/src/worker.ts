/** Entry of the imaging worker: one film, one answer, and it is gone. */

import { parentPort } from 'node:worker_threads'
import { carryOut, type WorkerAnswer, type WorkerTask } from './worker-task.ts'

parentPort?.once('message', async (task: WorkerTask) => {
  const answer = await carryOut(task)
  parentPort?.postMessage(answer, buffersOf(answer))
})

/** Buffers that are moved and not copied. */
function buffersOf(answer: WorkerAnswer): ArrayBuffer[] {
  if (!answer.ok) return []
  const arrays = answer.kind === 'film' ? [answer.value.grey] : [answer.value.reduced]
  return arrays.map(({ buffer }) => buffer as ArrayBuffer)
}

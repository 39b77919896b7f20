import { refuse } from '@sealward/attestation/bytes'
import type { Driven } from './evidence-source.ts'

/** Waits for `work`, but not longer than `seconds`. What is under way is not stopped: its answer is dropped. */
export async function withinSeconds<T>(
  seconds: number,
  at: string,
  work: () => Promise<Driven<T>>,
): Promise<Driven<T>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Driven<T>>((resolve) => {
    timer = setTimeout(
      () => resolve(refuse('device-timeout', at, `no answer within ${seconds} s`)),
      seconds * 1000,
    )
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

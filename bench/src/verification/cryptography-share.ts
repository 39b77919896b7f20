import type { Cryptography } from '@sealward/attestation/x509'
import { createNodeCryptography } from '@sealward/enclave/cryptography'

/** Where the time of a verification goes, in percent of it. */
export interface CryptographyShare {
  /** Imports of keys as well. */
  readonly signatures: number
  readonly digests: number
  /** Reading, comparing, remembering. */
  readonly rest: number
}

/**
 * Runs for `milliseconds` what `workWith` makes of a `Cryptography` whose calls are timed by a clock around each: that
 * knows what a profiler does not, for which purpose native code ran.
 */
export async function cryptographyShareOf(
  workWith: (cryptographyWith: (keysMax: number) => Cryptography) => () => Promise<unknown>,
  milliseconds: number,
): Promise<CryptographyShare> {
  const spent = { signatures: 0, digests: 0 }
  const work = workWith((keysMax) => {
    const inner = createNodeCryptography(keysMax)
    return {
      verify(signed) {
        const started = performance.now()
        const isVerified = inner.verify(signed)
        spent.signatures += performance.now() - started
        return isVerified
      },
      digest(algorithm, bytes) {
        const started = performance.now()
        const digest = inner.digest(algorithm, bytes)
        spent.digests += performance.now() - started
        return digest
      },
    }
  })
  // The first runs are compiled, and fill what is to be known.
  await during(work, milliseconds / 4)
  spent.signatures = 0
  spent.digests = 0
  const elapsed = await during(work, milliseconds)
  const percent = (time: number): number => Math.round((1000 * time) / elapsed) / 10
  return {
    signatures: percent(spent.signatures),
    digests: percent(spent.digests),
    rest: percent(elapsed - spent.signatures - spent.digests),
  }
}

async function during(work: () => Promise<unknown>, milliseconds: number): Promise<number> {
  const started = performance.now()
  while (performance.now() < started + milliseconds) await work()
  return performance.now() - started
}

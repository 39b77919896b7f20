import { ok } from '@sealward/attestation/bytes'
import type { TcbBaseline } from '@sealward/enclave/endorsements'
import { badInput, type Outcome } from '../problem.ts'
import { noEndorsements, type ReadEndorsements } from './read-endorsements.ts'
import type { ReadEvidence } from './read-evidence.ts'

/**
 * What a bundle of `sealward endorsements bundle` holds for a piece of evidence.
 *
 * @param baseline - of Intel's, which of them.
 * @returns them, or that the file is no bundle; what is not in it is missing, and verification says so.
 */
export async function endorsementsFromBundle(
  bytes: Uint8Array,
  evidence: ReadEvidence,
  baseline: TcbBaseline,
): Promise<Outcome<ReadEndorsements>> {
  // Loaded when used: the HTTP client that comes with it takes longer than a verification.
  const { createBundleSource, createEndorsementsClient, parseBundle } = await import(
    '@sealward/enclave/endorsements'
  )
  const bundle = parseBundle(bytes)
  if (!bundle.ok) {
    return badInput(bundle.problem.code, '--endorsements', bundle.problem.detail)
  }
  // What has run out is handed on: verification says what and when.
  const clock = { now: () => 0 }
  const client = createEndorsementsClient(createBundleSource({ bundle: bundle.value, clock }))
  try {
    if (evidence.kind === 'dcap') {
      const found = await client.endorsementsFor(evidence.quote, baseline)
      return ok({ ...noEndorsements, intel: found.ok ? found.value : undefined })
    }
    const found = await client.snpEndorsementsFor(evidence.report)
    if (!found.ok) return ok(noEndorsements)
    const { certificate, intermediate, root, crl } = found.value
    return ok({
      ...noEndorsements,
      certificates: [...(certificate === undefined ? [] : [certificate]), intermediate, root],
      crls: [crl],
    })
  } finally {
    await client.close()
  }
}

/**
 * A platform, its vendor and one enclave on it, for tests.
 *
 * @module
 */

import { concat, type Result, sha256, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import {
  createSampleVendor,
  type SampleEnclave,
  type SampleEndorsementOptions,
  type SampleVendor,
} from '../sample/index.ts'
import {
  type SgxEvidence,
  type VerificationProblem,
  type Verified,
  verifySgxEvidence,
} from './index.ts'

/** 2026-11-23T00:00:00Z */
export const instant: UnixSeconds = 1_795_392_000

export const lifetimeSeconds = 3600

export const runtimeData: Uint8Array = utf8Of('{"said":"while running"}')
export const initTimeData: Uint8Array = utf8Of('{"said":"at the start"}')

export interface SampleWorld {
  readonly vendor: SampleVendor
  readonly enclave: SampleEnclave
  readonly quote: Uint8Array
  readonly endorsements: Endorsements
  verify(changed?: {
    readonly quote?: Uint8Array
    readonly endorsements?: Endorsements
    readonly roots?: readonly string[]
    readonly at?: UnixSeconds
  }): Promise<Result<Verified<SgxEvidence>, VerificationProblem>>
  endorsementsWith(options: Partial<SampleEndorsementOptions>): Promise<Endorsements>
}

export async function sampleWorld(): Promise<SampleWorld> {
  const vendor = await createSampleVendor({ at: instant })
  const enclave: SampleEnclave = {
    mrEnclave: await sha256(utf8Of('enclave')),
    mrSigner: await sha256(utf8Of('signer')),
    isvProdId: 7,
    isvSvn: 3,
    configId: concat(await sha256(initTimeData), new Uint8Array(32)),
    debug: false,
    reportData: concat(await sha256(runtimeData), new Uint8Array(32)),
  }
  const endorsementsWith = (options: Partial<SampleEndorsementOptions>): Promise<Endorsements> =>
    vendor.endorsements({ at: instant, lifetimeSeconds, ...options })
  const quote = await vendor.quote(enclave)
  const endorsements = await endorsementsWith({})
  return {
    vendor,
    enclave,
    quote,
    endorsements,
    endorsementsWith,
    verify: (changed = {}) =>
      verifySgxEvidence({
        quote,
        endorsements,
        roots: [vendor.rootSpkiSha256],
        at: instant,
        ...changed,
      }),
  }
}

import type { Cryptography } from '@sealward/attestation/x509'
import { type CryptographyShare, cryptographyShareOf } from './cryptography-share.ts'
import { sgxCase, tdxCase } from './dcap-cases.ts'
import { dcapStates } from './dcap-states.ts'
import { type SelfTime, selfTimesOf } from './self-times.ts'
import { snpCase } from './snp-case.ts'
import { snpStates } from './snp-states.ts'

/** Where the time of one state goes. */
export interface StateProfile extends CryptographyShare {
  readonly selfTimes: readonly SelfTime[]
}

export interface EvidenceProfile {
  readonly evidence: string
  readonly nothingCached: StateProfile
  readonly platformKnown: StateProfile
}

/** Profiles our verifier at both ends: nothing known, and everything but the evidence itself. */
export async function profileVerification(): Promise<Readonly<Record<string, EvidenceProfile>>> {
  const sgx = await sgxCase()
  const tdx = tdxCase()
  const snp = await snpCase()
  return {
    sgx: await profile(sgx.evidence, (making) => dcapStates(sgx.input, making)),
    ...(tdx === undefined
      ? {}
      : { tdx: await profile(tdx.evidence, (making) => dcapStates(tdx.input, making)) }),
    snp: await profile(snp.evidence, (making) => snpStates(snp.input, making)),
  }
}

type States = Readonly<Record<'nothingCached' | 'platformKnown', () => Promise<unknown>>>
type Making = (keysMax: number) => Cryptography

async function profile(
  evidence: string,
  statesWith: (making?: Making) => States,
): Promise<EvidenceProfile> {
  const of = async (state: keyof States): Promise<StateProfile> => ({
    ...(await cryptographyShareOf((making) => statesWith(making)[state], 2000)),
    selfTimes: await selfTimesOf(statesWith()[state], 3000, 20),
  })
  return {
    evidence,
    nothingCached: await of('nothingCached'),
    platformKnown: await of('platformKnown'),
  }
}

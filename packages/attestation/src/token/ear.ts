/**
 * An appraisal as an EAT Attestation Result.
 *
 * @see draft-ietf-rats-ear; RFC 9711; RFC 9782; docs/spec/ear.md
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
  unreachable,
} from '../bytes/index.ts'
import { type Claim, claimsOf } from '../claims/index.ts'
import type { AttestationClaims, AttestedEvidence } from './attestation-claims.ts'
import { issuedEntries } from './issued-claims.ts'
import { claimNames } from './names.ts'
import {
  statusOf,
  type TrustAspect,
  type TrustVector,
  trustAspects,
  trustVectorOf,
  worseOf,
} from './trust-vector.ts'

export const earProfile = 'tag:github.com,2023:veraison/ear'

/** The one attester that is appraised, by the name that Trustee gives it. */
export const earSubmodule = 'cpu0'

export interface EarInput {
  readonly evidence: AttestedEvidence
  /** Those of the appraisal: see `attestationClaimsOf`. */
  readonly claims: AttestationClaims
  /** What the policy issued. `ear.executables` and its like are about the trust vector. */
  readonly issued: readonly Claim[]
  /** As `x-ms-policy-hash` has it. */
  readonly policyHash: string
  readonly verifier: { readonly developer: string; readonly build: string }
  readonly issuer: string
  readonly issuedAt: UnixSeconds
  readonly expiresAt: UnixSeconds
  readonly id: string
}

export type EarCode = 'ear-nonce-length' | 'ear-claim-malformed'

/**
 * Builds the claims of a result.
 *
 * @returns them; `ear-nonce-length` for a nonce that EAT does not take, `ear-claim-malformed` for a policy that issues
 *   something else than a whole number from -128 to 127 for an aspect, or names one that there is not.
 */
export function earClaimsOf(input: EarInput): Result<AttestationClaims, Problem<EarCode>> {
  const { evidence, claims, policyHash, verifier, issuer, issuedAt, expiresAt, id } = input
  const nonce = claims[claimNames.nonce]
  if (typeof nonce === 'string' && (nonce.length < 8 || nonce.length > 88)) {
    return refuse('ear-nonce-length', 'nonce', '8 to 88 characters expected')
  }
  const issued = issuedEntries(input.issued)
  const vector = withPolicy(
    trustVectorOf(evidence, claims[claimNames.complianceStatus] !== undefined),
    issued,
  )
  if (!vector.ok) return vector
  const policyClaims = issued.filter(([type]) => !type.startsWith(aspectPrefix))
  return ok({
    eat_profile: earProfile,
    iss: issuer,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    jti: id,
    ...(nonce === undefined ? {} : { eat_nonce: nonce }),
    'ear.verifier-id': verifier,
    submods: {
      [earSubmodule]: {
        'ear.status': statusOf(vector.value),
        'ear.trustworthiness-vector': vector.value,
        'ear.appraisal-policy-id': policyHash,
        'ear.veraison.annotated-evidence': annotated(evidence, claims),
        'ear.veraison.policy-claims': Object.fromEntries(policyClaims),
      },
    },
  })
}

const aspectPrefix = 'ear.'

/** Of which the service itself cannot know anything better than what it says. */
const policysOwn: ReadonlySet<TrustAspect> = new Set([
  'executables',
  'file-system',
  'instance-identity',
  'sourced-data',
  'storage-opaque',
])

/** A policy says which software and which data are right; what the service found it can only worsen. */
function withPolicy(
  vector: TrustVector,
  issued: ReturnType<typeof issuedEntries>,
): Result<TrustVector, Problem<'ear-claim-malformed'>> {
  const said: Record<TrustAspect, number> = { ...vector }
  for (const [type, value] of issued) {
    if (!type.startsWith(aspectPrefix)) continue
    const aspect = trustAspects.find((one) => `${aspectPrefix}${one}` === type)
    if (aspect === undefined) {
      return refuse('ear-claim-malformed', type, `one of ${trustAspects.join(', ')} expected`)
    }
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -128 || value > 127) {
      return refuse('ear-claim-malformed', type, 'one whole number from -128 to 127 expected')
    }
    said[aspect] = policysOwn.has(aspect) ? value : worseOf(said[aspect], value)
  }
  return ok(said)
}

/** What verified evidence says by its vendor's names, and what was found out about it, by Trustee's. */
function annotated(evidence: AttestedEvidence, claims: AttestationClaims): object {
  const runtime = claims[claimNames.runtime]
  const initTime = claims[claimNames.initTime]
  return {
    [evidence.kind]: {
      ...claimsOf(evidence),
      ...(evidence.kind === 'snp'
        ? {}
        : { tcb_status: evidence.tcbStatus, advisory_ids: evidence.advisoryIds }),
      earliest_expiration_date: new Date(1000 * evidence.earliestExpiry).toISOString(),
    },
    simulated: claims[claimNames.simulated],
    ...(claims[claimNames.platformId] === undefined
      ? {}
      : { platform_id: claims[claimNames.platformId] }),
    report_data: evidence.reportData,
    init_data: initDataOf(evidence),
    ...(runtime === undefined ? {} : { runtime_data_claims: runtime }),
    ...(initTime === undefined ? {} : { init_data_claims: initTime }),
  }
}

function initDataOf(evidence: AttestedEvidence): string {
  switch (evidence.kind) {
    case 'sgx':
      return evidence.configId
    case 'tdx':
      return evidence.mrConfigId
    case 'snp':
      return evidence.hostData
    default:
      return unreachable(evidence)
  }
}

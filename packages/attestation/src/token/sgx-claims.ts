/**
 * What the attestation service says of an SGX enclave, by Azure's names and a few of ours.
 *
 * @see Azure Attestation, claim sets; docs/spec/tokens.md
 * @module
 */

import {
  base64UrlOf,
  hexOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import type { PolicyClaim } from '../policy/index.ts'
import {
  intelSgxRootSpki,
  type SgxEvidence,
  type Verified,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
} from '../verification/index.ts'
import { tokenLimits } from './limits.ts'
import { claimNames, claimSetVersion, collateralNames } from './names.ts'

/** Data that the evidence commits to, as an attest request carries it. */
export interface BoundData {
  /** The bytes that were hashed. */
  readonly data: Uint8Array
  readonly dataType: 'JSON' | 'Binary'
}

export type SgxClaimsCode =
  | 'runtime-data-binding'
  | 'init-time-data-binding'
  | 'runtime-data-malformed'
  | 'init-time-data-malformed'

/** The claims of an attestation token, but for those of the token itself (`iss`, `iat`, `nbf`, `exp`, `jti`). */
export type SgxClaims = Readonly<Record<string, unknown>>

/**
 * Builds the claims for verified evidence and the data that came with it.
 *
 * @param input - `runtimeData` must hash to REPORTDATA and `initTimeData` to CONFIGID; `nonce` is echoed and
 *   proves nothing.
 * @returns claims as JSON values, or `runtime-data-binding`, `init-time-data-binding`,
 *   `runtime-data-malformed`, `init-time-data-malformed` (said to be JSON, and not).
 */
export async function sgxClaimsOf(input: {
  readonly evidence: Verified<SgxEvidence>
  readonly runtimeData?: BoundData
  readonly initTimeData?: BoundData
  readonly nonce?: string
}): Promise<Result<SgxClaims, Problem<SgxClaimsCode>>> {
  const { evidence, runtimeData, initTimeData, nonce } = input
  const claims: Record<string, unknown> = {
    ...(nonce === undefined ? {} : { [claimNames.nonce]: nonce }),
    ...evidenceClaimsOf(evidence),
  }
  if (runtimeData !== undefined) {
    const bound = await verifyRuntimeDataBinding(evidence, runtimeData.data)
    if (!bound.ok) return bound
    if (runtimeData.dataType === 'Binary') {
      claims[claimNames.enclaveHeldData] = base64UrlOf(runtimeData.data)
    } else {
      const json = jsonOf(runtimeData.data, dataLimits)
      if (!json.ok) return refuse('runtime-data-malformed', json.problem.at, json.problem.detail)
      claims[claimNames.runtime] = json.value
    }
  }
  if (initTimeData !== undefined) {
    const bound = await verifyInitTimeDataBinding(evidence, initTimeData.data)
    if (!bound.ok) return bound
    if (initTimeData.dataType === 'JSON') {
      const json = jsonOf(initTimeData.data, dataLimits)
      if (!json.ok) return refuse('init-time-data-malformed', json.problem.at, json.problem.detail)
      claims[claimNames.initTime] = json.value
    }
  }
  return ok(claims)
}

/** The claims that a policy sees: those of `claims` whose value is text, a whole number or a boolean. */
export function policyClaimsOf(claims: SgxClaims): readonly PolicyClaim[] {
  return Object.entries(claims).flatMap(([type, value]): readonly PolicyClaim[] => {
    const seen =
      typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
    return seen
      ? [{ type, value: value as PolicyClaim['value'], issuer: 'AttestationService' }]
      : []
  })
}

/**
 * Adds what a policy issued to the service's own claims.
 *
 * A policy cannot replace a claim of the service, and cannot make one that looks like the service's: such
 * claims, and those of the token itself, are left out of the top level. All of them are in `x-ms-policy`.
 * A type that was issued more than once becomes a list.
 */
export function withIssuedClaims(claims: SgxClaims, issued: readonly Claim[]): SgxClaims {
  const made = new Map<string, Claim['value'][]>()
  for (const { type, value } of issued) made.set(type, [...(made.get(type) ?? []), value])
  const entries = [...made].map(
    ([type, values]) => [type, values.length > 1 ? values : values[0]] as const,
  )
  const free = entries.filter(([type]) => !Object.hasOwn(claims, type) && !isReserved(type))
  return {
    ...claims,
    ...Object.fromEntries(free),
    ...(entries.length > 0 ? { [claimNames.policy]: Object.fromEntries(entries) } : {}),
  }
}

const registered: ReadonlySet<string> = new Set('iss sub aud exp nbf iat jti cnf nonce'.split(' '))

function isReserved(type: string): boolean {
  return registered.has(type) || type === '__proto__' || /^x-(?:ms|sealward)-/.test(type)
}

const dataLimits = { bytesMax: tokenLimits.charactersMax, depthMax: tokenLimits.depthMax }

function evidenceClaimsOf(evidence: Verified<SgxEvidence>): Record<string, unknown> {
  const { reportBody } = evidence.quote
  return {
    [claimNames.version]: claimSetVersion,
    [claimNames.attestationType]: 'sgx',
    [claimNames.debug]: evidence.debug,
    [claimNames.mrEnclave]: evidence.mrEnclave,
    [claimNames.mrSigner]: evidence.mrSigner,
    [claimNames.isvProdId]: evidence.isvProdId,
    [claimNames.isvSvn]: evidence.isvSvn,
    [claimNames.reportData]: evidence.reportData,
    [claimNames.collateral]: collateralOf(evidence),
    ...(reportBody.kss
      ? {
          [claimNames.configId]: evidence.configId,
          [claimNames.configSvn]: reportBody.configSvn,
          [claimNames.isvExtProdId]: hexOf(reportBody.isvExtProdId),
          [claimNames.isvFamilyId]: hexOf(reportBody.isvFamilyId),
        }
      : {}),
    [claimNames.tcbStatus]: evidence.tcbStatus,
    [claimNames.advisoryIds]: evidence.advisoryIds,
    [claimNames.simulated]: isSimulated(evidence),
    [claimNames.evidenceRoot]: evidence.rootSpkiSha256,
    [claimNames.evidenceExpires]: evidence.earliestExpiry,
  }
}

/** Whether evidence comes from a simulated TEE: from anything whose chains do not end in Intel's root. */
export function isSimulated(evidence: Verified<SgxEvidence>): boolean {
  return evidence.rootSpkiSha256 !== intelSgxRootSpki.sha256
}

function collateralOf({ hashes }: SgxEvidence): Record<string, string> {
  const names = Object.keys(collateralNames) as (keyof typeof collateralNames)[]
  return Object.fromEntries(names.map((name) => [collateralNames[name], hashes[name]]))
}

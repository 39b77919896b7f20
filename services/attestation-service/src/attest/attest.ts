/**
 * `POST /attest/SgxEnclave`: appraises evidence and signs what was found.
 *
 * @see Azure REST API specifications, attestation data plane, `AttestSgxEnclave`
 * @module
 */

import {
  bytesOfBase64Url,
  hexOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  type Shape,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { Claim } from '@sealward/attestation/claims'
import {
  evaluatePolicy,
  parsePolicy,
  policyHashOf,
  policyLimits,
} from '@sealward/attestation/policy'
import {
  type BoundData,
  claimNames,
  policyClaimsOf,
  type SgxClaims,
  sgxClaimsOf,
  withIssuedClaims,
} from '@sealward/attestation/token'
import {
  type DcapTools,
  type SgxEvidence,
  type Verified,
  verifySgxEvidence,
} from '@sealward/attestation/verification'
import { mayBeRetried, type PcsClient } from '@sealward/enclave/endorsements'
import type { Clock, Random } from '@sealward/enclave/server'
import { type Answer, azureRefusal } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { draftToken, signToken } from '../keys/sign-token.ts'
import { limits } from '../limits.ts'
import type { PolicyInForce } from '../policies/policy-reader.ts'

export interface AttestDeps {
  readonly instance: Instance
  readonly endorsements: PcsClient
  /** With what quotes are verified, and what is remembered of platforms. */
  readonly verification: DcapTools
  readonly clock: Clock
  readonly random: Random
}

/**
 * Appraises SGX evidence.
 *
 * @param body - JSON as it came.
 * @returns `{token}`, or a refusal in Azure's form with one of our codes inside.
 */
export async function attestSgxEnclave(deps: AttestDeps, body: Uint8Array): Promise<Answer> {
  const request = parseAttestRequest(body)
  if (!request.ok) return invalid(request.problem)
  const { quote, runtimeData, initTimeData, nonce, draftPolicy } = request.value
  const { instance } = deps
  const policy =
    draftPolicy === undefined
      ? await instance.policies.inForce('SgxEnclave')
      : await readDraft(draftPolicy)
  if (!policy.ok) {
    return policy.problem.code === 'store-unavailable'
      ? azureRefusal(503, 'ServiceUnavailable', policy.problem.detail, policy.problem)
      : azureRefusal(400, 'PolicyParsingError', policy.problem.detail, policy.problem)
  }

  // 1. The evidence and its endorsements hold, at this instant.
  const endorsements = await deps.endorsements.endorsementsFor(quote)
  if (!endorsements.ok) {
    return mayBeRetried(endorsements.problem.code)
      ? azureRefusal(503, 'ServiceUnavailable', endorsements.problem.detail, endorsements.problem)
      : invalid(endorsements.problem)
  }
  const at = deps.clock.now()
  const evidence = await verifySgxEvidence(
    { quote, endorsements: endorsements.value, roots: instance.roots, at },
    deps.verification,
  )
  if (!evidence.ok) return invalid(evidence.problem)

  // 2. It binds the data that came with it.
  const claims = await sgxClaimsOf({
    evidence: evidence.value,
    ...(runtimeData === undefined ? {} : { runtimeData }),
    ...(initTimeData === undefined ? {} : { initTimeData }),
    ...(nonce === undefined ? {} : { nonce }),
  })
  if (!claims.ok) return invalid(claims.problem)

  // 3. The policy permits it.
  const issued = evaluatePolicy(policy.value.policy, policyClaimsOf(claims.value), policyLimits)
  if (!issued.ok) {
    return azureRefusal(400, 'PolicyEvaluationError', refusalText(issued.problem), issued.problem)
  }

  // 4. Nothing but the instance's own policy makes a token that is signed.
  const token = tokenClaims(deps, at, evidence.value, claims.value, issued.value, policy.value.hash)
  return {
    status: 200,
    body: {
      token:
        draftPolicy === undefined
          ? await signToken(instance.keys.current(), instance.issuer, 'JWT', token)
          : draftToken(instance.keys.current(), instance.issuer, token),
    },
  }
}

/** A policy that its author tries out. */
async function readDraft(text: string): Promise<Result<PolicyInForce>> {
  const policy = parsePolicy(text)
  return policy.ok ? ok({ policy: policy.value, hash: await policyHashOf(text) }) : policy
}

function tokenClaims(
  deps: AttestDeps,
  at: UnixSeconds,
  evidence: Verified<SgxEvidence>,
  claims: SgxClaims,
  issued: readonly Claim[],
  policyHash: string,
): SgxClaims {
  return {
    ...withIssuedClaims(claims, issued),
    ...deprecatedClaims(claims),
    [claimNames.policyHash]: policyHash,
    [claimNames.issuer]: deps.instance.issuer,
    [claimNames.issuedAt]: at,
    [claimNames.notBefore]: at,
    [claimNames.expiresAt]: Math.min(
      at + limits.attestationLifetimeSeconds,
      evidence.earliestExpiry,
    ),
    [claimNames.id]: hexOf(deps.random.bytes(32)),
  }
}

/** What Azure's first clients read. Its policy language cannot issue these, so the service itself does. */
function deprecatedClaims(claims: SgxClaims): SgxClaims {
  const heldData = claims[claimNames.enclaveHeldData]
  return {
    'maa-attestationcollateral': claims[claimNames.collateral],
    ...(heldData === undefined ? {} : { 'aas-ehd': heldData, 'maa-ehd': heldData }),
  }
}

interface AttestRequest {
  readonly quote: Uint8Array
  readonly runtimeData: BoundData | undefined
  readonly initTimeData: BoundData | undefined
  readonly nonce: string | undefined
  readonly draftPolicy: string | undefined
}

/** Fields that are not known are let pass, as Azure does: clients of later versions send more. */
function parseAttestRequest(body: Uint8Array): Result<AttestRequest, Problem> {
  const json = jsonOf(body, { bytesMax: limits.attestBodyBytesMax, depthMax: limits.bodyDepthMax })
  if (!json.ok) return json
  return reading(json.value, '', (top) =>
    top.object('ignored', (fields) => ({
      quote: base64Url(fields.required('quote'), limits.quoteCharactersMax),
      runtimeData: boundData(fields.optional('runtimeData')),
      initTimeData: boundData(fields.optional('initTimeData')),
      nonce: fields.optional('nonce')?.string(limits.nonceCharactersMax),
      draftPolicy: fields.optional('draftPolicyForAttestation')?.string(policyLimits.charactersMax),
    })),
  )
}

function boundData(shape: Shape | undefined): BoundData | undefined {
  return shape?.object('ignored', (fields) => ({
    data: base64Url(fields.required('data'), limits.boundDataCharactersMax),
    dataType: fields.required('dataType').oneOf(['JSON', 'Binary']),
  }))
}

function base64Url(shape: Shape, charactersMax: number): Uint8Array {
  const text = shape.string(charactersMax)
  return bytesOfBase64Url(text) ?? shape.fail('wrong-value', 'base64url without padding expected')
}

function invalid(problem: Problem): Answer {
  return azureRefusal(400, 'InvalidParameter', problem.detail, problem)
}

/** The two sentences that Azure's clients know. */
function refusalText(problem: Problem): string {
  switch (problem.code) {
    case 'denied':
      return 'A Deny claim was issued, authorization failed.'
    case 'not-permitted':
      return 'No Permit claim was issued in the authorizationrules section, authorization failed.'
    default:
      return problem.detail
  }
}

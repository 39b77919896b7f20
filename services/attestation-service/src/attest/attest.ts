/**
 * `POST /attest/…`: appraises evidence and signs what was found.
 *
 * @see Azure REST API specifications, attestation data plane; docs/spec/tokens.md, docs/spec/ear.md
 * @module
 */

import { hexOf, ok, type Problem, type Result } from '@sealward/attestation/bytes'
import type { Claim } from '@sealward/attestation/claims'
import {
  type AttestationType,
  attestationTypes,
  azureMessageOf,
  configurationOf,
  evaluatePolicy,
  incomingClaims,
  type PolicyConfiguration,
  parsePolicy,
  policyHashOf,
  policyLimits,
} from '@sealward/attestation/policy'
import {
  type AttestationClaims,
  attestationClaimsOf,
  type BoundData,
  claimNames,
  deniableOf,
  deprecatedClaimsOf,
  earClaimsOf,
  withIssuedClaims,
} from '@sealward/attestation/token'
import { mayBeRetried } from '@sealward/enclave/endorsements'
import type { Random } from '@sealward/enclave/server'
import { type Answer, azureRefusal } from '../answer.ts'
import type { ApiVersion } from '../api-version.ts'
import type { Instance } from '../instance.ts'
import { draftToken, signToken } from '../keys/sign-token.ts'
import type { PolicyInForce } from '../policies/policy-reader.ts'
import { denialIn, isStoreProblem } from '../revocation/denials.ts'
import { serviceVersion } from '../version.ts'
import { parseAttestRequest } from './attest-request.ts'
import type { EvidenceDeps, EvidenceType, HeldEvidence } from './evidence-type.ts'
import { evidenceTypes } from './evidence-types.ts'
import { contentTypeOf, type ResultFormat, resultFormatOf } from './result-format.ts'
import { baselineOf } from './tcb-baseline.ts'

export interface AttestDeps extends EvidenceDeps {
  readonly instance: Instance
  readonly random: Random
  /** Claims that other parts of the service have to add. They cannot replace one of evidence. */
  readonly additionalClaims?: (input: AdditionalClaimsInput) => Promise<AttestationClaims>
}

export interface AdditionalClaimsInput {
  readonly instance: Instance
  readonly type: AttestationType
  /** As JSON, bound by the evidence; `undefined` where none came, or none that is JSON. */
  readonly runtimeData: unknown
  /** As the request has it: nothing binds it. */
  readonly nonce: string | undefined
}

/** What a client sent. */
export interface AttestQuestion {
  /** As the path has it. */
  readonly type: string
  readonly apiVersion: ApiVersion | undefined
  readonly accept?: string | undefined
  /** As it came. */
  readonly body: Uint8Array
}

/**
 * Appraises evidence.
 *
 * @returns `{token}` or an EAT Attestation Result, or a refusal in Azure's form with one of our codes inside.
 */
export async function attest(deps: AttestDeps, question: AttestQuestion): Promise<Answer> {
  const type = attestationTypes.find((one) => one === question.type)
  if (type === undefined) return typeNotOffered
  const evidenceType = evidenceTypes[type]
  const { apiVersion } = question
  if (apiVersion === undefined || !evidenceType.apiVersions.includes(apiVersion)) {
    return versionWithoutType(evidenceType)
  }
  const format = resultFormatOf(question.accept)
  if (!format.ok) {
    return azureRefusal(406, 'NotAcceptable', format.problem.detail, format.problem)
  }
  const request = parseAttestRequest(question.body, evidenceType)
  if (!request.ok) return invalid(request.problem)
  const { evidence: received, runtimeData, initTimeData, nonce, draftPolicy } = request.value
  const { instance } = deps
  const policy =
    draftPolicy === undefined ? await instance.policies.inForce(type) : await readDraft(draftPolicy)
  if (!policy.ok) {
    return isOurs(policy.problem)
      ? unavailable(policy.problem)
      : azureRefusal(400, 'PolicyParsingError', azureMessageOf(policy.problem), policy.problem)
  }

  // 1. The evidence and its endorsements hold, at this instant, by the baseline that the policy asks for.
  const configuration = configurationOf(policy.value.policy, policyLimits)
  if (!configuration.ok) return refusedByPolicy(configuration.problem)
  const verified = await evidenceType.verify(
    received,
    { roots: instance.roots, baseline: baselineOf(configuration.value) },
    deps,
  )
  if (!verified.ok) {
    if (mayBeRetried(verified.problem.code)) return unavailable(verified.problem)
    return verified.problem.code === 'evaluation-withdrawn'
      ? unfulfillable(verified.problem)
      : invalid(verified.problem)
  }

  // 2. It binds the data that came with it.
  const claims = await claimsOf(deps, type, verified.value, { runtimeData, initTimeData, nonce })
  if (!claims.ok) return invalid(claims.problem)

  // 3. Nothing that it is has been denied, and the policy permits it.
  const denial = await denialIn(
    instance.denials,
    deniableOf({ ...claims.value, [claimNames.policyHash]: policy.value.hash }),
  )
  if (denial !== undefined) return isStoreProblem(denial) ? unavailable(denial) : denied(denial)
  const issued = evaluatePolicy(policy.value.policy, incomingClaims(claims.value), policyLimits)
  if (!issued.ok) return refusedByPolicy(issued.problem)

  // 4. Nothing but the instance's own policy makes a result that is signed.
  return resultOf(deps, {
    held: verified.value,
    claims: claims.value,
    issued: issued.value,
    policyHash: policy.value.hash,
    lifetimeSeconds: lifetimeSecondsOf(instance, configuration.value),
    isDraft: draftPolicy !== undefined,
    format: format.value,
  })
}

/** Whether it is the service that has no policy to go by, and no policy that is wrong. */
function isOurs({ code }: Problem): boolean {
  return code === 'store-unavailable' || code === 'policy-state-refused'
}

/** A policy that its author tries out. */
async function readDraft(text: string): Promise<Result<PolicyInForce>> {
  const policy = parsePolicy(text)
  return policy.ok ? ok({ policy: policy.value, hash: await policyHashOf(text) }) : policy
}

async function claimsOf(
  { instance, verification, additionalClaims }: AttestDeps,
  type: AttestationType,
  held: HeldEvidence,
  sent: {
    readonly runtimeData: BoundData | undefined
    readonly initTimeData: BoundData | undefined
    readonly nonce: string | undefined
  },
): Promise<Result<AttestationClaims, Problem>> {
  const claims = await attestationClaimsOf({
    ...held,
    ...sent,
    digest: verification.cryptography,
  })
  if (!claims.ok || additionalClaims === undefined) return claims
  const runtimeData = claims.value[claimNames.runtime]
  const additional = await additionalClaims({
    instance,
    type,
    runtimeData,
    nonce: sent.nonce,
  })
  return ok({ ...additional, ...claims.value })
}

interface Appraised {
  readonly held: HeldEvidence
  readonly claims: AttestationClaims
  readonly issued: readonly Claim[]
  readonly policyHash: string
  readonly lifetimeSeconds: number
  readonly isDraft: boolean
  readonly format: ResultFormat
}

async function resultOf({ instance, random }: AttestDeps, appraised: Appraised): Promise<Answer> {
  const { held, claims, issued, policyHash, isDraft, format } = appraised
  const { evidence, at } = held
  const life = {
    issuedAt: at,
    expiresAt: Math.min(at + appraised.lifetimeSeconds, evidence.earliestExpiry),
    id: hexOf(random.bytes(32)),
  }
  const { issuer, keys } = instance
  const signed = (typ: 'JWT' | 'eat+jwt', payload: AttestationClaims): Promise<string> | string =>
    isDraft
      ? draftToken(keys.current(), issuer, typ, payload)
      : signToken(keys.current(), issuer, typ, payload)

  if (format === 'azure') {
    const token = await signed('JWT', {
      ...withIssuedClaims(claims, issued),
      ...deprecatedClaimsOf(claims),
      [claimNames.policyHash]: policyHash,
      [claimNames.issuer]: issuer,
      [claimNames.issuedAt]: life.issuedAt,
      [claimNames.notBefore]: life.issuedAt,
      [claimNames.expiresAt]: life.expiresAt,
      [claimNames.id]: life.id,
    })
    return { status: 200, body: { token } }
  }
  const ear = earClaimsOf({ ...life, evidence, claims, issued, policyHash, verifier, issuer })
  if (!ear.ok) {
    return ear.problem.code === 'ear-claim-malformed'
      ? unfulfillable(ear.problem)
      : invalid(ear.problem)
  }
  return {
    status: 200,
    headers: { 'content-type': contentTypeOf(format) },
    body: await signed('eat+jwt', ear.value),
  }
}

/** A policy shortens what the instance gives, and never lengthens it: that is the operator's to say. */
function lifetimeSecondsOf(
  instance: Instance,
  { reportValidityMinutes }: PolicyConfiguration,
): number {
  return Math.min(instance.attestationLifetimeSeconds, (reportValidityMinutes ?? Infinity) * 60)
}

const verifier = { developer: 'Sealward', build: `attestation-service ${serviceVersion}` }

const typeNotOffered = azureRefusal(404, 'NotFound', 'This attestation type is not offered.', {
  code: 'attestation-type-unknown',
  at: 'path',
  detail: `${attestationTypes.join(', ')} are offered`,
})

function versionWithoutType({ apiVersions }: EvidenceType): Answer {
  const message = 'The api-version is not supported for this attestation type.'
  return azureRefusal(400, 'InvalidParameter', message, {
    code: 'api-version-unknown',
    at: 'api-version',
    detail: `one of ${apiVersions.join(', ')} is expected`,
  })
}

function unavailable(problem: Problem): Answer {
  return azureRefusal(503, 'ServiceUnavailable', problem.detail, problem)
}

/** Whatever a policy says. */
function denied(problem: Problem): Answer {
  return azureRefusal(400, 'InvalidOperation', problem.detail, problem)
}

function invalid(problem: Problem): Answer {
  return azureRefusal(400, 'InvalidParameter', problem.detail, problem)
}

/** What a policy asks for cannot be had. */
function unfulfillable(problem: Problem): Answer {
  return azureRefusal(400, 'PolicyEvaluationError', problem.detail, problem)
}

function refusedByPolicy(problem: Problem): Answer {
  return azureRefusal(400, 'PolicyEvaluationError', azureMessageOf(problem), problem)
}

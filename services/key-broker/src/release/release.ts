/**
 * Releasing a key to an attested workload.
 *
 * @see docs/spec/key-broker.md, docs/spec/release-policy.md
 * @module
 */

import { ok, type Problem, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import { type AttestationResult, claimNames } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { ApiVersion } from '../api-version.ts'
import type { AuditActor, AuditDetails } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import { policyOf } from '../keys/key-bundle.ts'
import { readBody } from '../keys/key-request.ts'
import { createKeyStore, type StoredVersion } from '../keys/key-store.ts'
import { usable } from '../keys/usable.ts'
import { limits as serviceLimits } from '../limits.ts'
import { evaluatePolicy, type PolicyVerdict, unmetClaims } from './evaluate-policy.ts'
import { limits } from './limits.ts'
import { auditConditionsOf, policyDetailsOf } from './policy-details.ts'
import { parseReleasePolicy } from './release-policy.ts'
import type { ReleaseSigner } from './release-signer.ts'
import { releasedKeyOf } from './released-key.ts'
import { type TargetKey, targetKeyOf } from './target-key.ts'
import { type ReleaseEncryption, releaseEncryptions } from './wrap-key.ts'

/** Who asks, and how the request came. */
export type ReleaseAsker =
  /** Somebody on behalf of a workload; the token is the workload's. */
  | { readonly kind: 'person'; readonly subject: string }
  /** The workload itself, on attested TLS, with this certificate. */
  | { readonly kind: 'workload'; readonly certificateSha256: string }

export interface ReleaseQuestion {
  readonly asker: ReleaseAsker
  readonly name: string
  /** The current version, unless one is named. */
  readonly version: string | undefined
  readonly apiVersion: ApiVersion
  readonly body: Uint8Array
}

export interface ReleaseRequest {
  readonly token: string
  readonly nonce: string | undefined
  readonly encryption: ReleaseEncryption
}

/**
 * Releases a key, if the token is believed and the key's policy is met; writes down why, or why not.
 *
 * @returns a signed answer, or the first problem: of the request, of the token, of the key, `release-refused`,
 *   `target-key-missing`, `target-key-refused`.
 */
export async function releaseKey(
  broker: Broker,
  signer: ReleaseSigner,
  question: ReleaseQuestion,
): Promise<Result<{ readonly value: string }, Problem>> {
  const request = readRelease(question.body)
  if (!request.ok) return request
  // Who is not believed learns nothing of keys, and writes nothing into the log.
  const token = await broker.authorities.verify(request.value.token)
  if (!token.ok) return ofToken(token.problem)
  const holder = holderProblem(question.asker, token.value)
  if (holder !== undefined) return { ok: false, problem: holder }
  const stored = await reaching<StoredVersion, Problem>(() =>
    createKeyStore(broker.sealer).readVersion(broker.database, question.name, question.version),
  )
  if (!stored.ok) return stored
  const decided = decide(broker, stored.value, token.value)
  const recorded = await record(broker, question.asker, stored.value, token.value, decided)
  if (!recorded.ok) return recorded
  if (!decided.result.ok) return decided.result
  const asked = { ...request.value, apiVersion: question.apiVersion }
  const payload = releasedKeyOf(broker, stored.value, decided.result.value, asked, broker.random)
  return ok({ value: signer.sign(payload) })
}

/** A problem of the attestation token, told apart from one of the bearer token beside it. */
function ofToken(problem: Problem): Result<never, Problem> {
  return { ok: false, problem: { ...problem, at: `target.${problem.at}` } }
}

/** Reads `{target, nonce?, enc?}`. */
export function readRelease(body: Uint8Array): Result<ReleaseRequest, Problem<'body-malformed'>> {
  return readBody(body, (top) =>
    top.object('refused', ({ required, optional }) => ({
      token: required('target').string(serviceLimits.bodyBytesMax),
      nonce: optional('nonce')?.string(limits.nonceCharactersMax),
      encryption: optional('enc')?.oneOf(releaseEncryptions) ?? 'CKM_RSA_AES_KEY_WRAP',
    })),
  )
}

/** On attested TLS a token is shown by the workload that it is about, or by nobody. */
function holderProblem(asker: ReleaseAsker, { claims }: AttestationResult): Problem | undefined {
  if (asker.kind === 'person') return undefined
  const { tls } = Object(claims[claimNames.runtime]) as { readonly tls?: unknown }
  const bound = (Object(tls) as Readonly<Record<string, unknown>>)['x5t#S256']
  return bound === asker.certificateSha256
    ? undefined
    : {
        code: 'wrong-holder',
        at: `target.${claimNames.runtime}.tls`,
        detail: 'The token is not about the workload that shows it.',
      }
}

interface Decision {
  readonly result: Result<TargetKey, Problem>
  /** Where the policy was asked. */
  readonly verdict?: PolicyVerdict
}

function decide(
  { clock }: Broker,
  stored: StoredVersion,
  { issuer, claims }: Verified<AttestationResult>,
): Decision {
  const use = usable(stored, 'export', clock.now())
  if (!use.ok) return { result: use }
  const policy = policyOf(stored.version)
  if (policy === undefined) {
    return { result: refuse('key-not-exportable', 'path', 'The key is not exportable.') }
  }
  const parsed = parseReleasePolicy(utf8Of(policy.text))
  if (!parsed.ok) return { result: parsed }
  const verdict = evaluatePolicy(parsed.value, { issuer, claims })
  return { result: verdict.met ? targetKeyOf(claims) : unmet(verdict), verdict }
}

/** Claims are named, so that a workload's operator knows where to look; what they should be, the log says. */
function unmet(verdict: PolicyVerdict): Result<never, Problem<'release-refused'>> {
  const claims = unmetClaims(verdict)
  const detail =
    claims.length === 0
      ? 'The key’s release policy does not name the authority that issued the token.'
      : `The key’s release policy is not met. Not as it asks: ${claims.join(', ')}.`
  return refuse('release-refused', 'target', detail)
}

/** Before the answer: a release that is not written down does not happen. */
async function record(
  { audit, clock, database }: Broker,
  asker: ReleaseAsker,
  stored: StoredVersion,
  token: Verified<AttestationResult>,
  { result, verdict }: Decision,
): Promise<Result<true, Problem>> {
  const policy = policyOf(stored.version)
  const type = token.claims[claimNames.attestationType]
  const details: AuditDetails = {
    ...(policy === undefined ? {} : await policyDetailsOf(policy)),
    ...(verdict === undefined ? {} : { met: verdict.met, conditions: auditConditionsOf(verdict) }),
    ...(result.ok && recipientForm.test(result.value.kid) ? { recipient: result.value.kid } : {}),
    ...(typeof type === 'string' ? { attestationType: type } : {}),
  }
  return inTransaction(database, async (transaction) => {
    await audit.append(transaction, {
      at: clock.now(),
      actor: actorOf(asker, token),
      action: 'key-release',
      target: `keys/${stored.key.name.toLowerCase()}/${stored.entry.id}`,
      outcome: result.ok ? 'done' : result.problem.code,
      details,
    })
    return ok(true)
  })
}

function actorOf(asker: ReleaseAsker, { claims, issuer }: AttestationResult): AuditActor {
  if (asker.kind === 'person') return { kind: 'person', subject: asker.subject }
  const id = claims[claimNames.id]
  return { kind: 'workload', token: typeof id === 'string' ? id : '', issuer }
}

const recipientForm = /^[A-Za-z0-9_-]{1,128}$/

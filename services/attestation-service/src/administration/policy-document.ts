/**
 * What a policy's JSON Web Signature says: a policy, that there is none, or a signer.
 *
 * @module
 */

import {
  base64UrlOf,
  bytesOfBase64Url,
  type Fields,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  textOf,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  configurationOf,
  type Policy,
  parsePolicy,
  policyLimits,
} from '@sealward/attestation/policy'
import { limits } from './limits.ts'
import { type CertifiedJwk, type PolicyJws, readJwk } from './policy-jws.ts'

/** What a payload may say of itself, all of it ours: Azure's clients say nothing. */
export interface Stated {
  /** When it was signed. */
  readonly issuedAt: UnixSeconds | undefined
  /** The one address it is for. */
  readonly audience: string | undefined
}

export interface PolicyDocument extends Stated {
  readonly policy: Policy
}

/** The unsecured JWS of a type whose policy is not set, where there is no default. Nothing is in it. */
export const unsetPolicyJws = 'eyJhbGciOiJub25lIn0..'

/** An unsecured JWS of a policy, as Azure's own clients write it. */
export function unsecuredPolicyJws(policyText: string): string {
  const header = base64UrlOf(utf8Of(JSON.stringify({ alg: 'none' })))
  const payload = JSON.stringify({ AttestationPolicy: base64UrlOf(utf8Of(policyText)) })
  return `${header}.${base64UrlOf(utf8Of(payload))}.`
}

/**
 * Reads a policy to be set.
 *
 * @returns the policy, why the payload is none, or what the policy language refuses.
 */
export function readPolicyDocument({ payload }: PolicyJws): Result<PolicyDocument, Problem> {
  const text = readPayload(payload, (fields) => {
    const field = fields.required('AttestationPolicy')
    const bytes = bytesOfBase64Url(field.string(limits.bodyBytesMax))
    return {
      ...statedIn(fields),
      text: (bytes && textOf(bytes)) ?? field.fail('wrong-value', 'base64url of UTF-8 expected'),
    }
  })
  if (!text.ok) return text
  const policy = parsePolicy(text.value.text)
  if (!policy.ok) return policy
  // What would refuse every evidence is refused at once, where its author still looks.
  const configuration = configurationOf(policy.value, policyLimits)
  if (!configuration.ok) return configuration
  const { issuedAt, audience } = text.value
  return ok({ issuedAt, audience, policy: policy.value })
}

/**
 * Reads the request to reset. It carries no policy: what was signed to set one must not reset one.
 *
 * @returns what it says of itself, `policy-not-empty`, or why the payload was refused.
 */
export function readResetDocument({ payload }: PolicyJws): Result<Stated, Problem> {
  if (payload.length === 0) return ok({ issuedAt: undefined, audience: undefined })
  const read = readPayload(payload, (fields) => ({
    ...statedIn(fields),
    policy: fields.optional('AttestationPolicy')?.string(limits.bodyBytesMax) ?? '',
  }))
  if (!read.ok) return read
  const { policy, ...stated } = read.value
  return policy === ''
    ? ok(stated)
    : refuse('policy-not-empty', 'AttestationPolicy', 'a reset carries no policy')
}

/**
 * Reads the request to add or remove a signer.
 *
 * The released clients of Azure call the claim `policyCertificate`, its documentation `maa-policyCertificate`, its
 * newer names would make it `x-ms-policyCertificate`: one of them is there, and only one.
 */
export function readSignerDocument({
  payload,
}: PolicyJws): Result<Stated & { readonly jwk: CertifiedJwk }, Problem> {
  return readPayload(payload, (fields) => {
    const [jwk, ...others] = [
      'policyCertificate',
      'maa-policyCertificate',
      'x-ms-policyCertificate',
    ]
      .map((name) => fields.optional(name))
      .filter((shape) => shape !== undefined)
    if (jwk === undefined) return fields.required('maa-policyCertificate').fail('field-missing', '')
    for (const other of others) other.fail('field-unknown', 'one signer is named, once')
    return { ...statedIn(fields), jwk: readJwk(jwk) }
  })
}

function readPayload<T>(payload: Uint8Array, read: (fields: Fields) => T): Result<T, Problem> {
  const json = jsonOf(payload, { bytesMax: limits.bodyBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return { ok: false, problem: { ...json.problem, at: `payload${json.problem.at}` } }
  return reading(json.value, 'payload', (top) => top.object('ignored', read))
}

function statedIn(fields: Fields): Stated {
  return {
    issuedAt: fields.optional('iat')?.integer(0, Number.MAX_SAFE_INTEGER),
    audience: fields.optional('aud')?.string(limits.nameCharactersMax),
  }
}

/**
 * What can be denied: the kinds, and where a token says each.
 *
 * @see docs/spec/deny-list.md
 * @module
 */

import type { AttestationClaims } from './attestation-claims.ts'
import { claimNames, snpClaimNames as snpNames, tdxClaimNames } from './names.ts'

export const denyKinds = ['measurement', 'signer', 'platform', 'token', 'policy'] as const

/** What an entry of a deny list names. */
export type DenyKind = (typeof denyKinds)[number]

/** Everything by which a token, and whoever it is about, can be denied. */
export type Deniable = Readonly<Record<DenyKind, readonly string[]>>

/** The form of a value of each kind. Hex in lower case, or base64url. */
export const denyValueForms: Readonly<Record<DenyKind, RegExp>> = {
  // MRENCLAVE; MRTD or a guest's launch measurement.
  measurement: /^(?:[0-9a-f]{64}|[0-9a-f]{96})$/,
  // MRSIGNER; digest of an author or identity key.
  signer: /^(?:[0-9a-f]{64}|[0-9a-f]{96})$/,
  // One machine, or with an FMSPC all of its family.
  platform: /^(?:[0-9a-f]{64}|[0-9a-f]{12})$/,
  // `jti`, or the digest of what was signed.
  token: /^[A-Za-z0-9._~-]{1,128}$/,
  policy: /^[A-Za-z0-9_-]{43}$/,
}

/**
 * What the claims of an attestation token, of whichever TEE, can be denied by.
 *
 * @param digest - of what was signed, where there is a token already.
 */
export function deniableOf(claims: AttestationClaims, digest?: string): Deniable {
  return {
    measurement: texts(claims, claimNames.mrEnclave, tdxClaimNames.mrTd, snpNames.measurement),
    signer: texts(claims, claimNames.mrSigner, snpNames.authorKeyDigest, snpNames.idKeyDigest),
    platform: texts(claims, claimNames.platformId, claimNames.fmspc),
    token: [...texts(claims, claimNames.id), ...(digest === undefined ? [] : [digest])],
    policy: texts(claims, claimNames.policyHash),
  }
}

/** The same of an EAT Attestation Result: every submodule's. */
export function deniableOfEar(claims: AttestationClaims, digest: string): Deniable {
  const submodules = objectsIn(claims['submods'])
  const evidence = submodules.map((one) => Object(one['ear.veraison.annotated-evidence']))
  const vendors = evidence.flatMap(objectsIn)
  const all = (from: readonly AttestationClaims[], ...names: readonly string[]) =>
    from.flatMap((one) => texts(one, ...names))
  return {
    measurement: all(vendors, 'mrEnclave', 'mrTd', 'measurement'),
    signer: all(vendors, 'mrSigner', 'authorKeyDigest', 'idKeyDigest'),
    platform: [...all(vendors, 'fmspc'), ...all(evidence, 'platform_id')],
    token: [...texts(claims, claimNames.id), digest],
    policy: all(submodules, 'ear.appraisal-policy-id'),
  }
}

function texts(claims: AttestationClaims, ...names: readonly string[]): readonly string[] {
  return names.map((name) => claims[name]).filter((value) => typeof value === 'string')
}

function objectsIn(value: unknown): readonly AttestationClaims[] {
  return Object.values(Object(value)).filter(
    (one): one is AttestationClaims => typeof one === 'object' && one !== null,
  )
}

/**
 * The deny list of an attestation service: who is not believed any more, signed and dated.
 *
 * @see docs/spec/deny-list.md
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  type ShapeCode,
} from '../bytes/index.ts'
import type { Verified } from '../verification/index.ts'
import { type Deniable, type DenyKind, denyKinds, denyValueForms } from './deniable.ts'
import { tokenLimits } from './limits.ts'
import type { TokenProblem } from './token.ts'
import {
  type Dated,
  issuerAndTimeProblem,
  misshapen,
  type Refusal,
  readDated,
  type SignatureTrust,
  verifySignature,
} from './verify-token.ts'

/** `typ` of a deny list. */
export const denyListType = 'deny-list+jwt'

export interface DenyList extends Dated {
  /** Base64url SHA-256 of the SPKI of the key that signed it. */
  readonly signer: string
  /** Grows with every change, and never shrinks. */
  readonly sequence: number
  readonly denied: Denied
}

/** What is denied, by kind. */
export type Denied = Readonly<Record<DenyKind, ReadonlySet<string>>>

export type DenyListCode = 'deny-list-stale' | 'deny-list-rolled-back'

/** A deny list that counts, or why none is asked for. */
export type DenyListTrust =
  | {
      readonly list: Verified<DenyList>
      /** Seconds after which it counts no more; then nobody is let in. */
      readonly ageSecondsMax: number
    }
  | { readonly unchecked: string }

/**
 * Verifies a deny list.
 *
 * @param text - a compact JWS of type `deny-list+jwt`.
 * @param trust.known - the newest list that was seen before: one of a smaller sequence is `deny-list-rolled-back`.
 * @returns the list; or `deny-list-rolled-back`, `deny-list-stale` for one that has ended, or a code of tokens.
 */
export async function verifyDenyList(
  text: string,
  trust: SignatureTrust & { readonly known?: Pick<DenyList, 'sequence'> | undefined },
): Promise<Result<Verified<DenyList>, TokenProblem>> {
  const signed = await verifySignature(text, [denyListType], trust, {
    charactersMax: tokenLimits.denyListCharactersMax,
  })
  if (!signed.ok) return signed
  const read = parseDenyListClaims(signed.value.payload)
  if (!read.ok) return misshapen(read.problem)
  const list: DenyList = { ...read.value, signer: signed.value.signer }
  const problem = issuerAndTimeProblem(list, trust)
  if (problem?.problem.code === 'expired') return stale
  if (problem !== undefined) return problem
  if (trust.known !== undefined && list.sequence < trust.known.sequence) {
    return refuse('deny-list-rolled-back', 'seq', 'an older list than one that was seen before')
  }
  return ok(list as Verified<DenyList>)
}

/** Reads the claims of a deny list. Believed by nobody yet. */
export function parseDenyListClaims(
  payload: unknown,
): Result<Omit<DenyList, 'signer'>, Problem<ShapeCode>> {
  return reading(payload, '', readDenyList)
}

/** Why nothing is believed by this list at this instant; `undefined`: it is new enough. */
export function denyListProblem(
  trust: DenyListTrust,
  { issuer, at }: Pick<SignatureTrust, 'issuer' | 'at'>,
): Refusal | undefined {
  if ('unchecked' in trust) return undefined
  const { list, ageSecondsMax } = trust
  if (list.issuer !== issuer) return refuse('wrong-issuer', 'denyList.iss', 'another issuer')
  // A clock that was set back makes no list young.
  const isEarly = list.issuedAt - at > tokenLimits.clockSkewSecondsMax
  return isEarly || at - list.issuedAt > ageSecondsMax || at >= list.expiresAt ? stale : undefined
}

/** Why somebody is denied; `undefined` where nothing that they are is on the list. */
export function denialOf(
  denied: Denied,
  deniable: Deniable,
): { readonly ok: false; readonly problem: Problem<DenialCode> } | undefined {
  const kind = denyKinds.find((one) => deniable[one].some((value) => denied[one].has(value)))
  return kind && refuse(`${kind}-denied`, kind, denialWords[kind])
}

export type DenialCode =
  | 'measurement-denied'
  | 'signer-denied'
  | 'platform-denied'
  | 'token-denied'
  | 'policy-denied'

/** A deny list's claims, as its issuer signs them. */
export function encodeDenyList(
  list: Pick<DenyList, 'issuer' | 'sequence' | 'issuedAt' | 'expiresAt' | 'denied'>,
): Readonly<Record<string, unknown>> {
  const { issuer, sequence, issuedAt, expiresAt, denied } = list
  return {
    iss: issuer,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    seq: sequence,
    denied: Object.fromEntries(denyKinds.map((kind) => [kind, [...denied[kind]]])),
  }
}

/** Values by kind, from entries in any order. */
export function deniedOf(
  entries: readonly { readonly kind: DenyKind; readonly value: string }[],
): Denied {
  return denied((kind) => entries.filter((entry) => entry.kind === kind).map(({ value }) => value))
}

const stale: Refusal = refuse(
  'deny-list-stale',
  'denyList',
  'it is not known who has been denied since: nobody is believed until that is known',
)

const denialWords: Readonly<Record<DenyKind, string>> = {
  measurement: 'this software is denied',
  signer: 'software of this signer is denied',
  platform: 'this machine, or its family, is denied',
  token: 'this token was revoked',
  policy: 'what was appraised under this policy is denied',
}

function readDenyList(payload: Shape): Omit<DenyList, 'signer'> {
  return payload.object('ignored', (fields) => ({
    ...readDated(fields),
    sequence: fields.required('seq').integer(0, Number.MAX_SAFE_INTEGER),
    // A kind that is not known here could deny anybody: the list is not read as if it were not there.
    denied: fields
      .required('denied')
      .object('refused', ({ required }) =>
        denied((kind) =>
          required(kind).list(tokenLimits.deniedMax, (value) =>
            value.string(128, denyValueForms[kind]),
          ),
        ),
      ),
  }))
}

function denied(valuesOf: (kind: DenyKind) => readonly string[]): Denied {
  return {
    measurement: new Set(valuesOf('measurement')),
    signer: new Set(valuesOf('signer')),
    platform: new Set(valuesOf('platform')),
    token: new Set(valuesOf('token')),
    policy: new Set(valuesOf('policy')),
  }
}

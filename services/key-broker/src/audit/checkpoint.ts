/**
 * A signed statement of how long the log is and what it ends with. Whoever keeps one holds the broker to it.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

export interface Checkpoint {
  /** Hex SHA-256 of the log's first entry: which log. */
  readonly log: string
  /** Of the last entry. */
  readonly sequence: number
  /** Hex SHA-256 of the last entry. */
  readonly head: string
  /** When it was signed. */
  readonly at: number
}

/** A key that signs checkpoints, as others verify by it. */
export interface AuditKeyJwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  readonly use: 'sig'
  readonly alg: 'ES256'
  /** RFC 7638 thumbprint. */
  readonly kid: string
}

export type CheckpointCode =
  | 'checkpoint-malformed'
  | 'checkpoint-key-unknown'
  | 'checkpoint-signature'

/** Signs a checkpoint: a JWS in compact form (RFC 7515). */
export function signCheckpoint(
  { log, sequence, head, at }: Checkpoint,
  key: { readonly kid: string; readonly privateKey: KeyObject },
): string {
  const parts = [
    { alg: 'ES256', typ, kid: key.kid },
    { log, sequence, head, at },
  ]
  const signed = parts.map((part) => base64UrlOf(utf8Of(JSON.stringify(part)))).join('.')
  const signature = sign('sha256', utf8Of(signed), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${signed}.${base64UrlOf(signature)}`
}

/** @returns what it says, if one of `keys` signed it; one of {@link CheckpointCode}. */
export function verifyCheckpoint(
  jws: string,
  keys: readonly AuditKeyJwk[],
): Result<Checkpoint, Problem<CheckpointCode>> {
  const [head = '', body = '', end = '', ...more] = jws.split('.')
  const header = jsonIn(head, jws.length)
  const payload = jsonIn(body, jws.length)
  const signature = bytesOfBase64Url(end)
  if (
    header === undefined ||
    payload === undefined ||
    signature?.length !== 64 ||
    more.length > 0
  ) {
    return malformed('It is no signed checkpoint.')
  }
  const kid = reading(header, 'header', (top) =>
    top.object('refused', ({ required }) => {
      required('alg').oneOf(['ES256'])
      required('typ').oneOf([typ])
      return required('kid').string(64)
    }),
  )
  if (!kid.ok) return malformed('It is no signed checkpoint.')
  const key = keys.find((one) => one.kid === kid.value)
  if (key === undefined) {
    return refuse('checkpoint-key-unknown', 'header.kid', 'Another key signed it than those given.')
  }
  const isSigned = verify(
    'sha256',
    utf8Of(`${head}.${body}`),
    { key: publicKeyOf(key), dsaEncoding: 'ieee-p1363' },
    signature,
  )
  if (!isSigned) return refuse('checkpoint-signature', 'signature', 'Its signature is wrong.')
  const checkpoint = reading<Checkpoint>(payload, '', (top) =>
    top.object('refused', ({ required }) => ({
      log: required('log').string(64, hexHash),
      sequence: required('sequence').integer(1, Number.MAX_SAFE_INTEGER),
      head: required('head').string(64, hexHash),
      at: required('at').integer(0, Number.MAX_SAFE_INTEGER),
    })),
  )
  return checkpoint.ok ? checkpoint : malformed('What was signed is no checkpoint.')
}

const typ = 'sealward-audit-checkpoint+jws'
const hexHash = /^[0-9a-f]{64}$/
const coordinate = /^[A-Za-z0-9_-]{43}$/

/** Reads a public key, or a set of them, from JSON. The thumbprint is computed, not believed. */
export function auditKeysOf(
  json: unknown,
): Result<readonly AuditKeyJwk[], Problem<'audit-key-malformed'>> {
  const isSet = typeof json === 'object' && json !== null && 'keys' in json
  const keys = reading(isSet ? json : { keys: [json] }, '', (top) =>
    top.object('ignored', ({ required }) =>
      required('keys').list(
        limits.namesMax,
        (item) =>
          item.object('ignored', (fields) => ({
            kty: fields.required('kty').oneOf(['EC']),
            crv: fields.required('crv').oneOf(['P-256']),
            x: fields.required('x').string(43, coordinate),
            y: fields.required('y').string(43, coordinate),
          })),
        1,
      ),
    ),
  )
  const refused = refuse(
    'audit-key-malformed',
    'key',
    'It is no public key of P-256 (JWK), nor a set.',
  )
  if (!keys.ok) return refused
  const known = keys.value.map((jwk): AuditKeyJwk => {
    return { ...jwk, use: 'sig', alg: 'ES256', kid: thumbprintOf(jwk) }
  })
  return known.every(isOnCurve) ? ok(known) : refused
}

/** RFC 7638: required members in the order of their names. */
function thumbprintOf({ crv, kty, x, y }: Pick<AuditKeyJwk, 'crv' | 'kty' | 'x' | 'y'>): string {
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
}

/** As others verify by it. */
export function auditKeyJwkOf(publicKey: KeyObject): AuditKeyJwk {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const jwk = { kty: 'EC', crv: 'P-256', x, y } as const
  return { ...jwk, use: 'sig', alg: 'ES256', kid: thumbprintOf(jwk) }
}

function isOnCurve(key: AuditKeyJwk): boolean {
  try {
    publicKeyOf(key)
    return true
  } catch {
    return false
  }
}

function publicKeyOf({ kty, crv, x, y }: AuditKeyJwk): KeyObject {
  return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
}

function jsonIn(part: string, length: number): unknown {
  if (length > limits.checkpointCharactersMax) return undefined
  const bytes = bytesOfBase64Url(part)
  const json = bytes && jsonOf(bytes, { bytesMax: limits.checkpointCharactersMax, depthMax: 1 })
  return json?.ok === true ? json.value : undefined
}

function malformed(detail: string): Result<never, Problem<'checkpoint-malformed'>> {
  return refuse('checkpoint-malformed', 'checkpoint', detail)
}

/**
 * What an administrator of the hospital signs so that a database which was put back is gone on with.
 *
 * Whoever runs the machine puts databases back; whether an older state may pass for the present one is not
 * theirs to say. The statement names both states, what waited for a block included, so it allows this one restore and
 * no other: the anchor moves on with it, and never comes back to where it was.
 *
 * @see docs/spec/anchors.md
 * @module
 */

import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  textOf,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type AnchorState, sameState } from './anchor.ts'
import { restoreStatementAheadSeconds, restoreStatementSeconds } from './limits.ts'

export interface RestoreStatement {
  readonly deployment: string
  /** What the anchor held; where it was lost, the name of that loss. */
  readonly anchor: AnchorState
  /** What is gone on with: the ledger's head, when all that was committed is in a block. */
  readonly database: AnchorState
  readonly reason: string
  /** When it was signed, in Unix seconds. It is taken for {@link restoreStatementSeconds}. */
  readonly at: number
}

export type RestoreStatementProblem = Problem<'restore-statement-refused'>

/** How a key is named in the measured init-time data. @see RFC 7638 */
export function restorerOf(key: KeyObject): string {
  return thumbprintOf(publicJwkOf(key))
}

/** A compact JWS (ES256) that carries its own key. @param key private, of P-256 */
export function signRestoreStatement(statement: RestoreStatement, key: KeyObject): string {
  const jwk = publicJwkOf(createPublicKey(key))
  const header = partOf({ alg: 'ES256', typ: type, jwk })
  const text = `${header}.${partOf(statement)}`
  const signature = sign('sha256', utf8Of(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${base64UrlOf(signature)}`
}

/**
 * Reads a statement, and says whether it allows exactly this.
 *
 * @param allowed.restorers - keys that may sign, as {@link restorerOf} names them.
 */
export function verifyRestoreStatement(
  jws: string,
  allowed: {
    readonly deployment: string
    readonly restorers: readonly string[]
    readonly anchor: AnchorState
    readonly database: AnchorState
    /** Unix seconds. */
    readonly now: number
  },
): Result<RestoreStatement, RestoreStatementProblem> {
  if (jws.length > statementCharactersMax) return refused('it is too long')
  const [header, payload, signature, ...more] = jws.trim().split('.')
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    return refused('it is no compact JWS')
  }
  const jwk = read(header, readHeader)
  if (jwk === undefined) return refused('its header is not one of a statement')
  if (!allowed.restorers.includes(thumbprintOf(jwk))) {
    return refused('its key is none of those that the measured init-time data names')
  }
  const bytes = bytesOfBase64Url(signature)
  if (bytes?.length !== 64 || !isSignature(jwk, `${header}.${payload}`, bytes)) {
    return refused('its signature does not verify')
  }
  const statement = read(payload, readStatement)
  if (statement === undefined) return refused('its payload is not a statement')
  if (statement.deployment !== allowed.deployment) return refused('it is of another deployment')
  if (
    !sameState(statement.anchor, allowed.anchor) ||
    !sameState(statement.database, allowed.database)
  ) {
    return refused('it is about another restore: the states in it are not those of now')
  }
  if (statement.at > allowed.now + restoreStatementAheadSeconds) {
    return refused('it says that it is of a time that has not come')
  }
  if (statement.at + restoreStatementSeconds < allowed.now) {
    return refused(
      `it is older than ${restoreStatementSeconds / 3600} hours: have a new one signed`,
    )
  }
  return ok(statement)
}

const type = 'sealward-restore+jws'
const statementCharactersMax = 8192
const reasonCharactersMax = 1000

interface P256Jwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
}

function publicJwkOf(key: KeyObject): P256Jwk {
  const { kty, crv, x, y } = key.export({ format: 'jwk' })
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
    throw new RangeError('statements are signed with keys of P-256')
  }
  return { kty, crv, x, y }
}

function thumbprintOf({ crv, kty, x, y }: P256Jwk): string {
  return base64UrlOf(createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest())
}

function isSignature(jwk: P256Jwk, text: string, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    return verify('sha256', utf8Of(text), { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

function partOf(value: object): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}

function read<T>(part: string, shape: (top: Shape) => T): T | undefined {
  const bytes = bytesOfBase64Url(part)
  if (bytes === undefined || textOf(bytes) === undefined) return undefined
  const json = jsonOf(bytes, { bytesMax: statementCharactersMax, depthMax: 3 })
  const value = json.ok ? reading(json.value, '', shape) : json
  return value.ok ? value.value : undefined
}

const coordinate = /^[A-Za-z0-9_-]{43}$/

function readHeader(top: Shape): P256Jwk {
  return top.object('refused', (fields) => {
    fields.required('alg').oneOf(['ES256'])
    fields.required('typ').oneOf([type])
    return fields.required('jwk').object('refused', (jwk) => ({
      kty: jwk.required('kty').oneOf(['EC']),
      crv: jwk.required('crv').oneOf(['P-256']),
      x: jwk.required('x').string(43, coordinate),
      y: jwk.required('y').string(43, coordinate),
    }))
  })
}

function readStatement(top: Shape): RestoreStatement {
  return top.object('refused', (fields) => {
    return {
      deployment: fields.required('deployment').string(256),
      anchor: readState(fields.required('anchor'), 1),
      database: readState(fields.required('database'), 0),
      reason: fields.required('reason').string(reasonCharactersMax),
      at: fields.required('at').integer(0, Number.MAX_SAFE_INTEGER),
    }
  })
}

function readState(shape: Shape, least: number): AnchorState {
  return shape.object('refused', (fields) => ({
    sequence: fields.required('sequence').integer(least, Number.MAX_SAFE_INTEGER),
    digest: fields.required('digest').string(64, /^[0-9a-f]{64}$/),
  }))
}

function refused(why: string): Result<never, RestoreStatementProblem> {
  return refuse(
    'restore-statement-refused',
    'restoreStatement',
    `The statement is refused: ${why}.`,
  )
}

/**
 * What TCB info and QE identities have in common: JSON that Intel signed as text.
 *
 * @module
 */

import {
  type Bytes,
  bytesOf,
  bytesOfHex,
  type Fields,
  type JsonCode,
  jsonOfText,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  type ShapeCode,
  type UnixSeconds,
} from '../bytes/index.ts'
import { endorsementJsonMax } from '../evidence/index.ts'
import { advisoryIdsMax, signedJsonCharactersMax, signedJsonDepthMax } from './limits.ts'
import { type TcbStatus, tcbLevelStatuses } from './tcb-status.ts'

/** Why TCB info or a QE identity was refused. */
export type SignedJsonCode = JsonCode | ShapeCode

/** Reads the text that was signed. Fields that Intel adds one day are passed over. */
export function readingSigned<T>(
  text: string,
  at: string,
  read: (fields: Fields) => T,
): Result<T, Problem<SignedJsonCode>> {
  if (text.length > endorsementJsonMax) {
    return refuse('json-too-large', '@0x0', `more than ${endorsementJsonMax} characters`)
  }
  const json = jsonOfText(text, signedJsonDepthMax)
  return json.ok ? reading(json.value, at, (shape) => shape.object('ignored', read)) : json
}

/** The fields that levels of both documents have. */
export interface LevelStatus {
  readonly tcbDate: UnixSeconds
  readonly tcbStatus: TcbStatus
  readonly advisoryIds: readonly string[]
}

export function readLevelStatus(level: Fields): LevelStatus {
  return {
    tcbDate: readDate(level.required('tcbDate')),
    tcbStatus: level.required('tcbStatus').oneOf(tcbLevelStatuses),
    advisoryIds:
      level
        .optional('advisoryIDs')
        ?.list(advisoryIdsMax, (advisory) => advisory.string(64, /^[A-Za-z0-9-]+$/)) ?? [],
  }
}

/** ISO 8601, to the second and in UTC. */
export function readDate(shape: Shape): UnixSeconds {
  const text = shape.string(20, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const milliseconds = Date.parse(text)
  // Some engines take the 31st of February for the 3rd of March.
  const isDate =
    !Number.isNaN(milliseconds) &&
    new Date(milliseconds).getUTCDate() === Number(text.slice(8, 10)) &&
    // and hour 24 for the next day's first.
    text.slice(11, 13) !== '24'
  return isDate ? milliseconds / 1000 : shape.fail('wrong-value', 'a date expected')
}

export function readHex<const N extends number>(shape: Shape, length: N): Bytes<N> {
  const bytes = bytesOfHex(shape.string(2 * length))
  return (
    (bytes && bytesOf(length, bytes)) ??
    shape.fail('wrong-value', `${length} bytes of hex expected`)
  )
}

/** A whole number that Intel never lets get large. */
export const evaluationDataNumberMax = 0xffff_ffff

/** What a provisioning certification service answers: a document and its signature. */
export interface SignedJson {
  /** The signed text, byte for byte. */
  readonly text: string
  /** `r ‖ s` as hex. */
  readonly signature: string
}

/**
 * Takes the signed text out of an answer such as `{"tcbInfo":{…},"signature":"…"}`, byte for byte.
 *
 * @param body - the answer's body.
 * @param name - `tcbInfo` or `enclaveIdentity`.
 * @returns text and signature, or `wrong-value`.
 * @see Intel SGX PCS API, version 4
 */
export function parseSignedJson(
  body: string,
  name: 'tcbInfo' | 'enclaveIdentity',
): Result<SignedJson, Problem<'wrong-value'>> {
  if (body.length > signedJsonCharactersMax) {
    return refuse('wrong-value', '', `more than ${signedJsonCharactersMax} characters`)
  }
  const match = answers[name].exec(body)
  const [, text, signature] = match ?? []
  return text === undefined || signature === undefined
    ? refuse('wrong-value', name, 'a signed document expected')
    : ok({ text, signature: signature.toLowerCase() })
}

/** The answer that {@link parseSignedJson} takes apart, as Intel's service writes it. */
export function signedJsonOf(
  name: 'tcbInfo' | 'enclaveIdentity',
  text: string,
  signature: string,
): string {
  return `{"${name}":${text},"signature":"${signature}"}`
}

function answer(name: string): RegExp {
  return new RegExp(
    `^\\s*\\{\\s*"${name}"\\s*:\\s*(\\{.*\\})\\s*,\\s*"signature"\\s*:\\s*"([0-9a-fA-F]{128})"\\s*\\}\\s*$`,
    's',
  )
}

const answers = { tcbInfo: answer('tcbInfo'), enclaveIdentity: answer('enclaveIdentity') } as const

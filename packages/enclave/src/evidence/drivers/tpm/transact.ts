/**
 * Commands of a TPM 2.0 and what it answers, as far as they need no session but an empty password.
 *
 * @see TCG, Trusted Platform Module Library, parts 1 (section 18) to 3
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import { concat, ok, refuse } from '@sealward/attestation/bytes'
import type { Driven, DriverCode } from '../evidence-source.ts'
import { driverLimits } from '../limits.ts'

/** Takes one command to a TPM and brings back its response, both whole. */
export type Transmit = (command: Uint8Array) => Promise<Driven<Uint8Array>>

export interface TpmCommand {
  /** Name for problems. */
  readonly name: string
  /** TPM_CC. */
  readonly code: number
  readonly handles: readonly number[]
  /** Whether the first handle's authorization goes along: an empty password. */
  readonly authorized: boolean
  readonly parameters: Uint8Array
}

/** Reads the parameters of a response in order, big-endian. Reading past the end is `evidence-malformed`. */
export interface TpmReader {
  u8(): number
  u16(): number
  u32(): number
  take(length: number): Uint8Array
  /** A TPM2B: its length in 16 bits, and that many bytes. */
  sized(): Uint8Array
}

/**
 * Sends `command` and reads what came back with `read`. A TPM that says "later" is asked again, within limits.
 *
 * @returns what `read` made of the response, or the TPM's refusal.
 */
export async function transact<T>(
  transmit: Transmit,
  command: TpmCommand,
  read: (reader: TpmReader) => T,
): Promise<Driven<T>> {
  const bytes = encoded(command)
  let outcome: Driven<T> = refuse('device-busy', command.name, 'no attempt was made')
  for (let count = 0; count < driverLimits.attemptsMax; count++) {
    if (count > 0) await pause(driverLimits.attemptMilliseconds)
    const response = await transmit(bytes)
    if (!response.ok) return response
    outcome = decoded(command, response.value, read)
    if (outcome.ok || outcome.problem.code !== 'device-busy') return outcome
  }
  return outcome
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value)

export const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value)

export const u32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

/** A TPM2B. */
export const sized = (bytes: Uint8Array): Uint8Array => concat(u16(bytes.length), bytes)

const tag = { plain: 0x8001, withSessions: 0x8002 } as const

/** TPMS_AUTH_COMMAND: TPM_RS_PW, no nonce, continueSession, an empty password. */
const emptyPassword = concat(u32(0x4000_0009), u16(0), u8(1), u16(0))

const headerBytes = 10

function encoded({ code, handles, authorized, parameters }: TpmCommand): Uint8Array {
  const body = concat(
    ...handles.map(u32),
    ...(authorized ? [u32(emptyPassword.length), emptyPassword] : []),
    parameters,
  )
  const head = authorized ? tag.withSessions : tag.plain
  return concat(u16(head), u32(headerBytes + body.length), u32(code), body)
}

function decoded<T>(
  { name, authorized }: TpmCommand,
  response: Uint8Array,
  read: (reader: TpmReader) => T,
): Driven<T> {
  try {
    const reader = readerOf(response)
    const head = reader.u16()
    if (reader.u32() !== response.length) throw new Malformed()
    const code = reader.u32()
    if (code !== 0) return refuse(codeOf(code), name, `TPM_RC 0x${code.toString(16)}`)
    if (head !== (authorized ? tag.withSessions : tag.plain)) throw new Malformed()
    if (!authorized) return ok(read(reader))
    return ok(read(readerOf(reader.take(reader.u32()))))
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return refuse('evidence-malformed', name, 'the TPM answered something else')
  }
}

/** TPM_RC: of format 1 the handle, parameter or session that it is about does not matter here. */
function codeOf(code: number): DriverCode {
  return codes.get((code & 0x80) === 0 ? code : code & 0xbf) ?? 'device-failed'
}

const codes: ReadonlyMap<number, DriverCode> = new Map([
  // TPM_RC_HANDLE: no such index, no such key; TPM_RC_REFERENCE_H0: no such object.
  [0x8b, 'device-missing'],
  [0x910, 'device-missing'],
  // TPM_RC_AUTH_FAIL, TPM_RC_BAD_AUTH, AUTH_UNAVAILABLE, AUTH_TYPE, NV_LOCKED, NV_AUTHORIZATION, LOCKOUT
  [0x8e, 'device-not-permitted'],
  [0xa2, 'device-not-permitted'],
  [0x12f, 'device-not-permitted'],
  [0x124, 'device-not-permitted'],
  [0x148, 'device-not-permitted'],
  [0x149, 'device-not-permitted'],
  [0x921, 'device-not-permitted'],
  // TPM_RC_NV_UNINITIALIZED: an index that nobody wrote yet.
  [0x14a, 'evidence-stale'],
  // TPM_RC_YIELDED, TESTING, NV_RATE, RETRY, NV_UNAVAILABLE
  [0x908, 'device-busy'],
  [0x90a, 'device-busy'],
  [0x920, 'device-busy'],
  [0x922, 'device-busy'],
  [0x923, 'device-busy'],
])

function readerOf(bytes: Uint8Array): TpmReader {
  let offset = 0
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - offset) throw new Malformed()
    offset += length
    return bytes.slice(offset - length, offset)
  }
  const number = (length: number): number =>
    take(length).reduce((value, byte) => value * 256 + byte, 0)
  const u16 = (): number => number(2)
  return { u8: () => number(1), u16, u32: () => number(4), take, sized: () => take(u16()) }
}

/** Is thrown and caught in this file only. */
class Malformed extends Error {}

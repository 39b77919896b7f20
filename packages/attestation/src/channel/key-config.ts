/**
 * OHTTP key configurations.
 *
 *     config = key id (1) ‖ KEM (2) ‖ public key (65 or 32) ‖ length of suites (2) ‖ ( KDF (2) ‖ AEAD (2) )*
 *     application/ohttp-keys = ( length (2) ‖ config )*
 *
 * All numbers are big-endian.
 *
 * @see RFC 9458, section 3
 * @module
 */

import {
  type Cursor,
  concat,
  ok,
  type Problem,
  parsing,
  type Result,
  refuse,
} from '../bytes/index.ts'
import type { HpkeEngine, HpkeRecipient } from './hpke-engine.ts'
import { channelLimits } from './limits.ts'
import type { Random } from './random.ts'
import { isKemId, isSymmetricSuite, type KemId, kemBytes, type SymmetricSuite } from './suite.ts'
import { webHpke } from './web-hpke.ts'

/** The public half of an OHTTP key. */
export interface KeyConfig {
  /** 0 to 255. */
  readonly keyId: number
  readonly kem: KemId
  readonly publicKey: Uint8Array
  /** In the recipient's order of preference. */
  readonly suites: readonly [SymmetricSuite, ...SymmetricSuite[]]
}

/** An OHTTP key with its private half. */
export interface OhttpKey {
  readonly config: KeyConfig
  readonly recipient: HpkeRecipient
}

export type KeyConfigCode = 'key-config-malformed' | 'key-config-unsupported'

/**
 * Makes an OHTTP key.
 *
 * @param options - `keyId` from 0 to 255; `kem` X25519 unless said; `random` gives 32 bytes;
 *   `engine` Web Crypto unless said, whose private keys cannot be exported.
 * @returns a key that opens with AES-256-GCM, and with AES-128-GCM for clients that prefer it.
 */
export async function generateKeyConfig(options: {
  readonly keyId: number
  readonly kem?: KemId
  readonly random: Random
  readonly engine?: HpkeEngine
}): Promise<OhttpKey> {
  const { keyId, kem = 0x0020, random, engine = webHpke } = options
  if (!Number.isInteger(keyId) || keyId < 0 || keyId > 255) throw new TypeError('keyId: 0 to 255')
  const recipient = await engine.deriveRecipient(kem, random)
  const suites = [
    { kdf: 0x0001, aead: 0x0002 },
    { kdf: 0x0001, aead: 0x0001 },
  ] as const
  return { config: { keyId, kem, publicKey: recipient.publicKey, suites }, recipient }
}

/** Writes `application/ohttp-keys`. */
export function encodeKeyConfigs(configs: readonly KeyConfig[]): Uint8Array {
  return concat(
    ...configs.map((config) => {
      const bytes = concat(
        Uint8Array.of(config.keyId),
        u16Of(config.kem),
        config.publicKey,
        u16Of(4 * config.suites.length),
        ...config.suites.map(({ kdf, aead }) => concat(u16Of(kdf), u16Of(aead))),
      )
      return concat(u16Of(bytes.length), bytes)
    }),
  )
}

/**
 * Reads `application/ohttp-keys`. Configurations and suites that are not spoken here are passed over.
 *
 * @returns the configurations that can be sealed to, or `key-config-malformed`, or
 *   `key-config-unsupported` when there are none.
 */
export function decodeKeyConfigs(
  bytes: Uint8Array,
): Result<readonly [KeyConfig, ...KeyConfig[]], Problem<KeyConfigCode>> {
  if (bytes.length > channelLimits.keyConfigBytesMax) {
    return refuse('key-config-malformed', '@0x0', `more than ${channelLimits.keyConfigBytesMax}`)
  }
  const listed = parsing(bytes, (cursor) => {
    const found: Uint8Array[] = []
    while (cursor.offset() < bytes.length) {
      if (found.length === channelLimits.keyConfigsMax) cursor.fail('trailing-bytes', 'too many')
      found.push(cursor.bytes(u16From(cursor)))
    }
    return found
  })
  if (!listed.ok) return malformed(listed.problem)
  const configs: KeyConfig[] = []
  for (const one of listed.value) {
    const config = parsing(one, (cursor) => readConfig(cursor, one.length))
    if (!config.ok) return malformed(config.problem)
    if (config.value !== undefined) configs.push(config.value)
  }
  const [first, ...rest] = configs
  return first === undefined
    ? refuse('key-config-unsupported', '@0x0', 'no configuration that is spoken here')
    : ok([first, ...rest])
}

function readConfig(cursor: Cursor, length: number): KeyConfig | undefined {
  const keyId = cursor.u8()
  const kem = u16From(cursor)
  if (!isKemId(kem)) {
    // How long its public key is, only its KEM knows.
    cursor.skip(length - cursor.offset())
    return undefined
  }
  const publicKey: Uint8Array = cursor.bytes(kemBytes[kem].publicKey)
  const suitesLength = u16From(cursor)
  if (suitesLength === 0 || suitesLength % 4 !== 0 || suitesLength > 4 * channelLimits.suitesMax) {
    cursor.fail('truncated', 'a list of suites of a wrong length')
  }
  const suites: SymmetricSuite[] = []
  for (let index = 0; index < suitesLength / 4; index++) {
    const suite = { kdf: u16From(cursor), aead: u16From(cursor) }
    if (isSymmetricSuite(suite)) suites.push(suite)
  }
  const [first, ...rest] = suites
  return first === undefined ? undefined : { keyId, kem, publicKey, suites: [first, ...rest] }
}

function malformed(problem: Problem): {
  readonly ok: false
  readonly problem: Problem<KeyConfigCode>
} {
  return refuse('key-config-malformed', problem.at, problem.detail)
}

function u16From(cursor: Cursor): number {
  return cursor.u8() * 256 + cursor.u8()
}

export function u16Of(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

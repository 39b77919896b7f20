/**
 * A key-encryption key that is stretched from a passphrase. What is wrapped says how: whoever changes that gets another key.
 *
 * @see RFC 9106
 * @module
 */

import { argon2, createCipheriv, createDecipheriv } from 'node:crypto'
import { promisify } from 'node:util'
import {
  concat,
  hexOf,
  ok,
  type Problem,
  parsing,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { type KeyEncryption, wrappedByAnother } from './key-encryption.ts'
import { limits } from './limits.ts'

/** How much a guess costs. */
export interface ArgonCost {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/**
 * @param passphrase - UTF-8, without a line end.
 * @param cost - of what is wrapped from now on; what was wrapped before says its own.
 * @returns `passphrase-refused`, where it is too short or too long.
 */
export function passphraseKeyEncryption(
  passphrase: Uint8Array,
  random: Random,
  cost: ArgonCost = {
    memoryKiB: limits.argonMemoryKiB,
    passes: limits.argonPasses,
    lanes: limits.argonLanes,
  },
): Result<KeyEncryption, Problem<'passphrase-refused'>> {
  const { passphraseBytesMin: min, passphraseBytesMax: max } = limits
  if (passphrase.length < min || passphrase.length > max) {
    const detail = `A passphrase has from ${min} to ${max} bytes, without the line end.`
    return refuse('passphrase-refused', 'passphrase', detail)
  }
  const salt = random.bytes(saltBytes)
  return ok({
    kind: 'passphrase',
    id: hexOf(salt),
    // Under the same passphrase every salt makes a key: only trying tells.
    opens: (id) => /^[0-9a-f]{32}$/.test(id),
    async wrap(bytes, context) {
      const head = headOf(cost, salt)
      const nonce = random.bytes(nonceBytes)
      const key = await stretch(passphrase, cost, salt)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(concat(head, utf8Of(context)))
      const ciphertext = concat(cipher.update(bytes), cipher.final())
      return ok(concat(head, nonce, ciphertext, cipher.getAuthTag()))
    },
    async unwrap(wrapped, context) {
      const read = parsing(wrapped, (cursor) => {
        if (cursor.bytes(1)[0] !== formatVersion) cursor.fail('unsupported-version', 'known: 1')
        const found = { memoryKiB: cursor.u32(), passes: cursor.u32(), lanes: cursor.u32() }
        const used = cursor.bytes(saltBytes)
        const nonce = cursor.bytes(nonceBytes)
        const rest = cursor.bytes(Math.max(wrapped.length - overheadBytes, 0))
        return { cost: found, salt: used, nonce, ciphertext: rest, tag: cursor.bytes(tagBytes) }
      })
      if (!read.ok || !isBearable(read.value.cost)) return wrappedByAnother()
      const { cost: found, salt: used, nonce, ciphertext, tag } = read.value
      const key = await stretch(passphrase, found, used)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(concat(headOf(found, used), utf8Of(context)))
      decipher.setAuthTag(tag)
      try {
        return ok(concat(decipher.update(ciphertext), decipher.final()))
      } catch {
        return wrappedByAnother()
      }
    },
  })
}

const formatVersion = 1
const saltBytes = 16
const nonceBytes = 12
const tagBytes = 16
const overheadBytes = 13 + saltBytes + nonceBytes + tagBytes

/** `version (1) ‖ KiB (4) ‖ passes (4) ‖ lanes (4) ‖ salt (16)`, little-endian. */
function headOf({ memoryKiB, passes, lanes }: ArgonCost, salt: Uint8Array): Uint8Array {
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint8(0, formatVersion)
  for (const [index, value] of [memoryKiB, passes, lanes].entries()) {
    view.setUint32(1 + 4 * index, value, true)
  }
  return concat(head, salt)
}

/** Neither so cheap that guessing is easy, nor so dear that reading it stops the machine. */
function isBearable({ memoryKiB, passes, lanes }: ArgonCost): boolean {
  return (
    memoryKiB >= limits.argonMemoryKiBMin &&
    memoryKiB <= limits.argonMemoryKiBMax &&
    passes >= 1 &&
    passes <= limits.argonPassesMax &&
    lanes >= 1 &&
    lanes <= limits.argonLanesMax
  )
}

function stretch(
  passphrase: Uint8Array,
  { memoryKiB, passes, lanes }: ArgonCost,
  salt: Uint8Array,
): Promise<Uint8Array> {
  return argon2Of('argon2id', {
    message: passphrase,
    nonce: salt,
    parallelism: lanes,
    tagLength: 32,
    memory: memoryKiB,
    passes,
  })
}

const argon2Of = promisify(argon2)

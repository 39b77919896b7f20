/**
 * A key-encryption key that never leaves a token of PKCS#11: what is wrapped goes in and comes out.
 *
 * @see OASIS PKCS #11 Cryptographic Token Interface, AES-GCM
 * @module
 */

import { hash } from 'node:crypto'
import {
  concat,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import type { Handle, Mechanism, PKCS11 } from 'pkcs11js'
import { type KeyEncryption, type KeyEncryptionCode, wrappedByAnother } from './key-encryption.ts'

/** Where the key is. */
export interface Pkcs11Place {
  /** The library that speaks for the token. */
  readonly module: string
  /** Label of the token, */
  readonly token: string
  /** and of an AES-256 key in it. */
  readonly key: string
}

/**
 * Finds the key; with `make`, draws one that cannot be taken out, where there is none of this label.
 *
 * @param pin - of the token's user.
 * @returns it; `key-encryption-unavailable` with a sentence, or `key-encryption-refused` where the key could be taken out.
 */
export async function openPkcs11KeyEncryption(
  place: Pkcs11Place,
  pin: Uint8Array,
  { random, make }: { readonly random: Random; readonly make: boolean },
): Promise<Result<KeyEncryption, Problem<KeyEncryptionCode>>> {
  const cryptoki = await import('pkcs11js').catch(() => undefined)
  if (cryptoki === undefined) {
    return unavailable(
      'The package pkcs11js, by which tokens are reached, is not installed, or was not built: npm rebuild pkcs11js --ignore-scripts=false.',
    )
  }
  const inSession = sessionsOf(cryptoki, place, textOf(pin) ?? '')
  const found = inSession((session) => {
    if (make && findKey(session, place.key) === undefined) makeKey(session, place.key, random)
    return findKey(session, place.key)
  })
  if (!found.ok) return found
  if (found.value === undefined) {
    return unavailable(`The token has no AES-256 key with the label ${place.key}.`)
  }
  const { id, isKept } = found.value
  if (!isKept) {
    return refuse(
      'key-encryption-refused',
      'keyEncryption.key',
      'The key can be taken out of the token: it must be sensitive, and not extractable.',
    )
  }
  /** `undefined` where the token has another key by now, or refused what it was given. */
  const withKey = (
    iv: Uint8Array,
    context: string,
    work: (session: Session, mechanism: Mechanism, key: Handle) => Uint8Array | undefined,
  ): Result<Uint8Array, Problem<KeyEncryptionCode>> => {
    const parameter = {
      type: cryptoki.CK_PARAMS_AES_GCM,
      iv: Buffer.from(iv),
      ivBits: 8 * ivBytes,
      aad: Buffer.from(utf8Of(context)),
      tagBits: 8 * tagBytes,
    }
    const worked = inSession((session) => {
      const key = findKey(session, place.key)
      return key?.id === id
        ? work(session, { mechanism: cryptoki.CKM_AES_GCM, parameter }, key.handle)
        : undefined
    })
    if (!worked.ok) return worked
    return worked.value === undefined ? wrappedByAnother() : ok(Uint8Array.from(worked.value))
  }
  return ok({
    kind: 'pkcs11',
    id,
    opens: (one) => one === id,
    async wrap(bytes, context) {
      const iv = random.bytes(ivBytes)
      const sealed = withKey(iv, context, ({ module, handle }, mechanism, key) => {
        module.C_EncryptInit(handle, mechanism, key)
        return module.C_Encrypt(handle, Buffer.from(bytes), Buffer.alloc(bytes.length + tagBytes))
      })
      return sealed.ok ? ok(concat(Uint8Array.of(formatVersion), iv, sealed.value)) : sealed
    },
    async unwrap(wrapped, context) {
      const sealed = Buffer.from(wrapped.subarray(1 + ivBytes))
      if (wrapped[0] !== formatVersion || sealed.length < tagBytes) return wrappedByAnother()
      return withKey(wrapped.subarray(1, 1 + ivBytes), context, (session, mechanism, key) => {
        const { module, handle } = session
        module.C_DecryptInit(handle, mechanism, key)
        try {
          return module.C_Decrypt(handle, sealed, Buffer.alloc(sealed.length))
        } catch (error) {
          if (refusals.has(codeOf(error))) return undefined
          throw error
        }
      })
    },
  })
}

type Cryptoki = typeof import('pkcs11js')

interface Session {
  readonly cryptoki: Cryptoki
  readonly module: PKCS11
  readonly handle: Handle
}

type InSession = <T>(
  work: (session: Session) => T,
) => Result<T, Problem<'key-encryption-unavailable'>>

/** Each piece of work has a session of its own: a token that was away in between is found again. */
function sessionsOf(cryptoki: Cryptoki, place: Pkcs11Place, pin: string): InSession {
  return (work) => {
    const module = new cryptoki.PKCS11()
    try {
      module.load(place.module)
    } catch {
      return unavailable(`${place.module} is no module of PKCS#11, or cannot be loaded.`)
    }
    try {
      tolerating('CKR_CRYPTOKI_ALREADY_INITIALIZED', () => module.C_Initialize())
      const slot = module
        .C_GetSlotList(true)
        .find((one) => module.C_GetTokenInfo(one).label.trimEnd() === place.token)
      if (slot === undefined) return unavailable(`No token with the label ${place.token} is there.`)
      const handle = module.C_OpenSession(
        slot,
        cryptoki.CKF_SERIAL_SESSION | cryptoki.CKF_RW_SESSION,
      )
      try {
        tolerating('CKR_USER_ALREADY_LOGGED_IN', () =>
          module.C_Login(handle, cryptoki.CKU_USER, pin),
        )
        return ok(work({ cryptoki, module, handle }))
      } finally {
        module.C_CloseSession(handle)
      }
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      return unavailable(sentences[code] ?? `The token refuses: ${code}.`)
    }
  }
}

interface FoundKey {
  readonly handle: Handle
  /** 32 hex digits, of label and id: the same in a copy of the token. */
  readonly id: string
  /** Whether it stays in the token. */
  readonly isKept: boolean
}

function findKey({ cryptoki, module, handle }: Session, label: string): FoundKey | undefined {
  module.C_FindObjectsInit(handle, [
    { type: cryptoki.CKA_CLASS, value: cryptoki.CKO_SECRET_KEY },
    { type: cryptoki.CKA_KEY_TYPE, value: cryptoki.CKK_AES },
    { type: cryptoki.CKA_VALUE_LEN, value: keyBytes },
    { type: cryptoki.CKA_LABEL, value: label },
  ])
  const [key] = module.C_FindObjects(handle, 1)
  module.C_FindObjectsFinal(handle)
  if (key === undefined) return undefined
  const [id, sensitive, extractable] = module
    .C_GetAttributeValue(handle, key, [
      { type: cryptoki.CKA_ID },
      { type: cryptoki.CKA_SENSITIVE },
      { type: cryptoki.CKA_EXTRACTABLE },
    ])
    .map(({ value }) => Buffer.from(value as Uint8Array))
  return {
    handle: key,
    id: hash('sha256', JSON.stringify([label, id?.toString('hex')]), 'hex').slice(0, 32),
    isKept: sensitive?.[0] === 1 && extractable?.[0] === 0,
  }
}

function makeKey({ cryptoki, module, handle }: Session, label: string, random: Random): void {
  module.C_GenerateKey(handle, { mechanism: cryptoki.CKM_AES_KEY_GEN }, [
    { type: cryptoki.CKA_TOKEN, value: true },
    { type: cryptoki.CKA_PRIVATE, value: true },
    { type: cryptoki.CKA_SENSITIVE, value: true },
    { type: cryptoki.CKA_EXTRACTABLE, value: false },
    { type: cryptoki.CKA_ENCRYPT, value: true },
    { type: cryptoki.CKA_DECRYPT, value: true },
    { type: cryptoki.CKA_VALUE_LEN, value: keyBytes },
    { type: cryptoki.CKA_LABEL, value: label },
    { type: cryptoki.CKA_ID, value: Buffer.from(random.bytes(16)) },
  ])
}

const formatVersion = 1
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

/** What a token says of something that it did not wrap. */
const refusals: ReadonlySet<string | undefined> = new Set([
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
  'CKR_DATA_INVALID',
  'CKR_AEAD_DECRYPT_FAILED',
  'CKR_GENERAL_ERROR',
])

const sentences: Readonly<Record<string, string>> = {
  CKR_PIN_INCORRECT: 'The token refuses the PIN. After a few more such tries it locks itself.',
  CKR_PIN_LOCKED: 'The token has locked itself, after too many wrong PINs.',
  CKR_MECHANISM_INVALID: 'The token cannot do AES-GCM.',
}

function tolerating(code: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (codeOf(error) !== code) throw error
  }
}

/** `CKR_…`, of what a token said; `undefined` of any other error. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? /CKR_[A-Z0-9_]+/.exec(error.message)?.[0] : undefined
}

function unavailable(detail: string): Result<never, Problem<'key-encryption-unavailable'>> {
  return refuse('key-encryption-unavailable', 'keyEncryption', detail)
}

/**
 * AES-256-GCM bound to a place: what was sealed for one row and version opens nowhere else.
 *
 * @see docs/spec/sealing.md
 * @see NIST SP 800-38D; RFC 5869
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import {
  base64UrlOf,
  concat,
  hexOf,
  ok,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type Random, systemRandom } from '../effects/index.ts'
import {
  encodeHead,
  type KeyKind,
  nonceBytes,
  parseEnvelope,
  type StreamEnvelopeHead,
  tagBytes,
  type WholeEnvelope,
} from './envelope.ts'
import { sealingLimits } from './limits.ts'
import type { MasterKey } from './master-key.ts'
import { type MasterKeys, masterKeysOf, type NamedMasterKey } from './master-keys.ts'
import { openChunks, type StreamKey, sealChunks } from './sealed-stream.ts'
import type { SealingProblem } from './sealing-problem.ts'

/** Which row, of which kind, in which version. Sealed bytes open nowhere else. */
export interface SealedAddress {
  /** The table or kind: `Patient`, `film`, … */
  readonly type: string
  readonly id: string
  /** Counts up with every change; the reader says which version it expects. */
  readonly version: number
}

/** A data key as it is stored: sealed under a master key, and bound to whose it is. */
export type WrappedDataKey = Uint8Array

/** A data key and whose it is. Destroying the wrapped key destroys all that it sealed. */
export interface DataKey {
  /** The platform's own id of the patient; `null` for the tenant's own key, under which rows of no patient are. */
  readonly patient: string | null
  readonly wrapped: WrappedDataKey
}

/** A value as it is looked up, under one master key. */
export interface BlindIndex {
  readonly keyId: string
  /** base64url of 32 bytes. */
  readonly value: string
}

/** Seals for one tenant. */
export interface Sealer {
  /** Who is served: a hospital, an instance; empty where there is only one. What is of one tenant opens for no other. */
  readonly tenant: string
  readonly keys: MasterKeys
  /** Names the current master key without telling anything about it; 32 hex digits. */
  readonly keyId: string
  /** The same keys for another tenant. */
  forTenant(tenant: string): Sealer
  /** Draws a data key for a patient, or for the tenant itself, and wraps it under the current master key. */
  newDataKey(patient: string | null): WrappedDataKey
  /** Which master key wraps it: 32 hex digits, or `undefined` for what is no wrapped key. Not verified. */
  wrappedUnder(wrapped: WrappedDataKey): string | undefined
  /** The same data key under the current master key. What it sealed stays as it is. */
  rewrap(key: DataKey): Result<WrappedDataKey, SealingProblem>
  /**
   * Seals under the data key, or under the current master key without one.
   *
   * @throws when the data key does not open: a program that seals under such a key would lose what it seals.
   */
  seal(address: SealedAddress, plaintext: Uint8Array, key?: DataKey): Uint8Array
  /** @returns the plaintext, or one of {@link SealingProblem}. */
  open(
    address: SealedAddress,
    sealed: Uint8Array,
    key?: DataKey,
  ): Result<Uint8Array, SealingProblem>
  /** Seals what is too large to be held at once, chunk by chunk. */
  sealStream(
    address: SealedAddress,
    plaintext: AsyncIterable<Uint8Array>,
    options?: { readonly key?: DataKey | undefined; readonly chunkBytes?: number },
  ): AsyncGenerator<Uint8Array, void, undefined>
  /**
   * Opens it again. Each chunk is verified before it is given out; that the last one has come is known
   * only when the generator has ended.
   *
   * @throws SealedStreamFailure with one of {@link SealingProblem}.
   */
  openStream(
    address: SealedAddress,
    sealed: AsyncIterable<Uint8Array>,
    key?: DataKey,
  ): AsyncGenerator<Uint8Array, void, undefined>
  /**
   * HMAC-SHA-256 of a value under a key for the tenant and `name`: equal values are found, and nothing else is
   * told. Under every master key, the current one first, so that rows of before a rotation are found too.
   */
  blindIndexes(name: string, value: string): readonly BlindIndex[]
  /** Names the data key, whatever wraps it: 32 hex digits. */
  dataKeyId(key: DataKey): Result<string, SealingProblem>
  /** 32 bytes for `purpose`, which stay the same for as long as the data key does, whatever wraps it. */
  derived(key: DataKey, purpose: string): Result<Uint8Array, SealingProblem>
}

export interface SealerOptions {
  /** Draws nonces and data keys. */
  readonly random?: Random
  /** See {@link Sealer.tenant}. */
  readonly tenant?: string
}

/** Seals with keys made from one master key, or from the current one of several. */
export function createSealer(keys: MasterKeys | MasterKey, options: SealerOptions = {}): Sealer {
  const { random = systemRandom, tenant = '' } = options
  return sealerOf(keys instanceof Uint8Array ? masterKeysOf(keys) : keys, random, tenant)
}

function sealerOf(keys: MasterKeys, random: Random, tenant: string): Sealer {
  const schedules = new Map<string, KeySchedule>()
  const scheduleOf = ({ keyId, key }: NamedMasterKey): KeySchedule => {
    const known = schedules.get(keyId) ?? keyScheduleOf(key)
    schedules.set(keyId, known)
    return known
  }

  const unwrap = (key: DataKey): Result<SealingKey, SealingProblem> => {
    const envelope = parseEnvelope(key.wrapped)
    if (!envelope.ok || envelope.value.keyKind !== 'master') return notOfThisOwner
    const master = keys.byId(envelope.value.keyId)
    if (master === undefined) return unknownKey
    const opened = openUnder(
      scheduleOf(master).wrap,
      contextOf(['sealward data key 2', tenant, key.patient]),
      envelope.value,
    )
    return opened?.length === keyBytes ? ok(dataKeyOf(opened)) : notOfThisOwner
  }

  const wrap = (patient: string | null, key: Uint8Array): WrappedDataKey =>
    sealUnder(
      { kind: 'master', keyId: keys.current.keyId, key: scheduleOf(keys.current).wrap },
      contextOf(['sealward data key 2', tenant, patient]),
      key,
      random,
    )

  /** The key to seal under. */
  const sealingKey = (key: DataKey | undefined): SealingKey => {
    if (key === undefined) {
      const { current } = keys
      return { kind: 'master', keyId: current.keyId, key: scheduleOf(current).rows }
    }
    const opened = unwrap(key)
    if (!opened.ok) throw new Error(opened.problem.code)
    return opened.value
  }

  /** The key that an envelope names, where it is the one that was expected. */
  const openingKey = (
    { keyKind, keyId }: { readonly keyKind: KeyKind; readonly keyId: string },
    key: DataKey | undefined,
  ): Result<SealingKey, SealingProblem> => {
    if (key === undefined) {
      if (keyKind !== 'master') return mismatch
      const master = keys.byId(keyId)
      return master === undefined
        ? unknownKey
        : ok({ kind: 'master', keyId, key: scheduleOf(master).rows })
    }
    const opened = unwrap(key)
    if (!opened.ok) return opened
    return keyKind === 'data' && opened.value.keyId === keyId ? opened : mismatch
  }

  /** One text for each place: an array of JSON values has no other reading. */
  const addressContext = (address: SealedAddress, key: DataKey | undefined): Uint8Array => {
    const { type, id, version } = address
    if (!Number.isSafeInteger(version) || version < 0) throw new RangeError('a version is whole')
    return contextOf(['sealward sealed 2', tenant, type, id, version, key?.patient ?? null])
  }

  return {
    tenant,
    keys,
    get keyId() {
      return keys.current.keyId
    },
    forTenant: (other) => sealerOf(keys, random, other),
    newDataKey: (patient) => wrap(patient, random.bytes(keyBytes)),
    wrappedUnder(wrapped) {
      const envelope = parseEnvelope(wrapped)
      return envelope.ok && envelope.value.keyKind === 'master' ? envelope.value.keyId : undefined
    },
    rewrap(key) {
      const opened = unwrap(key)
      return opened.ok ? ok(wrap(key.patient, opened.value.key)) : opened
    },
    seal(address, plaintext, key) {
      if (plaintext.length > sealingLimits.plaintextBytesMax) {
        throw new RangeError('too large to be sealed whole')
      }
      const under = sealingKey(key)
      return sealUnder(under, addressContext(address, key), plaintext, random)
    },
    open(address, sealed, key) {
      const envelope = parseEnvelope(sealed)
      if (!envelope.ok) return envelope
      const under = openingKey(envelope.value, key)
      if (!under.ok) return under
      const plaintext = openUnder(under.value.key, addressContext(address, key), envelope.value)
      return plaintext === undefined ? mismatch : ok(plaintext)
    },
    sealStream(address, plaintext, { key, chunkBytes = sealingLimits.chunkBytes } = {}) {
      const under = sealingKey(key)
      const context = addressContext(address, key)
      const head = encodeHead({ form: 'stream', keyKind: under.kind, keyId: under.keyId })
      return sealChunks(plaintext, {
        head,
        chunkBytes,
        random,
        keyOf: (salt) => streamKeyOf(under.key, salt, context),
      })
    },
    openStream(address, sealed, key) {
      const context = addressContext(address, key)
      return openChunks(sealed, (head: StreamEnvelopeHead): Result<StreamKey, SealingProblem> => {
        const under = openingKey(head, key)
        return under.ok ? ok(streamKeyOf(under.value.key, head.salt, context)) : under
      })
    },
    blindIndexes: (name, value) =>
      keys.all().map((master) => {
        const field = createHmac('sha256', scheduleOf(master).index)
          .update(JSON.stringify([tenant, name]))
          .digest()
        const digest = createHmac('sha256', field).update(value.normalize('NFC')).digest()
        return { keyId: master.keyId, value: base64UrlOf(digest) }
      }),
    dataKeyId(key) {
      const opened = unwrap(key)
      return opened.ok ? ok(opened.value.keyId) : opened
    },
    derived(key, purpose) {
      const opened = unwrap(key)
      return opened.ok ? ok(expand(opened.value.key, `sealward derived 2 ${purpose}`)) : opened
    },
  }
}

const keyBytes = 32

const mismatch = refuse(
  'sealed-mismatch',
  'sealed',
  'not sealed for this row, version and tenant by this key',
)
const notOfThisOwner = refuse(
  'data-key-mismatch',
  'dataKey',
  'the wrapped data key is not of this tenant and patient',
)
const unknownKey = refuse(
  'sealed-key-unknown',
  'keyId',
  'sealed under a master key that is not here',
)

/** What one master key is used for; each use has a key of its own. */
interface KeySchedule {
  readonly rows: Uint8Array
  readonly wrap: Uint8Array
  readonly index: Uint8Array
}

function keyScheduleOf(key: MasterKey): KeySchedule {
  return {
    rows: expand(key, 'sealward seal rows 2'),
    wrap: expand(key, 'sealward wrap data keys 2'),
    index: expand(key, 'sealward blind index 2'),
  }
}

interface SealingKey {
  readonly kind: KeyKind
  readonly keyId: string
  readonly key: Uint8Array
}

function dataKeyOf(key: Uint8Array): SealingKey {
  return { kind: 'data', keyId: hexOf(expand(key, 'sealward data key id 2').subarray(0, 16)), key }
}

function expand(key: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), utf8Of(purpose), keyBytes))
}

function contextOf(parts: readonly (string | number | null)[]): Uint8Array {
  const characters = parts.reduce<number>((sum, one) => sum + String(one).length, 0)
  if (characters > sealingLimits.addressCharactersMax) throw new RangeError('an address is short')
  return utf8Of(JSON.stringify(parts))
}

/**
 * Each context has a key of its own, so that random nonces meet only among the seals of one version of
 * one row.
 */
function sealUnder(
  under: SealingKey,
  context: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const head = encodeHead({ form: 'whole', keyKind: under.kind, keyId: under.keyId })
  const nonce = random.bytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', contextKey(under.key, context), nonce)
  cipher.setAAD(concat(head, context))
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return concat(head, nonce, ciphertext, cipher.getAuthTag())
}

function openUnder(
  key: Uint8Array,
  context: Uint8Array,
  { head, nonce, ciphertext, tag }: WholeEnvelope,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', contextKey(key, context), nonce, {
    authTagLength: tagBytes,
  })
  decipher.setAAD(concat(head, context))
  decipher.setAuthTag(tag)
  try {
    const plaintext = decipher.update(ciphertext)
    decipher.final()
    return new Uint8Array(plaintext)
  } catch {
    return undefined
  }
}

function contextKey(key: Uint8Array, context: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(context).digest()
}

/** Counters are the nonces of a stream, so each stream has a key of its own. */
function streamKeyOf(key: Uint8Array, salt: Uint8Array, context: Uint8Array): StreamKey {
  const info = concat(utf8Of('sealward stream 2 '), context)
  return { key: new Uint8Array(hkdfSync('sha256', key, salt, info, keyBytes)), context }
}

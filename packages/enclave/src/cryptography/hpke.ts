/**
 * HPKE in base mode on the engine's own cryptography, without leaving the thread: several times as fast as through
 * Web Crypto, whose every call is a task of its own.
 *
 * @see RFC 9180, sections 4, 5 and 7; draft-ietf-hpke-pq, section 4 (MLKEM768-X25519)
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { concat, ok, refuse, utf8Of } from '@sealward/attestation/bytes'
import {
  derivePrivateKey,
  giveBack,
  type HpkeAead,
  type HpkeContext,
  type HpkeEngine,
  type HpkeRecipient,
  type KemId,
  type SymmetricSuite,
} from '@sealward/attestation/channel'

/** HPKE by node:crypto. A sender's ephemeral key comes from the engine's own randomness. */
export const nodeHpke: HpkeEngine = {
  deriveRecipient: async (kem, random) => hpkeRecipientOf(kem, await derivePrivateKey(kem, random)),
  setupSender({ kem, publicKey, symmetric, info }) {
    const agreed = attempted(() => encaps[kem](publicKey))
    if (agreed === undefined) return refuse('malformed', 'config', 'the public key is not one')
    return ok({ enc: agreed.enc, context: contextOf(kem, symmetric, agreed.shared, info) })
  },
  aead: (id) => aeads[id],
  extract: (salt, input) => createHmac('sha256', salt).update(input).digest(),
  expand,
}

/**
 * The recipient whose private key is given.
 *
 * @param serialised - 32 bytes: a scalar, or of MLKEM768-X25519 its seed.
 */
export function hpkeRecipientOf(kem: KemId, serialised: Uint8Array): HpkeRecipient {
  const { publicKey, decap } = recipients[kem](serialised)
  return {
    engine: nodeHpke,
    publicKey,
    setup(enc, info, symmetric) {
      const shared = enc.length === encBytes[kem] ? attempted(() => decap(enc)) : undefined
      return shared && contextOf(kem, symmetric, shared, info)
    },
  }
}

const encBytes: Readonly<Record<KemId, number>> = { 16: 65, 32: 32, 25722: 1120 }

interface Recipient {
  readonly publicKey: Uint8Array
  readonly decap: (enc: Uint8Array) => Uint8Array
}

interface Encapsulated {
  readonly enc: Uint8Array
  readonly shared: Uint8Array
}

/** The engine throws at a key that is none. */
function attempted<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

// The KEMs. RFC 9180, section 4.1.

interface Curve {
  readonly type: 'x25519' | 'ec'
  readonly named: { readonly namedCurve?: 'P-256' }
}

const x25519: Curve = { type: 'x25519', named: {} }
const p256: Curve = { type: 'ec', named: { namedCurve: 'P-256' } }

const recipients: Readonly<Record<KemId, (serialised: Uint8Array) => Recipient>> = {
  16: (serialised) => dhRecipient(0x0010, p256, serialised),
  32: (serialised) => dhRecipient(0x0020, x25519, serialised),
  25722: hybridRecipient,
}

const encaps: Readonly<Record<KemId, (publicKey: Uint8Array) => Encapsulated>> = {
  16: (publicKey) => dhEncap(0x0010, p256, publicKey),
  32: (publicKey) => dhEncap(0x0020, x25519, publicKey),
  25722: hybridEncap,
}

function dhRecipient(kem: KemId, curve: Curve, serialised: Uint8Array): Recipient {
  const privateKey = privateOf(curve, serialised)
  const publicKey = rawPublicOf(createPublicKey(privateKey))
  return {
    publicKey,
    decap: (enc) =>
      dhShared(kem, diffieHellman({ privateKey, publicKey: publicOf(curve, enc) }), enc, publicKey),
  }
}

function dhEncap(kem: KemId, curve: Curve, recipient: Uint8Array): Encapsulated {
  const ephemeral = ephemeralOf(curve)
  const enc = rawPublicOf(ephemeral.publicKey)
  const { privateKey } = ephemeral
  const dh = diffieHellman({ privateKey, publicKey: publicOf(curve, recipient) })
  return { enc, shared: dhShared(kem, dh, enc, recipient) }
}

function dhShared(kem: KemId, dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const suite = concat(utf8Of('KEM'), u16(kem))
  const prk = labeledExtract(suite, none, 'eae_prk', dh)
  return labeledExpand(suite, prk, 'shared_secret', concat(enc, recipient), 32)
}

/** ML-KEM-768's encapsulated key, ‖ an X25519 public key. */
const mlKemCiphertextBytes = 1088
const mlKemPublicKeyBytes = 1184
const hybridLabel = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c)

function hybridRecipient(seed: Uint8Array): Recipient {
  const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest()
  const mlKem = createPrivateKey({
    key: expanded.subarray(0, 64),
    format: 'raw-seed',
    asymmetricKeyType: 'ml-kem-768',
  })
  const ecdh = privateOf(x25519, expanded.subarray(64))
  const ecdhPublic = rawPublicOf(createPublicKey(ecdh))
  return {
    publicKey: concat(rawPublicOf(createPublicKey(mlKem)), ecdhPublic),
    decap: (enc) => {
      const ephemeral = enc.subarray(mlKemCiphertextBytes)
      return hybridShared(
        decapsulate(mlKem, enc.subarray(0, mlKemCiphertextBytes)),
        diffieHellman({ privateKey: ecdh, publicKey: publicOf(x25519, ephemeral) }),
        ephemeral,
        ecdhPublic,
      )
    },
  }
}

function hybridEncap(recipient: Uint8Array): Encapsulated {
  const { mlKem, ecdhPublic } = hybridPublicOf(recipient)
  const { sharedKey, ciphertext } = encapsulate(mlKem)
  const { privateKey, publicKey } = ephemeralOf(x25519)
  const ephemeral = rawPublicOf(publicKey)
  const dh = diffieHellman({ privateKey, publicKey: publicOf(x25519, ecdhPublic) })
  return {
    enc: concat(ciphertext, ephemeral),
    shared: hybridShared(sharedKey, dh, ephemeral, ecdhPublic),
  }
}

interface HybridPublic {
  /** The bytes that it was made of. */
  readonly raw: Uint8Array
  readonly mlKem: KeyObject
  readonly ecdhPublic: Uint8Array
}

let lastHybridPublic: HybridPublic | undefined

/** A client seals one request after the other to one key, whose matrix is expanded when it is read. */
function hybridPublicOf(recipient: Uint8Array): HybridPublic {
  if (lastHybridPublic !== undefined && Buffer.compare(lastHybridPublic.raw, recipient) === 0) {
    return lastHybridPublic
  }
  const raw = Uint8Array.from(recipient)
  const mlKem = createPublicKey({
    key: Buffer.from(raw.subarray(0, mlKemPublicKeyBytes)),
    format: 'raw-public',
    asymmetricKeyType: 'ml-kem-768',
  })
  lastHybridPublic = { raw, mlKem, ecdhPublic: raw.subarray(mlKemPublicKeyBytes) }
  return lastHybridPublic
}

/** SHA3-256 of both secrets and of all that is public of the one that is not bound to it by itself. */
function hybridShared(
  mlKem: Uint8Array,
  dh: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
): Uint8Array {
  const all = concat(mlKem, dh, ephemeral, recipient, hybridLabel)
  return new Uint8Array(createHash('sha3-256').update(all).digest())
}

function privateOf({ type, named }: Curve, raw: Uint8Array): KeyObject {
  const key = Buffer.from(raw)
  return createPrivateKey({ key, format: 'raw-private', asymmetricKeyType: type, ...named })
}

function publicOf({ type, named }: Curve, raw: Uint8Array): KeyObject {
  const key = Buffer.from(raw)
  return createPublicKey({ key, format: 'raw-public', asymmetricKeyType: type, ...named })
}

function ephemeralOf({ type }: Curve): {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
} {
  return type === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('x25519')
}

function rawPublicOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'raw-public' }))
}

// The key schedule, and what it schedules. RFC 9180, sections 5.1 and 5.2.

function contextOf(
  kem: KemId,
  { kdf, aead: id }: SymmetricSuite,
  shared: Uint8Array,
  info: Uint8Array,
): HpkeContext {
  const suite = concat(utf8Of('HPKE'), u16(kem), u16(kdf), u16(id))
  const pskIdHash = labeledExtract(suite, none, 'psk_id_hash', none)
  const infoHash = labeledExtract(suite, none, 'info_hash', info)
  const schedule = concat(Uint8Array.of(0), pskIdHash, infoHash)
  const secret = labeledExtract(suite, shared, 'secret', none)
  const aead = aeads[id]
  const key = labeledExpand(suite, secret, 'key', schedule, aead.keyBytes)
  const baseNonce = labeledExpand(suite, secret, 'base_nonce', schedule, aead.nonceBytes)
  const exporterSecret = labeledExpand(suite, secret, 'exp', schedule, 32)
  let sequence = 0
  return {
    seal: (plaintext, aad = none, before = none) =>
      aead.seal(key, nonceOf(baseNonce, sequence++), aad, plaintext, before),
    open(ciphertext, aad = none) {
      const opened = aead.open(key, nonceOf(baseNonce, sequence), aad, ciphertext)
      // What does not open takes no number.
      if (opened !== undefined) sequence += 1
      return opened
    },
    export: (exporterContext, lengthBytes) =>
      labeledExpand(suite, exporterSecret, 'sec', exporterContext, lengthBytes),
  }
}

const nonceBytes = 12
const tagBytes = 16
const none = new Uint8Array(0)

interface NodeAead extends HpkeAead {
  readonly seal: (...parameters: Parameters<HpkeAead['seal']>) => Uint8Array
  readonly open: (...parameters: Parameters<HpkeAead['open']>) => Uint8Array | undefined
}

const aeads: Readonly<Record<SymmetricSuite['aead'], NodeAead>> = {
  1: aeadOf('aes-128-gcm', 16),
  2: aeadOf('aes-256-gcm', 32),
}

function aeadOf(cipher: 'aes-128-gcm' | 'aes-256-gcm', keyBytes: number): NodeAead {
  return {
    keyBytes,
    nonceBytes,
    seal(key, nonce, aad, plaintext, before = none) {
      const sealing = createCipheriv(cipher, key, nonce)
      sealing.setAAD(aad)
      const ciphertext = sealing.update(plaintext)
      sealing.final()
      const sealed = concat(before, ciphertext, sealing.getAuthTag())
      giveBack(ciphertext)
      return sealed
    },
    open(key, nonce, aad, ciphertext) {
      const end = ciphertext.length - tagBytes
      if (end < 0) return undefined
      const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
      opening.setAAD(aad)
      opening.setAuthTag(ciphertext.subarray(end))
      const plaintext = opening.update(ciphertext.subarray(0, end))
      return attempted(() => opening.final()) === undefined ? undefined : plaintext
    },
  }
}

/** The base nonce with the sequence number in its last 48 bits: a message for every nanosecond of three days. */
function nonceOf(base: Uint8Array, sequence: number): Uint8Array {
  const nonce = Buffer.from(base)
  const low = nonceBytes - 6
  // Both halves are added without carry, as the section has it.
  for (let index = 0, rest = sequence; index < 6; index++) {
    const at = low + 5 - index
    nonce[at] = (nonce[at] ?? 0) ^ (rest % 256)
    rest = Math.floor(rest / 256)
  }
  return nonce
}

const version = utf8Of('HPKE-v1')

function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  input: Uint8Array,
): Uint8Array {
  return createHmac('sha256', salt)
    .update(version)
    .update(suite)
    .update(label)
    .update(input)
    .digest()
}

function labeledExpand(
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  return expand(prk, concat(u16(lengthBytes), version, suite, utf8Of(label), info), lengthBytes)
}

/** HKDF-Expand with SHA-256. RFC 5869, section 2.3. */
function expand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let count = 1, have = 0, block: Uint8Array = none; have < lengthBytes; count++) {
    block = createHmac('sha256', prk)
      .update(block)
      .update(info)
      .update(Uint8Array.of(count))
      .digest()
    blocks.push(block)
    have += block.length
  }
  return concat(...blocks).slice(0, lengthBytes)
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

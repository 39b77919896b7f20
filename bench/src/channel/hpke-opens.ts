import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import type { KemId } from '@sealward/attestation/channel'
import { nodeHpke } from '@sealward/enclave/cryptography'
import { systemRandom } from '@sealward/enclave/effects'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { inRounds, type Rounds } from '../rounds.ts'

/** Messages of 1 kB that are opened in a second, each with a key of its own, on one core. */
export type HpkeOpens = Readonly<
  Record<'x25519' | 'p256' | 'hybrid' | 'libraryX25519' | 'rawX25519AndAesGcm', Rounds>
>

/** Ours, the library's through Web Crypto, and what nobody opens without: one X25519 and one AES-256-GCM. */
export async function measureHpkeOpens(): Promise<HpkeOpens> {
  const plain = randomBytes(1000)
  return inRounds({
    x25519: await ours(0x0020, plain),
    p256: await ours(0x0010, plain),
    hybrid: await ours(0x647a, plain),
    libraryX25519: await library(plain),
    rawX25519AndAesGcm: raw(plain),
  })
}

const info = utf8Of('message/bhttp request')

async function ours(kem: KemId, plain: Uint8Array): Promise<() => Promise<void>> {
  const symmetric = { kdf: 0x0001, aead: 0x0002 } as const
  const random = systemRandom
  const recipient = await nodeHpke.deriveRecipient(kem, random)
  const { publicKey } = recipient
  const sender = await nodeHpke.setupSender({ kem, publicKey, symmetric, info, random })
  if (!sender.ok) throw new Error(sender.problem.code)
  const sealed = await sender.value.context.seal(plain)
  return async () => {
    const context = await recipient.setup(sender.value.enc, info, symmetric)
    const opened = await context?.open(sealed)
    if (opened?.length !== plain.length) throw new Error('not opened')
  }
}

async function library(plain: Uint8Array): Promise<() => Promise<void>> {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
  const pair = await suite.GenerateKeyPair()
  const { encapsulatedSecret, ctx } = await suite.SetupSender(pair.publicKey, { info })
  const sealed = await ctx.Seal(plain)
  return async () => {
    const recipient = await suite.SetupRecipient(pair, encapsulatedSecret, { info })
    const opened = await recipient.Open(sealed)
    if (opened.length !== plain.length) throw new Error('not opened')
  }
}

function raw(plain: Uint8Array): () => void {
  const { privateKey } = generateKeyPairSync('x25519')
  const theirs = generateKeyPairSync('x25519').publicKey.export({ format: 'raw-public' })
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  const tag = cipher.getAuthTag()
  return () => {
    const publicKey = createPublicKey({
      key: theirs,
      format: 'raw-public',
      asymmetricKeyType: 'x25519',
    })
    diffieHellman({ privateKey, publicKey })
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
    decipher.setAuthTag(tag)
    decipher.update(sealed)
    decipher.final()
  }
}

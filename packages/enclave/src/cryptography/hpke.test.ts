import { hexOf, utf8Of } from '@sealward/attestation/bytes'
import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  KEM_MLKEM768_X25519,
} from 'hpke'
import { describe, expect, test } from 'vitest'
import { type HpkeContext, type HpkePrivateKey, hpkePrivateKeyOf, setupHpkeSender } from './hpke.ts'

const info = utf8Of('message/bhttp request')

const kems = [
  ['DHKEM(P-256)', 0x0010, KEM_DHKEM_P256_HKDF_SHA256],
  ['DHKEM(X25519)', 0x0020, KEM_DHKEM_X25519_HKDF_SHA256],
  ['MLKEM768-X25519', 0x647a, KEM_MLKEM768_X25519],
] as const
const aeads = [
  ['AES-128-GCM', 0x0001, AEAD_AES_128_GCM],
  ['AES-256-GCM', 0x0002, AEAD_AES_256_GCM],
] as const
const cases = kems.flatMap(([kemName, kem, theirKem]) =>
  aeads.map(
    ([aeadName, aead, theirAead]) =>
      [`${kemName}, ${aeadName}`, { kem, aead, theirs: [theirKem, theirAead] as const }] as const,
  ),
)

describe.each(cases)('%s', (_, { kem, aead, theirs }) => {
  const symmetric = { kdf: 0x0001, aead } as const
  const suite = new CipherSuite(theirs[0], KDF_HKDF_SHA256, theirs[1])

  async function keys() {
    const pair = await suite.GenerateKeyPair(true)
    const ours = hpkePrivateKeyOf(kem, await suite.SerializePrivateKey(pair.privateKey))
    return { pair, ours }
  }

  test('what another implementation seals opens, message after message, and exports are equal', async () => {
    const { pair, ours } = await keys()
    expect(hexOf(ours.publicKey)).toBe(hexOf(await suite.SerializePublicKey(pair.publicKey)))
    const { encapsulatedSecret, ctx } = await suite.SetupSender(pair.publicKey, { info })
    const context = recipientOf(ours, encapsulatedSecret, symmetric)
    for (let message = 0; message < 300; message++) {
      const plain = utf8Of(`message ${message}`)
      const aad = utf8Of(`aad ${message}`)
      expect(context.open(await ctx.Seal(plain, aad), aad)).toEqual(Buffer.from(plain))
    }
    const exported = await ctx.Export(utf8Of('message/bhttp response'), 48)
    expect(hexOf(context.export(utf8Of('message/bhttp response'), 48))).toBe(hexOf(exported))
  })

  test('what is sealed here another implementation opens', async () => {
    const { pair, ours } = await keys()
    const sender = setupHpkeSender(kem, ours.publicKey, info, symmetric)
    if (sender === undefined) throw new Error('the key is one')
    const ctx = await suite.SetupRecipient(pair.privateKey, sender.enc, { info })
    for (let message = 0; message < 3; message++) {
      const plain = utf8Of(`message ${message}`)
      expect(await ctx.Open(sender.context.seal(plain))).toEqual(plain)
    }
    const exported = await ctx.Export(info, 32)
    expect(hexOf(sender.context.export(info, 32))).toBe(hexOf(exported))
  })

  test('a changed message, other data, another info and another key do not open', async () => {
    const [{ ours }, { ours: others }] = [await keys(), await keys()]
    const sender = setupHpkeSender(kem, ours.publicKey, info, symmetric)
    if (sender === undefined) throw new Error('the key is one')
    const sealed = sender.context.seal(utf8Of('pixels'), utf8Of('aad'))
    const context = recipientOf(ours, sender.enc, symmetric)
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.slice()
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(context.open(changed, utf8Of('aad'))).toBeUndefined()
    }
    expect(context.open(sealed)).toBeUndefined()
    expect(context.open(sealed.subarray(0, 15), utf8Of('aad'))).toBeUndefined()
    const elsewhere = ours.setupRecipient(sender.enc, utf8Of('other'), symmetric)
    expect(elsewhere?.open(sealed, utf8Of('aad'))).toBeUndefined()
    expect(recipientOf(others, sender.enc, symmetric).open(sealed, utf8Of('aad'))).toBeUndefined()
    expect(context.open(sealed, utf8Of('aad'))).toEqual(Buffer.from('pixels'))
  })

  test('what is no key is refused without a throw', async () => {
    const { ours } = await keys()
    expect(ours.setupRecipient(new Uint8Array(5), info, symmetric)).toBeUndefined()
    expect(setupHpkeSender(kem, new Uint8Array(5), info, symmetric)).toBeUndefined()
    if (kem === 0x0010) {
      const offCurve = new Uint8Array(65).fill(4)
      expect(ours.setupRecipient(offCurve, info, symmetric)).toBeUndefined()
      expect(setupHpkeSender(kem, offCurve, info, symmetric)).toBeUndefined()
    }
    // A point of small order gives the same secret whatever the private key is.
    if (kem === 0x0020) {
      expect(ours.setupRecipient(new Uint8Array(32), info, symmetric)).toBeUndefined()
      expect(setupHpkeSender(kem, new Uint8Array(32), info, symmetric)).toBeUndefined()
    }
  })
})

function recipientOf(
  key: HpkePrivateKey,
  enc: Uint8Array,
  symmetric: Parameters<HpkePrivateKey['setupRecipient']>[2],
): HpkeContext {
  const context = key.setupRecipient(enc, info, symmetric)
  if (context === undefined) throw new Error('not set up')
  return context
}

import { hexOf, type Result, utf8Of } from '@sealward/attestation/bytes'
import {
  createReplayWindow,
  generateKeyConfig,
  type HpkeContext,
  type HpkeRecipient,
  openChunkedRequest,
  openChunkedResponse,
  openRequest,
  openResponse,
  type SymmetricSuite,
  sealChunkedRequest,
  sealChunkedResponse,
  sealRequest,
  sealResponse,
  webHpke,
} from '@sealward/attestation/channel'
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
import { systemRandom } from '../effects/index.ts'
import { hpkeRecipientOf, nodeHpke } from './hpke.ts'

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
    const ours = hpkeRecipientOf(kem, await suite.SerializePrivateKey(pair.privateKey))
    return { pair, ours }
  }

  const attempt = (publicKey: Uint8Array) =>
    nodeHpke.setupSender({ kem, publicKey, symmetric, info, random: systemRandom })

  async function sendTo(publicKey: Uint8Array) {
    const sender = await attempt(publicKey)
    if (!sender.ok) throw new Error(sender.problem.code)
    return sender.value
  }

  test('the same randomness makes the same key pair in both', async () => {
    const random = { bytes: (length: number) => new Uint8Array(length).fill(7) }
    const [one, other] = [
      await nodeHpke.deriveRecipient(kem, random),
      await webHpke.deriveRecipient(kem, random),
    ]
    expect(hexOf(one.publicKey)).toBe(hexOf(other.publicKey))
  })

  test('what another implementation seals opens, message after message, and exports are equal', async () => {
    const { pair, ours } = await keys()
    expect(hexOf(ours.publicKey)).toBe(hexOf(await suite.SerializePublicKey(pair.publicKey)))
    const { encapsulatedSecret, ctx } = await suite.SetupSender(pair.publicKey, { info })
    const context = await setUp(ours, encapsulatedSecret, symmetric)
    for (let message = 0; message < 300; message++) {
      const plain = utf8Of(`message ${message}`)
      const aad = utf8Of(`aad ${message}`)
      expect(await context.open(await ctx.Seal(plain, aad), aad)).toEqual(Buffer.from(plain))
    }
    const exported = await ctx.Export(utf8Of('message/bhttp response'), 48)
    expect(hexOf(await context.export(utf8Of('message/bhttp response'), 48))).toBe(hexOf(exported))
  })

  test('what is sealed here another implementation opens', async () => {
    const { pair, ours } = await keys()
    const sender = await sendTo(ours.publicKey)
    const ctx = await suite.SetupRecipient(pair.privateKey, sender.enc, { info })
    for (let message = 0; message < 3; message++) {
      const plain = utf8Of(`message ${message}`)
      expect(await ctx.Open(await sender.context.seal(plain))).toEqual(plain)
    }
    const exported = await ctx.Export(info, 32)
    expect(hexOf(await sender.context.export(info, 32))).toBe(hexOf(exported))
  })

  test('a changed message, other data, another info and another key do not open', async () => {
    const [{ ours }, { ours: others }] = [await keys(), await keys()]
    const sender = await sendTo(ours.publicKey)
    const sealed = await sender.context.seal(utf8Of('pixels'), utf8Of('aad'))
    const context = await setUp(ours, sender.enc, symmetric)
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.slice()
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(await context.open(changed, utf8Of('aad'))).toBeUndefined()
    }
    expect(await context.open(sealed)).toBeUndefined()
    expect(await context.open(sealed.subarray(0, 15), utf8Of('aad'))).toBeUndefined()
    const elsewhere = await ours.setup(sender.enc, utf8Of('other'), symmetric)
    expect(await elsewhere?.open(sealed, utf8Of('aad'))).toBeUndefined()
    const other = await setUp(others, sender.enc, symmetric)
    expect(await other.open(sealed, utf8Of('aad'))).toBeUndefined()
    expect(await context.open(sealed, utf8Of('aad'))).toEqual(Buffer.from('pixels'))
  })

  test('what is no key is refused without a throw', async () => {
    const { ours } = await keys()
    expect(await ours.setup(new Uint8Array(5), info, symmetric)).toBeUndefined()
    expect(await attempt(new Uint8Array(5))).toMatchObject({ problem: { code: 'malformed' } })
    if (kem === 0x0010) {
      const offCurve = new Uint8Array(65).fill(4)
      expect(await ours.setup(offCurve, info, symmetric)).toBeUndefined()
      expect(await attempt(offCurve)).toMatchObject({ problem: { code: 'malformed' } })
    }
    // A point of small order gives the same secret whatever the private key is.
    if (kem === 0x0020) {
      expect(await ours.setup(new Uint8Array(32), info, symmetric)).toBeUndefined()
      expect(await attempt(new Uint8Array(32))).toMatchObject({ problem: { code: 'malformed' } })
    }
  })
})

describe.each(kems)('sealed HTTP with %s, each side by another engine', (_, kem) => {
  test.each([
    ['a browser asks a service', webHpke, nodeHpke],
    ['a service asks a service', nodeHpke, nodeHpke],
    ['a service asks whoever has Web Crypto only', nodeHpke, webHpke],
  ])('%s, whole and in chunks', async (__, client, server) => {
    const random = systemRandom
    const key = await generateKeyConfig({ keyId: 3, kem, random, engine: server })
    const [request, response] = [utf8Of('pixels'), utf8Of('findings')]
    const to = { config: key.config, random, engine: client }
    const replay = createReplayWindow()

    const whole = accepted(await sealRequest({ ...to, request }))
    const opened = accepted(await openRequest({ keys: [key], message: whole.message, replay }))
    expect(hexOf(opened.request)).toBe(hexOf(request))
    const answer = await sealResponse({ exchange: opened.exchange, response, random })
    const answered = await openResponse({ exchange: whole.exchange, message: answer })
    expect(hexOf(accepted(answered))).toBe(hexOf(response))

    const chunked = accepted(await sealChunkedRequest({ ...to, request, chunkBytes: 4 }))
    const { message } = chunked
    const arrived = accepted(await openChunkedRequest({ keys: [key], message, replay }))
    expect(await gathered(arrived.request)).toBe(hexOf(request))
    const sealed = await sealChunkedResponse({
      exchange: arrived.exchange,
      response: [response],
      random,
    })
    const back = { exchange: chunked.exchange, message: sealed }
    expect(await gathered(accepted(await openChunkedResponse(back)))).toBe(hexOf(response))
  })
})

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  let hex = ''
  for await (const piece of pieces) hex += hexOf(piece)
  return hex
}

function accepted<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}

async function setUp(
  key: HpkeRecipient,
  enc: Uint8Array,
  symmetric: SymmetricSuite,
): Promise<HpkeContext> {
  const context = await key.setup(enc, info, symmetric)
  if (context === undefined) throw new Error('not set up')
  return context
}

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import {
  Aes128Gcm,
  Aes256Gcm,
  CipherSuite,
  DhkemP256HkdfSha256,
  DhkemX25519HkdfSha256,
  HkdfSha256,
} from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import { BHttpDecoder, BHttpEncoder } from 'bhttp-js'
import { describe, expect, test } from 'vitest'
import { concat, textOf, utf8Of } from '../bytes/index.ts'
import {
  type AeadId,
  type ByteSource,
  createReplayWindow,
  decodeRequest,
  decodeRequestStream,
  decodeResponse,
  decodeResponseStream,
  encodeRequest,
  encodeRequestStream,
  encodeResponse,
  encodeResponseStream,
  generateKeyConfig,
  type KemId,
  type KeyConfig,
  openChunkedRequest,
  openChunkedResponse,
  openRequest,
  openResponse,
  piecesOf,
  type Random,
  type RequestHead,
  sealChunkedRequest,
  sealChunkedResponse,
  sealRequest,
  sealResponse,
} from './index.ts'
import { varintOf } from './intake.ts'

/*
 * The other side of the exchange, of other people's parts: HPKE of @hpke/core and of @hpke/hybridkem-x-wing, binary
 * HTTP of bhttp-js, HKDF and AES-GCM of node:crypto. What is between them is written from RFC 9458 and the draft; no
 * library of Oblivious HTTP is to be had from npm's registry.
 */

const kemOf = {
  16: () => new DhkemP256HkdfSha256(),
  32: () => new DhkemX25519HkdfSha256(),
  25722: () => new XWing(),
}
const aeadOf = { 1: () => new Aes128Gcm(), 2: () => new Aes256Gcm() }
const keyBytesOf = { 1: 16, 2: 32 }

function otherSuite(kem: KemId, aead: AeadId): CipherSuite {
  return new CipherSuite({ kem: kemOf[kem](), kdf: new HkdfSha256(), aead: aeadOf[aead]() })
}

type Form = 'whole' | 'chunked'
const labels = {
  whole: ['message/bhttp request', 'message/bhttp response'],
  chunked: ['message/bhttp chunked request', 'message/bhttp chunked response'],
} as const

const bytesOf = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer)
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff)
const final = bufferOf(utf8Of('final'))

/** Chunks as the draft frames them, read from a whole message. */
function chunksIn(body: Uint8Array): readonly { bytes: Uint8Array; isFinal: boolean }[] {
  const chunks: { bytes: Uint8Array; isFinal: boolean }[] = []
  let rest = body
  for (;;) {
    const size = 1 << ((rest[0] ?? 0) >> 6)
    const length = rest
      .subarray(1, size)
      .reduce((sum, byte) => sum * 256 + byte, (rest[0] ?? 0) & 0x3f)
    rest = rest.subarray(size)
    if (length === 0) return [...chunks, { bytes: rest, isFinal: true }]
    chunks.push({ bytes: rest.subarray(0, length), isFinal: false })
    rest = rest.subarray(length)
  }
}

/** A plaintext in parts, of which the last may be empty. */
function partsOf(plaintext: Uint8Array): readonly Uint8Array[] {
  const [a, b] = [Math.floor(plaintext.length / 3), Math.floor(plaintext.length / 2)]
  return [plaintext.subarray(0, a), plaintext.subarray(a, b), plaintext.subarray(b)].filter(
    ({ length }) => length > 0,
  )
}

interface OtherExchange {
  readonly enc: Uint8Array
  readonly aead: AeadId
  readonly form: Form
  readonly secret: Uint8Array
}

async function otherSeal(
  config: KeyConfig,
  form: Form,
  plaintext: Uint8Array,
): Promise<{ message: Uint8Array; exchange: OtherExchange }> {
  const [{ kdf, aead }] = config.suites
  const suite = otherSuite(config.kem, aead)
  const header = concat(Uint8Array.of(config.keyId), u16(config.kem), u16(kdf), u16(aead))
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(bufferOf(config.publicKey)),
    info: bufferOf(concat(utf8Of(labels[form][0]), Uint8Array.of(0), header)),
  })
  const sealed: Uint8Array[] = []
  if (form === 'whole') sealed.push(bytesOf(await sender.seal(bufferOf(plaintext))))
  else {
    for (const part of partsOf(plaintext)) {
      const chunk = bytesOf(await sender.seal(bufferOf(part)))
      sealed.push(varintOf(chunk.length), chunk)
    }
    sealed.push(Uint8Array.of(0), bytesOf(await sender.seal(new ArrayBuffer(0), final)))
  }
  const secretBytes = Math.max(12, keyBytesOf[aead])
  const secret = bytesOf(await sender.export(bufferOf(utf8Of(labels[form][1])), secretBytes))
  const enc = bytesOf(sender.enc)
  return { message: concat(header, enc, ...sealed), exchange: { enc, aead, form, secret } }
}

async function otherOpen(
  key: { readonly config: KeyConfig; readonly privateKey: CryptoKey },
  form: Form,
  message: Uint8Array,
): Promise<{ plaintext: Uint8Array; exchange: OtherExchange }> {
  const header = message.subarray(0, 7)
  const view = new DataView(message.buffer, message.byteOffset)
  const [kem, aead] = [view.getUint16(1) as KemId, view.getUint16(5) as AeadId]
  expect([view.getUint8(0), kem]).toEqual([key.config.keyId, key.config.kem])
  const suite = otherSuite(kem, aead)
  const enc = message.subarray(7, 7 + suite.kem.encSize)
  const recipient = await suite.createRecipientContext({
    recipientKey: key.privateKey,
    enc: bufferOf(enc),
    info: bufferOf(concat(utf8Of(labels[form][0]), Uint8Array.of(0), header)),
  })
  const body = message.subarray(7 + suite.kem.encSize)
  const opened: Uint8Array[] = []
  if (form === 'whole') opened.push(bytesOf(await recipient.open(bufferOf(body))))
  else {
    for (const { bytes, isFinal } of chunksIn(body)) {
      opened.push(bytesOf(await recipient.open(bufferOf(bytes), ...(isFinal ? [final] : []))))
    }
  }
  const secretBytes = Math.max(12, keyBytesOf[aead])
  const secret = bytesOf(await recipient.export(bufferOf(utf8Of(labels[form][1])), secretBytes))
  return { plaintext: concat(...opened), exchange: { enc: enc.slice(), aead, form, secret } }
}

function otherResponseKey({ enc, secret, aead }: OtherExchange, nonce: Uint8Array) {
  const prk = createHmac('sha256', concat(enc, nonce)).update(secret).digest()
  const expand = (info: string, length: number): Uint8Array =>
    createHmac('sha256', prk).update(info).update(Uint8Array.of(1)).digest().subarray(0, length)
  const baseNonce = expand('nonce', 12)
  const nonceFor = (index: number): Uint8Array => {
    const one = Uint8Array.from(baseNonce)
    one[11] = (one[11] ?? 0) ^ index
    return one
  }
  return {
    key: expand('key', keyBytesOf[aead]),
    cipher: `aes-${8 * keyBytesOf[aead]}-gcm`,
    nonceFor,
  }
}

function otherSealResponse(exchange: OtherExchange, plaintext: Uint8Array): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(Math.max(12, keyBytesOf[exchange.aead])))
  const { key, cipher, nonceFor } = otherResponseKey(exchange, nonce)
  const seal = (index: number, part: Uint8Array, aad: string): Uint8Array => {
    const sealing = createCipheriv(cipher as 'aes-128-gcm', key, nonceFor(index))
    sealing.setAAD(Buffer.from(aad))
    return concat(sealing.update(part), sealing.final(), sealing.getAuthTag())
  }
  if (exchange.form === 'whole') return concat(nonce, seal(0, plaintext, ''))
  const parts = partsOf(plaintext)
  const chunks = parts.map((part, index) => seal(index, part, ''))
  const framed = chunks.flatMap((chunk) => [varintOf(chunk.length), chunk])
  return concat(nonce, ...framed, Uint8Array.of(0), seal(parts.length, new Uint8Array(), 'final'))
}

function otherOpenResponse(exchange: OtherExchange, message: Uint8Array): Uint8Array {
  const nonceBytes = Math.max(12, keyBytesOf[exchange.aead])
  const { key, cipher, nonceFor } = otherResponseKey(exchange, message.subarray(0, nonceBytes))
  const open = (index: number, sealed: Uint8Array, aad: string): Uint8Array => {
    const opening = createDecipheriv(cipher as 'aes-128-gcm', key, nonceFor(index))
    opening.setAAD(Buffer.from(aad)).setAuthTag(sealed.subarray(-16))
    return concat(opening.update(sealed.subarray(0, -16)), opening.final())
  }
  const body = message.subarray(nonceBytes)
  if (exchange.form === 'whole') return open(0, body, '')
  return concat(
    ...chunksIn(body).map(({ bytes, isFinal }, index) =>
      open(index, bytes, isFinal ? 'final' : ''),
    ),
  )
}

/** A key pair of the other library's. */
async function otherKey(
  kem: KemId,
  aead: AeadId,
): Promise<{ readonly config: KeyConfig; readonly privateKey: CryptoKey }> {
  const suite = otherSuite(kem, aead)
  const pair = await suite.kem.generateKeyPair()
  const publicKey = bytesOf(await suite.kem.serializePublicKey(pair.publicKey))
  const config = { keyId: 9, kem, publicKey, suites: [{ kdf: 1, aead }] } as const
  return { config, privateKey: pair.privateKey }
}

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }

function accepted<T>(result: { ok: true; value: T } | { ok: false; problem: { code: string } }): T {
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}

async function gathered(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of piecesOf(source)) pieces.push(piece)
  return concat(...pieces)
}

const body = utf8Of(`${'a body of some length, '.repeat(400)}and its end`)
const head: RequestHead = {
  method: 'POST',
  scheme: 'https',
  authority: 'platform.example',
  path: '/fhir/Patient',
  headers: [['content-type', 'application/fhir+json']],
}

/** The library does not say which bytes it takes. */
const otherDecoder = new BHttpDecoder()
const otherEncoder = new BHttpEncoder()

async function expectRequest(request: Request): Promise<void> {
  expect(request.method).toBe('POST')
  expect(request.url).toBe('https://platform.example/fhir/Patient')
  expect(request.headers.get('content-type')).toBe('application/fhir+json')
  expect(textOf(new Uint8Array(await request.arrayBuffer()))).toBe(textOf(body))
}

const otherRequest = (): Request =>
  new Request('https://platform.example/fhir/Patient', {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: body as Uint8Array<ArrayBuffer>,
  })
const otherResponse = (): Response =>
  new Response(body as Uint8Array<ArrayBuffer>, { status: 201, headers: { 'x-a': '1' } })

describe.each([
  ['MLKEM768-X25519', 0x647a],
  ['X25519', 0x0020],
  ['P-256', 0x0010],
] as const)('%s', (_, kem) => {
  describe.each([
    ['AES-128-GCM', 1],
    ['AES-256-GCM', 2],
  ] as const)('and %s', (_name, aead) => {
    test('our client with their server, as a whole', async () => {
      const key = await otherKey(kem, aead)
      const request = encodeRequest({ ...head, body })
      const sealed = accepted(await sealRequest({ config: key.config, request, random }))
      const { plaintext, exchange } = await otherOpen(key, 'whole', sealed.message)
      await expectRequest(otherDecoder.decodeRequest(plaintext))
      const answer = await otherEncoder.encodeResponse(otherResponse())
      const message = otherSealResponse(exchange, answer)
      const opened = accepted(await openResponse({ exchange: sealed.exchange, message }))
      expect(accepted(decodeResponse(opened))).toMatchObject({ status: 201, body })
    })

    test('our client with their server, in chunks', async () => {
      const key = await otherKey(kem, aead)
      const request = encodeRequestStream(head, [body.subarray(0, 100), body.subarray(100)])
      const options = { config: key.config, random, chunkBytes: 1000 }
      const sealed = accepted(await sealChunkedRequest({ ...options, request }))
      const whole = await gathered(sealed.message)
      const { plaintext, exchange } = await otherOpen(key, 'chunked', whole)
      await expectRequest(otherDecoder.decodeRequest(plaintext))
      const answer = await otherEncoder.encodeResponse(otherResponse())
      const message = otherSealResponse(exchange, answer)
      const opened = accepted(await openChunkedResponse({ exchange: sealed.exchange, message }))
      const response = accepted(await decodeResponseStream(opened))
      expect(response.status).toBe(201)
      expect(await gathered(response.body)).toEqual(body)
    })

    test('their client with our server, as a whole', async () => {
      const key = await ourKey(kem, aead)
      const request = await otherEncoder.encodeRequest(otherRequest())
      const { message, exchange } = await otherSeal(key.config, 'whole', request)
      const replay = createReplayWindow()
      const opened = accepted(await openRequest({ keys: [key], message, replay }))
      expect(accepted(decodeRequest(opened.request))).toMatchObject({ method: 'POST', body })
      const response = encodeResponse({ status: 201, headers: [['x-a', '1']], body })
      const sealed = await sealResponse({ exchange: opened.exchange, response, random })
      await expectResponse(otherDecoder.decodeResponse(otherOpenResponse(exchange, sealed)))
    })

    test('their client with our server, in chunks', async () => {
      const key = await ourKey(kem, aead)
      const request = await otherEncoder.encodeRequest(otherRequest())
      const { message, exchange } = await otherSeal(key.config, 'chunked', request)
      const replay = createReplayWindow()
      const opened = accepted(await openChunkedRequest({ keys: [key], message, replay }))
      const decoded = accepted(await decodeRequestStream(opened.request))
      expect(decoded).toMatchObject({ method: 'POST', path: '/fhir/Patient' })
      expect(await gathered(decoded.body)).toEqual(body)
      const response = encodeResponseStream(
        { status: 201, headers: [['x-a', '1']] },
        [body.subarray(0, 5000), body.subarray(5000)],
        { informational: [{ status: 103, headers: [['link', '</a>']] }] },
      )
      const sealed = await gathered(
        await sealChunkedResponse({ exchange: opened.exchange, response, random }),
      )
      await expectResponse(otherDecoder.decodeResponse(otherOpenResponse(exchange, sealed)))
    })
  })
})

async function expectResponse(response: Response): Promise<void> {
  expect(response.status).toBe(201)
  expect(response.headers.get('x-a')).toBe('1')
  expect(textOf(new Uint8Array(await response.arrayBuffer()))).toBe(textOf(body))
}

/** A key of ours that offers one cipher. */
async function ourKey(kem: KemId, aead: AeadId) {
  const key = await generateKeyConfig({ keyId: 9, kem, random })
  const suites = key.config.suites.filter((suite) => suite.aead === aead)
  return { ...key, config: { ...key.config, suites: suites as unknown as KeyConfig['suites'] } }
}

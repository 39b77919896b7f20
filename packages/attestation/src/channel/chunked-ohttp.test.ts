import fc from 'fast-check'
import {
  AEAD_AES_128_GCM,
  CipherSuite,
  type CryptoKey,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type KeyPair,
} from 'hpke'
import { describe, expect, test } from 'vitest'
import { bytesOfHex, concat, hexOf, utf8Of } from '../bytes/index.ts'
import {
  type ByteSource,
  ChannelError,
  channelLimits,
  createReplayWindow,
  decodeKeyConfigs,
  generateKeyConfig,
  type KeyConfig,
  type OhttpKey,
  openChunkedRequest,
  openChunkedResponse,
  openRequest,
  type Random,
  type ReplayWindow,
  sealChunkedRequest,
  sealChunkedResponse,
  sealRequest,
} from './index.ts'
import { varintOf } from './intake.ts'
import { webHpkeWith, webRecipientOf } from './web-hpke.ts'

const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

/** The draft's appendix. The gateway's secret key is 32 bytes of it; a chunk is one of the lists' items. */
const draft = {
  keyConfig:
    '010020668eb21aace159803974a4c67f08b4152d29bed10735fd08f98ccdd6fe09570800080001000100010003',
  privateKey: '1c190d72acdbe4dbc69e680503bb781a932c70a12c8f3754434c67d8640d8698',
  ephemeralKey: 'b26d565f3f875ed480d1abced3d665159650c99174fd0b124ac4bda0c64ae324',
  enc: '8811eb457e100811c40a0aa71340a1b81d804bb986f736f2f566a7199761a032',
  header: '01002000010001',
  request: '00034745540568747470730b6578616d706c652e636f6d012f',
  sealedRequest: [
    '1c2ad24942d4d692563012f2980c8fef437a336b9b2fc938ef77a5834f',
    '1d2e33d8fd25577afe31bd1c79d094f76b6250ae6549b473ecd950501311',
    '001c6c1395d0ef7c1022297966307b8a7f',
  ],
  response: '0140c8',
  responseNonce: 'bcce7f4cb921309ba5d62edf1769ef09',
  sealedResponse: [
    '1179bf1cc87fa0e2c02de4546945aa3d1e48',
    '12b348b5bd4c594c16b6170b07b475845d1f32',
    '00ed9d8a796617a5b27265f4d73247f639',
  ],
}

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }
const always = (bytes: Uint8Array): Random => ({ bytes: () => bytes })

async function draftPair(privateKey: string, publicKey: Uint8Array): Promise<KeyPair<CryptoKey>> {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM)
  return {
    privateKey: await suite.DeserializePrivateKey(hex(privateKey)),
    publicKey: await suite.DeserializePublicKey(publicKey),
  }
}

function draftConfig(): KeyConfig {
  const bytes = hex(draft.keyConfig)
  return accepted(decodeKeyConfigs(concat(Uint8Array.of(0, bytes.length), bytes)))[0]
}

/** The value, or a failed test. */
function accepted<T>(result: { ok: true; value: T } | { ok: false; problem: { code: string } }): T {
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return concat(...pieces)
}

async function listed(source: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return pieces
}

/** What a message opens to, or the code that it fails with, at once or in the middle. */
async function outcomeOf(
  opened: { ok: true; value: AsyncIterable<Uint8Array> } | { ok: false; problem: { code: string } },
): Promise<string> {
  if (!opened.ok) return opened.problem.code
  try {
    return hexOf(await gathered(opened.value))
  } catch (error) {
    if (error instanceof ChannelError) return error.problem.code
    throw error
  }
}

const openWith = async (key: OhttpKey, message: ByteSource, replay?: ReplayWindow) => {
  const opened = await openChunkedRequest({
    keys: [key],
    message,
    replay: replay ?? createReplayWindow(),
  })
  return opened.ok ? { ok: true as const, value: opened.value.request } : opened
}

/** The bytes cut at the given places, which wrap around. */
function split(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

describe('the example of the draft', () => {
  test('its request opens, and its response is sealed to the same bytes', async () => {
    const config = draftConfig()
    const pair = await draftPair(draft.privateKey, config.publicKey)
    const key = { config, recipient: await webRecipientOf(config.kem, pair) }
    const message = hex(draft.header + draft.enc + draft.sealedRequest.join(''))
    const opened = accepted(
      await openChunkedRequest({ keys: [key], message, replay: createReplayWindow() }),
    )
    expect(hexOf(await gathered(opened.request))).toBe(draft.request)
    const response = hex(draft.response)
    const sealed = await sealChunkedResponse({
      exchange: opened.exchange,
      response: [response.subarray(0, 1), response.subarray(1)],
      random: always(hex(draft.responseNonce)),
    })
    const [first, ...others] = draft.sealedResponse
    expect((await listed(sealed)).map(hexOf)).toEqual([draft.responseNonce + first, ...others])
  })

  test('its request is sealed to the same bytes, and its response opens', async () => {
    const config = draftConfig()
    const engine = webHpkeWith(() => draftPair(draft.ephemeralKey, hex(draft.enc)))
    const request = hex(draft.request)
    const sealed = accepted(
      await sealChunkedRequest({
        config,
        engine,
        random,
        request: [request.subarray(0, 12), request.subarray(12)],
        chunks: 'prompt',
      }),
    )
    const [first, ...others] = draft.sealedRequest
    expect((await listed(sealed.message)).map(hexOf)).toEqual([
      draft.header + draft.enc + first,
      ...others,
    ])
    const opened = await openChunkedResponse({
      exchange: sealed.exchange,
      message: hex(draft.responseNonce + draft.sealedResponse.join('')),
    })
    expect(await outcomeOf(opened)).toBe(draft.response)
  })
})

describe.each([
  ['MLKEM768-X25519', 0x647a],
  ['X25519', 0x0020],
  ['P-256', 0x0010],
] as const)('sealed in chunks with %s', (_, kem) => {
  test('what comes in any pieces, and is cut anyhow on the way, opens to the same bytes', async () => {
    const key = await generateKeyConfig({ keyId: 7, kem, random })
    const cuts = fc.array(fc.nat(), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 1, max: 1200 }),
        fc.constantFrom('filled', 'prompt'),
        cuts,
        cuts,
        async (bytes, chunkBytes, chunks, writes, reads) => {
          const request = split(bytes, writes)
          const options = { chunkBytes, chunks } as const
          const sealed = accepted(
            await sealChunkedRequest({ config: key.config, request, random, ...options }),
          )
          const message = split(await gathered(sealed.message), reads)
          const opened = accepted(
            await openChunkedRequest({ keys: [key], message, replay: createReplayWindow() }),
          )
          expect(hexOf(await gathered(opened.request))).toBe(hexOf(bytes))
          const response = await sealChunkedResponse({
            exchange: opened.exchange,
            response: split(bytes, reads),
            random,
            ...options,
          })
          const answer = split(await gathered(response), writes)
          const answered = await openChunkedResponse({
            exchange: sealed.exchange,
            message: answer,
          })
          expect(await outcomeOf(answered)).toBe(hexOf(bytes))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a change of any bit that is sealed, and every cut, is refused', async () => {
    const key = await generateKeyConfig({ keyId: 7, kem, random })
    const plain = utf8Of('a request of some chunks')
    const { message, exchange } = accepted(
      await sealChunkedRequest({ config: key.config, request: plain, random, chunkBytes: 7 }),
    )
    const whole = await gathered(message)
    const opened = accepted(
      await openChunkedRequest({ keys: [key], message: whole, replay: createReplayWindow() }),
    )
    expect(await gathered(opened.request)).toEqual(plain)
    for (let index = 0; index < whole.length; index++) {
      const changed = whole.slice()
      changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8))
      for (const bytes of [changed, whole.subarray(0, index)]) {
        const outcome = await outcomeOf(await openWith(key, bytes))
        expect(outcome, `byte ${index}`).toMatch(
          /^(not-opened|truncated|stale-key|unsupported-suite|too-large)$/,
        )
      }
    }
    expect(await outcomeOf(await openWith(key, concat(whole, Uint8Array.of(0))))).toBe('not-opened')
    expect(exchange).toBeDefined()
  })
})

describe('a message whose chunks were tampered with', () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60))

  interface Sealed {
    readonly start: Uint8Array
    readonly chunks: readonly Uint8Array[]
    readonly open: (message: Uint8Array) => Promise<string>
  }

  /** Requests can be opened again with another window; a response is opened once, so it is sealed anew each time. */
  async function sealedRequest(): Promise<Sealed> {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(
      await sealChunkedRequest({ config: key.config, request: bytes, random, chunkBytes: 10 }),
    )
    const [first = new Uint8Array(), ...others] = await listed(message)
    return {
      start: first.subarray(0, 39),
      chunks: [first.subarray(39), ...others],
      open: async (whole) => outcomeOf(await openWith(key, whole)),
    }
  }

  async function sealedResponse(): Promise<Sealed> {
    const key = await generateKeyConfig({ keyId: 1, random })
    const sealed = accepted(
      await sealChunkedRequest({ config: key.config, request: bytes, random }),
    )
    const opened = accepted(
      await openChunkedRequest({
        keys: [key],
        message: sealed.message,
        replay: createReplayWindow(),
      }),
    )
    const response = await sealChunkedResponse({
      exchange: opened.exchange,
      response: bytes,
      random,
      chunkBytes: 10,
      chunks: 'filled',
    })
    const [first = new Uint8Array(), ...others] = await listed(response)
    return {
      start: first.subarray(0, 32),
      chunks: [first.subarray(32), ...others],
      open: async (message) =>
        outcomeOf(await openChunkedResponse({ exchange: sealed.exchange, message })),
    }
  }

  test.each([
    ['request', sealedRequest],
    ['response', sealedResponse],
  ] as const)('%s: only all chunks in their order open', async (_, seal) => {
    const { chunks, start, open } = await seal()
    expect(chunks).toHaveLength(6)
    expect(await open(concat(start, ...chunks))).toBe(hexOf(bytes))
  })

  test.each([
    ['request', sealedRequest],
    ['response', sealedResponse],
  ] as const)('%s: swapped, dropped, doubled and foreign chunks do not', async (_, seal) => {
    const manglings = fc.oneof(
      fc.tuple(fc.constant('swap'), fc.nat(5), fc.nat(5)).filter(([, a, b]) => a !== b),
      fc.tuple(fc.constant('drop'), fc.nat(5), fc.nat(5)),
      fc.tuple(fc.constant('double'), fc.nat(5), fc.nat(5)),
      fc.tuple(fc.constant('foreign'), fc.nat(5), fc.nat(5)),
      fc.tuple(fc.constant('cut'), fc.nat(5), fc.nat(5)),
    )
    await fc.assert(
      fc.asyncProperty(manglings, async ([how, a, b]) => {
        const { chunks, start, open } = await seal()
        const other = (await seal()).chunks
        const mangled = [...chunks]
        const [one, two] = [chunks[a], chunks[b]] as [Uint8Array, Uint8Array]
        switch (how) {
          case 'swap':
            mangled[a] = two
            mangled[b] = one
            break
          case 'drop':
            mangled.splice(a, 1)
            break
          case 'double':
            mangled.splice(b, 0, one)
            break
          case 'foreign':
            mangled.splice(a, 1, ...other.slice(a, a + 1))
            break
          default:
            mangled.splice(a)
        }
        expect(await open(concat(start, ...mangled))).toMatch(
          /^(not-opened|truncated|too-large|malformed)$/,
        )
      }),
      { numRuns: 60 },
    )
  })

  test('a final chunk that is passed off as another, and the other way round', async () => {
    for (const seal of [sealedRequest, sealedResponse]) {
      const { chunks, start, open } = await seal()
      const last = (chunks[5] ?? bytes).subarray(1)
      const asAnother = concat(start, ...chunks.slice(0, 5), varintOf(last.length), last)
      expect(await open(asAnother)).toBe('not-opened')
      const again = await seal()
      const first = (again.chunks[0] ?? bytes).subarray(1)
      expect(await again.open(concat(again.start, Uint8Array.of(0), first))).toBe('not-opened')
    }
  })

  test('a chunk that holds nothing and is not the final one', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM)
    const header = hex('01002000010001')
    const publicKey = await suite.DeserializePublicKey(key.config.publicKey)
    const { encapsulatedSecret, ctx } = await suite.SetupSender(publicKey, {
      info: concat(utf8Of('message/bhttp chunked request'), Uint8Array.of(0), header),
    })
    const nothing = await ctx.Seal(new Uint8Array())
    const last = await ctx.Seal(new Uint8Array(), utf8Of('final'))
    const message = concat(
      header,
      encapsulatedSecret,
      Uint8Array.of(16),
      nothing,
      Uint8Array.of(0),
      last,
    )
    expect(await outcomeOf(await openWith(key, message))).toBe('not-opened')
  })
})

describe('refusals', () => {
  test('a chunk that says it is longer than one may be, before anything of it is read', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(
      await sealChunkedRequest({ config: key.config, request: utf8Of('a'), random }),
    )
    const start = (await gathered(message)).subarray(0, 39)
    let wasRead = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield concat(start, varintOf(channelLimits.chunkBytesMax + 17))
      for (; wasRead < 1000; wasRead++) yield new Uint8Array(1024)
    }
    expect(await outcomeOf(await openWith(key, endless()))).toBe('too-large')
    expect(wasRead).toBe(0)
  })

  test('a final chunk without an end is not gathered without an end', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(
      await sealChunkedRequest({ config: key.config, request: utf8Of('a'), random }),
    )
    const start = (await gathered(message)).subarray(0, 39)
    let wasRead = 0
    let wasGivenUp = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield concat(start, Uint8Array.of(0))
        for (;;) {
          wasRead += 65_536
          yield new Uint8Array(65_536)
        }
      } finally {
        wasGivenUp = true
      }
    }
    expect(await outcomeOf(await openWith(key, endless()))).toBe('too-large')
    expect(wasRead).toBeLessThan(2 * channelLimits.chunkBytesMax)
    expect(wasGivenUp).toBe(true)
  })

  test('a message longer than the recipient takes', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(
      await sealChunkedRequest({
        config: key.config,
        request: new Uint8Array(5000),
        random,
        chunkBytes: 1000,
      }),
    )
    const opened = accepted(
      await openChunkedRequest({
        keys: [key],
        message,
        replay: createReplayWindow(),
        bytesMax: 3000,
      }),
    )
    let length = 0
    await expect(async () => {
      for await (const piece of opened.request) length += piece.length
    }).rejects.toMatchObject({ problem: { code: 'too-large' } })
    expect(length).toBe(2000)
  })

  test('the same request twice, and one whose window answers later', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(
      await sealChunkedRequest({ config: key.config, request: utf8Of('a'), random }),
    )
    const whole = await gathered(message)
    const local = createReplayWindow()
    const replay: ReplayWindow = {
      admit: async (keyId, enc) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return local.admit(keyId, enc)
      },
    }
    const outcomes = await Promise.all(
      [1, 2, 3].map(async () => outcomeOf(await openWith(key, whole, replay))),
    )
    expect(outcomes.sort()).toEqual(['61', 'replayed', 'replayed'])
  })

  test('a request whose first chunk did not open takes no place in the window', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const replay = createReplayWindow()
    const { message } = accepted(
      await sealChunkedRequest({ config: key.config, request: utf8Of('a'), random }),
    )
    const whole = await gathered(message)
    const changed = whole.slice()
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    expect(await outcomeOf(await openWith(key, changed, replay))).toBe('not-opened')
    expect(replay.size(1)).toBe(0)
    // One that is cut later does: something was done on its word.
    const cut = accepted(
      await sealChunkedRequest({
        config: key.config,
        request: utf8Of('ab'),
        random,
        chunkBytes: 1,
      }),
    )
    const [first = whole] = await listed(cut.message)
    expect(await outcomeOf(await openWith(key, first, replay))).toBe('truncated')
    expect(replay.size(1)).toBe(1)
  })

  test('one form does not open as the other', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const request = utf8Of('a request')
    const whole = accepted(await sealRequest({ config: key.config, request, random }))
    const chunked = accepted(await sealChunkedRequest({ config: key.config, request, random }))
    const ciphertext = whole.message.subarray(39)
    const passedOff = concat(whole.message.subarray(0, 39), Uint8Array.of(0), ciphertext)
    expect(await outcomeOf(await openWith(key, passedOff))).toBe('not-opened')
    const message = await gathered(chunked.message)
    const other = concat(message.subarray(0, 39), message.subarray(40))
    const replay = createReplayWindow()
    expect(await openRequest({ keys: [key], message: other, replay })).toMatchObject({
      problem: { code: 'not-opened' },
    })
  })

  test('a response to another request, and a second answer', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const seal = async () =>
      accepted(await sealChunkedRequest({ config: key.config, request: utf8Of('a'), random }))
    const [one, other] = [await seal(), await seal()]
    const { exchange } = accepted(
      await openChunkedRequest({
        keys: [key],
        message: other.message,
        replay: createReplayWindow(),
      }),
    )
    const message = await gathered(
      await sealChunkedResponse({ exchange, response: utf8Of('b'), random }),
    )
    expect(await outcomeOf(await openChunkedResponse({ exchange: one.exchange, message }))).toBe(
      'not-opened',
    )
    await expect(sealChunkedResponse({ exchange, response: utf8Of('b'), random })).rejects.toThrow(
      'answered',
    )
  })
})

describe('how a message flows', () => {
  test('prompt chunks leave as their piece comes; filled ones are of one size', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const lengthsOf = async (chunks: 'filled' | 'prompt'): Promise<readonly number[]> => {
      const request = [new Uint8Array(3), new Uint8Array(25), new Uint8Array(1)]
      const { message } = accepted(
        await sealChunkedRequest({ config: key.config, request, random, chunkBytes: 10, chunks }),
      )
      return (await listed(message)).map((piece, index) => piece.length - (index === 0 ? 39 : 0))
    }
    const sealed = (length: number): number => 1 + length + 16
    expect(await lengthsOf('filled')).toEqual([10, 10, 9].map(sealed))
    expect(await lengthsOf('prompt')).toEqual([3, 10, 10, 5, 1, 0].map(sealed))
  })

  test('nothing is read before it is asked for, and giving up gives up the source', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    let [taken, wasGivenUp] = [0, false]
    async function* pieces(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          taken++
          yield new Uint8Array(10)
        }
      } finally {
        wasGivenUp = true
      }
    }
    const { message } = accepted(
      await sealChunkedRequest({
        config: key.config,
        request: pieces(),
        random,
        chunkBytes: 10,
        chunks: 'prompt',
      }),
    )
    const { request } = accepted(
      await openChunkedRequest({ keys: [key], message, replay: createReplayWindow() }),
    )
    expect(taken).toBe(1)
    for await (const piece of request) {
      expect(piece).toHaveLength(10)
      if (taken === 5) break
    }
    expect([taken, wasGivenUp]).toEqual([5, true])
  })

  test('a request that fails as it is read never gets its final chunk', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(20)
      throw new Error('the disk is gone')
    }
    const { message } = accepted(
      await sealChunkedRequest({
        config: key.config,
        request: broken(),
        random,
        chunkBytes: 10,
        chunks: 'prompt',
      }),
    )
    const sent: Uint8Array[] = []
    await expect(async () => {
      for await (const piece of message) sent.push(piece)
    }).rejects.toThrow('the disk is gone')
    expect(await outcomeOf(await openWith(key, concat(...sent)))).toBe('truncated')
  })
})

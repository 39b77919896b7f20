import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
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
  createReplayWindow,
  decodeKeyConfigs,
  encodeKeyConfigs,
  generateKeyConfig,
  type KeyConfig,
  type OhttpKey,
  openRequest,
  openResponse,
  type Random,
  sealRequest,
  sealResponse,
} from './index.ts'
import { webHpkeWith, webRecipientOf } from './web-hpke.ts'

const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

/** RFC 9458, appendix A. */
const rfc = {
  keyConfig:
    '01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e79815500080001000100010003',
  privateKey: '3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a',
  ephemeralKey: 'bc51d5e930bda26589890ac7032f70ad12e4ecb37abb1b65b1256c9c48999c73',
  request: '00034745540568747470730b6578616d706c652e636f6d012f',
  sealedRequest:
    '010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472' +
    '6374e469135906992e1268c594d2a10c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525',
  response: '0140c8',
  responseNonce: 'c789e7151fcba46158ca84b04464910d',
  sealedResponse: 'c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd',
}

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }
const always = (bytes: Uint8Array): Random => ({ bytes: () => bytes })
const request = utf8Of('a request')

async function rfcPair(privateKey: string, publicKey: Uint8Array): Promise<KeyPair<CryptoKey>> {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM)
  return {
    privateKey: await suite.DeserializePrivateKey(hex(privateKey)),
    publicKey: await suite.DeserializePublicKey(publicKey),
  }
}

function rfcConfig(): KeyConfig {
  const bytes = hex(rfc.keyConfig)
  const configs = decodeKeyConfigs(concat(Uint8Array.of(0, bytes.length), bytes))
  if (!configs.ok) throw new Error(configs.problem.code)
  return configs.value[0]
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What is still referred to, buffers included. */
function bytesInUse(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** The value, or a failed test. */
function accepted<T>(result: { ok: true; value: T } | { ok: false; problem: { code: string } }): T {
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}

const openWith = async (keys: readonly OhttpKey[], message: Uint8Array) =>
  openRequest({ keys, message, replay: createReplayWindow() })

describe('the example of RFC 9458', () => {
  test('its key configuration is read, without the suite that is not spoken here', () => {
    expect(rfcConfig()).toMatchObject({
      keyId: 1,
      kem: 0x20,
      suites: [{ kdf: 1, aead: 1 }],
    })
  })

  test('its request opens, and its response is sealed to the same bytes', async () => {
    const config = rfcConfig()
    const pair = await rfcPair(rfc.privateKey, config.publicKey)
    const key = { config, recipient: await webRecipientOf(config.kem, pair) }
    const opened = accepted(await openWith([key], hex(rfc.sealedRequest)))
    expect(hexOf(opened.request)).toBe(rfc.request)
    const sealed = await sealResponse({
      exchange: opened.exchange,
      response: hex(rfc.response),
      random: always(hex(rfc.responseNonce)),
    })
    expect(hexOf(sealed)).toBe(rfc.sealedResponse)
  })

  test('its request is sealed to the same bytes, and its response opens', async () => {
    const config = rfcConfig()
    const enc = hex(rfc.sealedRequest).subarray(7, 39)
    const engine = webHpkeWith(() => rfcPair(rfc.ephemeralKey, enc))
    const sealed = accepted(
      await sealRequest({ config, engine, random, request: hex(rfc.request) }),
    )
    expect(hexOf(sealed.message)).toBe(rfc.sealedRequest)
    const opened = await openResponse({
      exchange: sealed.exchange,
      message: hex(rfc.sealedResponse),
    })
    expect(hexOf(accepted(opened))).toBe(rfc.response)
  })
})

describe.each([
  ['MLKEM768-X25519', 0x647a],
  ['X25519', 0x0020],
  ['P-256', 0x0010],
] as const)('sealed with %s', (_, kem) => {
  test('a request and its response come back as they were', async () => {
    const key = await generateKeyConfig({ keyId: 7, kem, random })
    const [config] = accepted(decodeKeyConfigs(encodeKeyConfigs([key.config])))
    expect(config).toEqual(key.config)
    const sealed = accepted(await sealRequest({ config, request, random }))
    const opened = accepted(await openWith([key], sealed.message))
    expect(opened.request).toEqual(request)
    const response = utf8Of('a response')
    const message = await sealResponse({ exchange: opened.exchange, response, random })
    expect(accepted(await openResponse({ exchange: sealed.exchange, message }))).toEqual(response)
  })

  test('a change of any byte, and every cut, is refused', async () => {
    const key = await generateKeyConfig({ keyId: 7, kem, random })
    const sealed = accepted(await sealRequest({ config: key.config, request, random }))
    const { exchange } = accepted(await openWith([key], sealed.message))
    const answer = await sealResponse({ exchange, response: request, random })
    const opens = async (side: 'request' | 'response', message: Uint8Array): Promise<boolean> =>
      side === 'request'
        ? (await openWith([key], message)).ok
        : (await openResponse({ exchange: sealed.exchange, message })).ok
    for (const [side, whole] of [
      ['request', sealed.message],
      ['response', answer],
    ] as const) {
      for (let index = 0; index < whole.length; index++) {
        const changed = whole.slice()
        changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8))
        expect(await opens(side, changed), `${side}, byte ${index} changed`).toBe(false)
        expect(await opens(side, whole.subarray(0, index)), `${side}, cut at ${index}`).toBe(false)
      }
      expect(await opens(side, concat(whole, Uint8Array.of(0)))).toBe(false)
      expect(await opens(side, whole)).toBe(true)
    }
  })

  test('a key pair comes from the given randomness alone, and so does an ephemeral one', async () => {
    const key = await generateKeyConfig({ keyId: 1, kem, random: always(new Uint8Array(32)) })
    const again = await generateKeyConfig({ keyId: 1, kem, random: always(new Uint8Array(32)) })
    expect(again.config).toEqual(key.config)
    const seal = async () =>
      accepted(
        await sealRequest({
          config: key.config,
          request,
          random: always(new Uint8Array(32).fill(1)),
        }),
      ).message
    // Web Crypto draws randomness of its own for ML-KEM.
    if (kem === 0x647a) expect(await seal()).not.toEqual(await seal())
    else expect(await seal()).toEqual(await seal())
  })

  test('a public key that is not one is refused, not thrown', async () => {
    const key = await generateKeyConfig({ keyId: 1, kem, random })
    // Of ML-KEM, zeros are a key; what is beyond its modulus is not.
    const publicKey = new Uint8Array(key.config.publicKey.length).fill(kem === 0x647a ? 0xff : 0)
    const result = await sealRequest({ config: { ...key.config, publicKey }, request, random })
    expect(result).toMatchObject({ ok: false, problem: { code: 'malformed' } })
  })
})

describe('refusals', () => {
  test('sealed to a key that is not in use', async () => {
    const [old, current] = [
      await generateKeyConfig({ keyId: 1, random }),
      await generateKeyConfig({ keyId: 2, random }),
    ]
    const { message } = accepted(await sealRequest({ config: old.config, request, random }))
    expect(await openWith([current], message)).toMatchObject({ problem: { code: 'stale-key' } })
  })

  test('sealed to a key of the same identifier and another KEM', async () => {
    const other = await generateKeyConfig({ keyId: 1, kem: 0x0010, random })
    const { message } = accepted(await sealRequest({ config: other.config, request, random }))
    const own = await generateKeyConfig({ keyId: 1, random })
    expect(await openWith([own], message)).toMatchObject({ problem: { code: 'stale-key' } })
  })

  test('sealed to another key of the same identifier', async () => {
    const other = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(await sealRequest({ config: other.config, request, random }))
    const own = await generateKeyConfig({ keyId: 1, random })
    expect(await openWith([own], message)).toMatchObject({ problem: { code: 'not-opened' } })
  })

  test('a suite that was not offered', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(await sealRequest({ config: key.config, request, random }))
    message[6] = 3
    expect(await openWith([key], message)).toMatchObject({ problem: { code: 'unsupported-suite' } })
  })

  test('bytes that nobody sealed, and nothing throws', async () => {
    const keys = [
      await generateKeyConfig({ keyId: 0, random }),
      await generateKeyConfig({ keyId: 0, kem: 0x0010, random }),
    ]
    const header = fc.constantFrom('', '00002000010002', '00001000010002', '0000200001000104')
    await fc.assert(
      fc.asyncProperty(header, fc.uint8Array({ maxLength: 120 }), async (start, bytes) => {
        expect((await openWith(keys, concat(hex(start), bytes))).ok).toBe(false)
        decodeKeyConfigs(bytes)
      }),
      { numRuns: 60 },
    )
  })

  test('the same request twice', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const replay = createReplayWindow()
    const { message } = accepted(await sealRequest({ config: key.config, request, random }))
    expect((await openRequest({ keys: [key], message, replay })).ok).toBe(true)
    expect(await openRequest({ keys: [key], message, replay })).toMatchObject({
      problem: { code: 'replayed' },
    })
  })

  test('one response more than the window holds, until the key is given up', async () => {
    const replay = createReplayWindow({ entriesMax: 2 })
    const admit = async (first: number, keyId = 1): Promise<string> => {
      const result = await replay.admit(keyId, Uint8Array.of(first))
      return result.ok ? 'admitted' : result.problem.code
    }
    expect(await admit(1)).toBe('admitted')
    // Of two at once, whichever.
    expect((await Promise.all([admit(2), admit(2)])).sort()).toEqual(['admitted', 'replayed'])
    expect(await admit(3)).toBe('replay-window-full')
    expect(await admit(3, 2)).toBe('admitted')
    expect(replay.size(1)).toBe(2)
    replay.forget(1)
    expect(await admit(3)).toBe('admitted')
    expect(replay.size(1)).toBe(1)
  })

  test('not twice around the moment in which its key is given up', async () => {
    const replay = createReplayWindow()
    const enc = Uint8Array.of(1)
    const both = [replay.admit(1, enc), replay.admit(1, enc)]
    replay.forget(1)
    const outcomes = await Promise.all(both)
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    expect(replay.size(1)).toBe(0)
  })

  test('and little is kept of it, however long its encapsulated key is', async () => {
    const replay = createReplayWindow()
    const entries = 20_000
    const before = bytesInUse()
    for (let index = 0; index < entries; index++) {
      const enc = new Uint8Array(1120)
      new DataView(enc.buffer).setUint32(0, index)
      expect((await replay.admit(1, enc)).ok).toBe(true)
    }
    expect((bytesInUse() - before) / entries).toBeLessThan(120)
    expect(replay.size(1)).toBe(entries)
  })

  test('what did not open takes no place in the window', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const replay = createReplayWindow()
    const { message } = accepted(await sealRequest({ config: key.config, request, random }))
    const changed = message.slice()
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    await openRequest({ keys: [key], message: changed, replay })
    expect(replay.size(1)).toBe(0)
    expect((await openRequest({ keys: [key], message, replay })).ok).toBe(true)
  })

  test('a second answer to one request is a broken program', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const { message } = accepted(await sealRequest({ config: key.config, request, random }))
    const { exchange } = accepted(await openWith([key], message))
    await sealResponse({ exchange, response: request, random })
    await expect(sealResponse({ exchange, response: request, random })).rejects.toThrow('answered')
  })

  test('a response to another request', async () => {
    const key = await generateKeyConfig({ keyId: 1, random })
    const [one, other] = [
      accepted(await sealRequest({ config: key.config, request, random })),
      accepted(await sealRequest({ config: key.config, request, random })),
    ]
    const { exchange } = accepted(await openWith([key], other.message))
    const message = await sealResponse({ exchange, response: request, random })
    expect(await openResponse({ exchange: one.exchange, message })).toMatchObject({
      problem: { code: 'not-opened' },
    })
  })
})

describe('key configurations', () => {
  const bytes = hex(rfc.keyConfig)
  const list = concat(Uint8Array.of(0, bytes.length), bytes)

  test('every cut is refused', () => {
    for (let length = 1; length < list.length; length++) {
      expect(decodeKeyConfigs(list.subarray(0, length))).toMatchObject({
        problem: { code: 'key-config-malformed' },
      })
    }
  })

  test('none at all, and only unknown ones, are unsupported', () => {
    const unknown = list.slice()
    unknown.set([0x00, 0x21], 3)
    for (const one of [new Uint8Array(), unknown]) {
      expect(decodeKeyConfigs(one)).toMatchObject({ problem: { code: 'key-config-unsupported' } })
    }
    expect(decodeKeyConfigs(concat(unknown, list))).toMatchObject({
      ok: true,
      value: [{ keyId: 1 }],
    })
  })

  test('a list of suites of a wrong length is refused', () => {
    const odd = list.slice()
    odd[2 + 35 + 1] = 7
    expect(decodeKeyConfigs(odd)).toMatchObject({ problem: { code: 'key-config-malformed' } })
  })
})

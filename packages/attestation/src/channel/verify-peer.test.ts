import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { base64UrlOf, bytesOfBase64Url, hexOf, sha256, textOf, utf8Of } from '../bytes/index.ts'
import { defaultPolicyFor, policyHashOf } from '../policy/index.ts'
import { claimNames, denyListType } from '../token/index.ts'
import {
  at,
  certificateSha256,
  createDeployment,
  createServiceKey,
  type Deployment,
  denyListClaims,
  denyListTrustOf,
  expectationOf,
  random,
  signToken,
  type Tee,
  type TeeChanges,
} from './deployment.fixtures.ts'
import {
  ChannelError,
  createReplayWindow,
  decodeKeyConfigs,
  decodeRequest,
  encodeKeyConfigs,
  encodeResponse,
  generateKeyConfig,
  isVerifiedPeer,
  openChannel,
  openRequest,
  type PeerTrust,
  sealResponse,
  type Transport,
  type VerifiedPeer,
  verifyPeer,
} from './index.ts'

const nonce = random.bytes(32)

let world: Deployment
let tee: Tee
let token: string
let trust: PeerTrust

beforeAll(async () => {
  world = await createDeployment()
  tee = await world.tee('platform', nonce)
  token = await world.token(tee)
  trust = world.trust(tee, nonce, token)
})

/** What came of verifying: `verified`, or the check that failed and its code. */
async function outcome(changed: PeerTrust): Promise<string> {
  const result = await verifyPeer(changed)
  return result.ok ? 'verified' : `${result.problem.check}: ${result.problem.code}`
}

async function outcomeFor(changes: TeeChanges, trusting: Partial<PeerTrust> = {}): Promise<string> {
  const changedTee = await world.tee('platform', nonce, changes)
  // The token is for the changed TEE, as an attestation service without a policy would give it.
  const changedToken = await world.token(changedTee).catch(() => token)
  return outcome({ ...world.trust(changedTee, nonce, changedToken), ...trusting })
}

async function verifiedPeer(): Promise<VerifiedPeer> {
  const result = await verifyPeer(trust)
  if (!result.ok)
    throw new Error(`${result.problem.code} at ${result.problem.at}: ${result.problem.detail}`)
  return result.value
}

describe('a peer that is what it should be', () => {
  test('is verified, with every check named in order', async () => {
    const peer = await verifiedPeer()
    expect(peer.checks.map(({ id }) => id)).toEqual([
      'document',
      'certificate-chain',
      'revocation',
      'tcb-info',
      'qe-identity',
      'quote-signature',
      'nonce',
      'key-binding',
      'deployment',
      'role',
      'configuration',
      'measurement',
      'signer',
      'product',
      'debug',
      'tcb',
      'simulated',
      'token-signature',
      'token-issuer',
      'token-time',
      'token-policy',
      'not-denied',
      'token-agrees',
    ])
    expect(peer).toMatchObject({
      role: 'platform',
      simulated: true,
      verdict: { kind: 'affirming' },
    })
  })

  test('of each role, with its model where it has one', async () => {
    for (const role of ['cache-gateway', 'diagnostics'] as const) {
      const other = await world.tee(role, nonce)
      const result = await verifyPeer(world.trust(other, nonce, await world.token(other)))
      expect(result).toMatchObject({ ok: true, value: { role } })
      if (result.ok) {
        expect(result.value.checks.some(({ id }) => id === 'model')).toBe(role === 'diagnostics')
      }
    }
  })

  test('met over TLS with the certificate of its evidence', async () => {
    expect(await outcome({ ...trust, certificateSha256 })).toBe('verified')
  })

  test('with the configuration that is expected', async () => {
    const initTimeData = bytesOfBase64Url(tee.document.initTimeData) ?? new Uint8Array()
    const configId = [hexOf(await sha256(initTimeData))]
    expect(await outcome({ ...trust, expectation: expectationOf('platform', { configId }) })).toBe(
      'verified',
    )
  })
})

describe('a peer is refused', () => {
  test.each<[string, TeeChanges, Partial<PeerTrust>]>([
    ['tcb-info: tcb-info-expired', { endorsements: { expired: ['tcb-info'] } }, {}],
    ['qe-identity: qe-identity-expired', { endorsements: { expired: ['qe-identity'] } }, {}],
    ['revocation: crl-expired', { endorsements: { expired: ['pck-crl'] } }, {}],
    ['revocation: revoked', { endorsements: { revoked: ['pck'] } }, {}],
    ['certificate-chain: root-not-trusted', {}, { roots: ['00'.repeat(32)] }],
    [
      'deployment: wrong-deployment',
      {},
      { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' },
    ],
    ['role: wrong-role', {}, { expectation: expectationOf('diagnostics') }],
    ['measurement: measurement', { mrEnclave: new Uint8Array(32).fill(1) }, {}],
    ['signer: signer', { mrSigner: new Uint8Array(32).fill(1) }, {}],
    ['product: product', { isvProdId: 77 }, {}],
    ['product: svn-too-low', { isvSvn: 1 }, {}],
    ['debug: debug', { debug: true }, {}],
    ['tcb: tcb-status', { endorsements: { tcbStatus: 'OutOfDate' } }, {}],
    ['configuration: configuration', {}, { development: false }],
    ['simulated: simulated', { initTimeData: { development: false } }, { development: false }],
    [
      'configuration: configuration',
      {},
      { expectation: expectationOf('platform', { configId: ['ab'.repeat(32)] }) },
    ],
    [
      'key-binding: certificate-mismatch',
      {},
      { certificateSha256: base64UrlOf(new Uint8Array(32)) },
    ],
    ['key-binding: key-config', { runtimeData: { ohttp: 'AAAA' } }, {}],
    [
      'model: model',
      {},
      { expectation: expectationOf('platform', { model: { sha256: '00'.repeat(32) } }) },
    ],
    ['measurement: measurement', {}, { expectation: expectationOf('platform', { mrEnclave: [] }) }],
  ])('%s', async (expected, changes, trusting) => {
    expect(await outcomeFor(changes, trusting)).toBe(expected)
  })

  test('for evidence that was made for another question', async () => {
    expect(await outcome({ ...trust, nonce: random.bytes(32) })).toBe('nonce: nonce-mismatch')
  })

  test('for runtime data that the quote does not bind', async () => {
    const other = await world.tee('platform', nonce)
    const { runtimeData } = other.document
    expect(await outcome({ ...trust, document: { ...tee.document, runtimeData } })).toBe(
      'key-binding: runtime-data-binding',
    )
  })

  test('for init-time data that the quote does not bind', async () => {
    const other = await world.tee('platform', nonce, { initTimeData: { peers: [] } })
    const { initTimeData } = other.document
    expect(await outcome({ ...trust, document: { ...tee.document, initTimeData } })).toBe(
      'configuration: init-time-data-binding',
    )
  })

  test('for any change of its quote that the signatures cover', async () => {
    const quote = bytesOfBase64Url(tee.document.quote) ?? new Uint8Array()
    for (let index = 0; index < 432; index += 37) {
      const changed = quote.slice()
      changed[index] = (changed[index] ?? 0) ^ 1
      const document = { ...tee.document, quote: base64UrlOf(changed) }
      expect(await outcome({ ...trust, document }), `byte ${index}`).not.toBe('verified')
    }
  })

  test('for a document that is not one', async () => {
    for (const document of [undefined, null, [], {}, { ...tee.document, more: 1 }, 'text']) {
      expect(await outcome({ ...trust, document })).toBe('document: document-malformed')
    }
  })

  test('for anything in the place of any part of it, and nothing throws', async () => {
    const members = ['kind', 'quote', 'runtimeData', 'initTimeData', 'endorsements'] as const
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.jsonValue(), fc.base64String(), fc.string()),
        fc.constantFrom(...members),
        async (value, member) => {
          const document = { ...tee.document, [member]: value }
          expect(await outcome({ ...trust, document })).not.toBe('verified')
          const token = typeof value === 'string' ? value : JSON.stringify(value)
          expect(await outcome({ ...trust, token })).not.toBe('verified')
        },
      ),
      { numRuns: 40 },
    )
  })

  test('and what had passed before is said', async () => {
    const result = await verifyPeer({ ...trust, nonce: random.bytes(32) })
    expect(result.ok ? [] : result.problem.passed.map(({ id }) => id)).toEqual([
      'document',
      'certificate-chain',
      'revocation',
      'tcb-info',
      'qe-identity',
      'quote-signature',
    ])
  })
})

describe('a peer whose evidence is right is refused for its token', () => {
  const withToken = async (changed: string | undefined): Promise<string> =>
    outcome({ ...trust, token: changed })

  test('when there is none', async () => {
    expect(await withToken(undefined)).toBe('token-signature: token-missing')
  })

  test('when a key signed it that is not pinned', async () => {
    const other = await createServiceKey()
    const { attestation } = trust
    const signed = await signToken(other, 'JWT', { iss: attestation.issuer })
    expect(await withToken(signed)).toBe('token-signature: bad-signature')
    expect(
      await outcome({ ...trust, token: signed, attestation: { ...attestation, jwks: other.jwks } }),
    ).toBe('token-signature: unknown-signer')
  })

  test('when its time is over', async () => {
    const old = await world.token(tee, { exp: at - 61 })
    expect(await withToken(old)).toBe('token-time: expired')
  })

  test('when somebody else issued it', async () => {
    expect(await withToken(await world.token(tee, { iss: 'https://else.example' }))).toBe(
      'token-issuer: wrong-issuer',
    )
  })

  test('when another policy than an accepted one was applied', async () => {
    const another = await world.token(tee, {
      [claimNames.policyHash]: await policyHashOf(defaultPolicyFor('SgxEnclave')),
    })
    expect(await withToken(another)).toBe('token-policy: token-policy')
    const policyHashes = [
      ...trust.attestation.policyHashes,
      await policyHashOf(defaultPolicyFor('SgxEnclave')),
    ]
    const attestation = { ...trust.attestation, policyHashes }
    expect(await outcome({ ...trust, token: another, attestation })).toBe('verified')
  })

  test('when no policy is accepted', async () => {
    const attestation = { ...trust.attestation, policyHashes: [] }
    expect(await outcome({ ...trust, attestation })).toBe('token-policy: token-policy')
  })

  test('when something of it is denied, or nobody knows what is', async () => {
    const listed = async (entries: Parameters<typeof denyListClaims>[0], ageSecondsMax = 300) => {
      const text = await signToken(world.service, denyListType, denyListClaims(entries))
      return { ...trust, attestation: { ...trust.attestation, denyList: { text, ageSecondsMax } } }
    }
    const value = expectationOf('platform').mrEnclave[0] ?? ''
    const denying = await listed([{ kind: 'measurement', value }])
    expect(await outcome(denying)).toBe('not-denied: measurement-denied')
    const others = await listed([{ kind: 'measurement', value: '00'.repeat(32) }])
    expect(await outcome(others)).toBe('verified')
    const { denyList } = denying.attestation
    const text = denyList.text.replace(/[^.]*$/, '')
    const unsigned = { ...denying.attestation, denyList: { ...denyList, text } }
    expect(await outcome({ ...trust, attestation: unsigned })).toBe('not-denied: bad-signature')
    const list = await denyListTrustOf(world.service)
    const old = { ...trust.attestation, denyList: { ...list, ageSecondsMax: -1 } }
    expect(await outcome({ ...trust, attestation: old })).toBe('not-denied: deny-list-stale')
    const unchecked = { ...trust.attestation, denyList: { unchecked: 'a test says so' } }
    expect(await verifyPeer({ ...trust, attestation: unchecked })).toMatchObject({
      value: {
        checks: expect.arrayContaining([
          { id: 'not-denied', passed: true, detail: 'not asked: a test says so' },
        ]),
      },
    })
  })

  test('when it is for other evidence of the same software', async () => {
    const other = await world.tee('platform', nonce)
    expect(await withToken(await world.token(other))).toBe('token-agrees: token-disagrees')
  })

  test.each([
    [claimNames.mrEnclave, '00'.repeat(32)],
    [claimNames.mrSigner, '00'.repeat(32)],
    [claimNames.isvProdId, 9],
    [claimNames.isvSvn, 9],
    [claimNames.debug, true],
    [claimNames.reportData, '00'.repeat(64)],
    [claimNames.configId, '00'.repeat(64)],
    [claimNames.configId, undefined],
    [claimNames.tcbStatus, 'OutOfDate'],
    [claimNames.advisoryIds, ['INTEL-SA-00001']],
    [claimNames.simulated, false],
    [claimNames.evidenceRoot, '00'.repeat(32)],
    [claimNames.runtime, undefined],
    [claimNames.initTime, undefined],
    [claimNames.collateral, undefined],
  ])('when it differs in %s', async (claim, value) => {
    const result = await verifyPeer({ ...trust, token: await world.token(tee, { [claim]: value }) })
    expect(result).toMatchObject({
      ok: false,
      problem: { check: 'token-agrees', code: 'token-disagrees', at: claim },
    })
  })
})

describe('a sealed channel', () => {
  /** The platform's side: opens, answers with what it was asked, seals. */
  const platform = (): { transport: Transport; seen: Uint8Array[] } => {
    const replay = createReplayWindow()
    const seen: Uint8Array[] = []
    const transport: Transport = async (message) => {
      seen.push(message)
      const opened = await openRequest({ keys: [tee.ohttpKey], message, replay })
      if (!opened.ok) throw new Error(opened.problem.code)
      const request = decodeRequest(opened.value.request)
      if (!request.ok) throw new Error(request.problem.code)
      const { method, path, headers } = request.value
      const response = encodeResponse({
        status: 201,
        headers: [
          ['content-type', 'text/plain'],
          ['x-a', '1'],
          ['x-a', '2'],
        ],
        body: utf8Of(`${method} ${path} ${JSON.stringify(headers)}`),
      })
      const body = await sealResponse({ exchange: opened.value.exchange, response, random })
      return { status: 200, contentType: 'message/ohttp-res', body }
    }
    return { transport, seen }
  }

  test('carries a request and its answer, and nothing in clear', async () => {
    const { transport, seen } = platform()
    const channel = openChannel(await verifiedPeer(), transport, { random })
    const answer = await channel.fetch({
      method: 'POST',
      path: '/fhir/Patient?family=Nobody',
      headers: { 'Content-Type': 'application/fhir+json' },
      body: utf8Of('a name'),
    })
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'content-type': 'text/plain', 'x-a': '1, 2' },
    })
    expect(new TextDecoder().decode(answer.body)).toBe(
      'POST /fhir/Patient?family=Nobody [["content-type","application/fhir+json"]]',
    )
    const wire = new TextDecoder('latin1').decode(seen[0])
    for (const clear of ['Nobody', 'a name', 'fhir']) expect(wire).not.toContain(clear)
  })

  test('is sealed to P-256 by an engine that does not know X25519', async () => {
    const [x25519, p256] = [
      await generateKeyConfig({ keyId: 1, random }),
      await generateKeyConfig({ keyId: 2, kem: 0x0010, random }),
    ]
    const ohttp = base64UrlOf(encodeKeyConfigs([x25519.config, p256.config]))
    const both = await world.tee('platform', nonce, { runtimeData: { ohttp } })
    const peer = await verifyPeer(world.trust(both, nonce, await world.token(both)))
    if (!peer.ok) throw new Error(peer.problem.code)
    const keyIds: (number | undefined)[] = []
    const transport: Transport = async (message) => {
      keyIds.push(message[0])
      throw new Error('far enough')
    }
    const channel = openChannel(peer.value, transport, { random })
    await channel.fetch({ method: 'GET', path: '/me' }).catch(() => undefined)
    const importKey = crypto.subtle.importKey.bind(crypto.subtle)
    const engine = vi.spyOn(crypto.subtle, 'importKey').mockImplementation((...parameters) => {
      const { name } = parameters[2] as { readonly name?: string }
      if (name === 'X25519') throw new DOMException('unknown', 'NotSupportedError')
      return importKey(...(parameters as Parameters<typeof importKey>))
    })
    await channel.fetch({ method: 'GET', path: '/me' }).catch(() => undefined)
    engine.mockRestore()
    expect(keyIds).toEqual([1, 2])
  })

  describe('to a peer that offers a post-quantum key', () => {
    const offered = async (): Promise<Tee> => {
      const configs = await Promise.all(
        ([0x0010, 0x0020, 0x647a] as const).map(async (kem, keyId) => {
          const { config } = await generateKeyConfig({ keyId, kem, random })
          return config
        }),
      )
      const ohttp = base64UrlOf(encodeKeyConfigs(configs))
      return world.tee('platform', nonce, { runtimeData: { ohttp } })
    }
    const sealedTo = async (peer: VerifiedPeer): Promise<number | undefined> => {
      let keyId: number | undefined
      const transport: Transport = async (message) => {
        keyId = message[0]
        throw new Error('far enough')
      }
      const channel = openChannel(peer, transport, { random })
      await channel.fetch({ method: 'GET', path: '/me' }).catch(() => undefined)
      return keyId
    }

    test('seals to that key, wherever in the list it is', async () => {
      const platform = await offered()
      const peer = await verifyPeer(world.trust(platform, nonce, await world.token(platform)))
      if (!peer.ok) throw new Error(peer.problem.code)
      expect(await sealedTo(peer.value)).toBe(2)
    })

    test('a stranger who leaves that key out has broken the evidence', async () => {
      const platform = await offered()
      const { runtimeData } = platform.document
      const said = JSON.parse(textOf(bytesOfBase64Url(runtimeData) ?? new Uint8Array()) ?? '')
      const configs = decodeKeyConfigs(bytesOfBase64Url(said.ohttp) ?? new Uint8Array())
      if (!configs.ok) throw new Error(configs.problem.code)
      const without = configs.value.filter(({ kem }) => kem !== 0x647a)
      const changed = { ...said, ohttp: base64UrlOf(encodeKeyConfigs(without)) }
      const document = {
        ...platform.document,
        runtimeData: base64UrlOf(utf8Of(JSON.stringify(changed))),
      }
      const trusting = world.trust(platform, nonce, await world.token(platform))
      expect(await outcome(trusting)).toBe('verified')
      expect(await outcome({ ...trusting, document })).toBe('key-binding: runtime-data-binding')
    })
  })

  test('is not opened to a copy or a cast of a verified peer', async () => {
    const peer = await verifiedPeer()
    expect(isVerifiedPeer(peer)).toBe(true)
    for (const pretended of [{ ...peer }, structuredClone({ checks: peer.checks }), {}, null]) {
      expect(isVerifiedPeer(pretended)).toBe(false)
      expect(() =>
        openChannel(pretended as VerifiedPeer, platform().transport, { random }),
      ).toThrow('not a peer that was verified')
    }
  })

  test('is not opened to what was not verified: it does not compile', () => {
    const pretended = { role: 'platform', checks: [] }
    // @ts-expect-error a VerifiedPeer comes from verifyPeer and from nowhere else
    expect(() => openChannel(pretended, platform().transport, { random })).toThrow(TypeError)
  })

  test('is not opened to a peer that offers none', async () => {
    const gateway = await world.tee('cache-gateway', nonce)
    const peer = await verifyPeer(world.trust(gateway, nonce, await world.token(gateway)))
    if (!peer.ok) throw new Error(peer.problem.code)
    expect(() => openChannel(peer.value, platform().transport, { random })).toThrow(
      'no sealed channel',
    )
  })

  const answers = (answer: Partial<Awaited<ReturnType<Transport>>>): Transport => {
    const whole = { status: 200, contentType: 'message/ohttp-res', body: new Uint8Array(64) }
    return async () => ({ ...whole, ...answer })
  }
  const problemJson = (code: string): Uint8Array =>
    utf8Of(JSON.stringify({ type: `urn:sealward:problem:${code}` }))

  test.each<[string, Transport]>([
    ['unavailable', () => Promise.reject(new TypeError('fetch failed'))],
    ['unavailable', answers({ status: 503, contentType: 'text/plain' })],
    ['unavailable', answers({ status: 502 })],
    ['unsealed-response', answers({ status: 404 })],
    ['unsealed-response', answers({ contentType: 'application/json' })],
    ['unsealed-response', answers({ status: 404, contentType: 'text/html' })],
    ['not-opened', answers({})],
    ['malformed', answers({ body: new Uint8Array(3) })],
    [
      'stale-key',
      answers({
        status: 422,
        contentType: 'application/problem+json',
        body: problemJson('stale-key'),
      }),
    ],
    [
      'unsealed-response',
      answers({
        status: 422,
        contentType: 'application/problem+json',
        body: problemJson('made-up'),
      }),
    ],
    [
      'unsealed-response',
      answers({ status: 400, contentType: 'application/problem+json', body: utf8Of('null') }),
    ],
  ])('refuses with %s what is not a sealed answer', async (code, transport) => {
    const channel = openChannel(await verifiedPeer(), transport, { random })
    const error: unknown = await channel.fetch({ method: 'GET', path: '/me' }).catch((e) => e)
    expect(error).toBeInstanceOf(ChannelError)
    expect(error).toMatchObject({ problem: { code } })
  })

  test('rejects with its signal’s reason when it is aborted', async () => {
    const abort = new AbortController()
    const transport: Transport = () => {
      abort.abort(new Error('enough'))
      return Promise.reject(new DOMException('aborted', 'AbortError'))
    }
    const channel = openChannel(await verifiedPeer(), transport, { random })
    await expect(
      channel.fetch({ method: 'GET', path: '/me' }, { signal: abort.signal }),
    ).rejects.toThrow('enough')
  })
})

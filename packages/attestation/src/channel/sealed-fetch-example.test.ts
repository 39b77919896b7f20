import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { resolve } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { base64UrlOf, bytesOfBase64Url, utf8Of } from '../bytes/index.ts'
import { at, createDeployment, random, type Tee } from './deployment.fixtures.ts'
import * as channel from './index.ts'

const spec = readFileSync(
  resolve(import.meta.dirname, '../../../../docs/spec/sealed-http.md'),
  'utf8',
)

afterEach(() => {
  vi.useRealTimers()
})

/** A deployment on the network, which keeps what was sent to it. */
async function deploymentOnline() {
  const world = await createDeployment()
  const key = await channel.generateKeyConfig({ keyId: 1, kem: 0x647a, random })
  const ohttp = base64UrlOf(channel.encodeKeyConfigs([key.config]))
  const { attestation, deployment, development, expectation, roots } = world.trust(
    await world.tee('platform', random.bytes(32)),
    random.bytes(32),
    undefined,
  )
  const { denyList, issuer, jwks, policyHashes, signers } = attestation
  const sent: string[] = []
  let tee: Tee | undefined
  const answers: Readonly<Record<string, (body: Uint8Array) => Promise<Response>>> = {
    'https://platform.example/evidence': async (body) => {
      const { nonce } = JSON.parse(new TextDecoder().decode(body))
      tee = await world.tee('platform', bytesOfBase64Url(nonce) ?? new Uint8Array(), {
        runtimeData: { ohttp },
      })
      return Response.json(tee.document)
    },
    'https://attestation.example/attest/SgxEnclave?api-version=2025-06-01': async () =>
      Response.json({ token: tee && (await world.token(tee)) }),
    'https://attestation.example/certs': async () => Response.json(jwks),
    'https://attestation.example/deny-list': async () =>
      Response.json({ token: 'text' in denyList ? denyList.text : '' }),
    'https://platform.example/sealed': async (message) => {
      const replay = channel.createReplayWindow()
      const opened = await channel.openChunkedRequest({ keys: [key], message, replay })
      if (!opened.ok) throw new Error(opened.problem.code)
      const request = await channel.decodeRequestStream(opened.value.request)
      if (!request.ok) throw new Error(request.problem.code)
      const { headers, method, path } = request.value
      const response = channel.encodeResponseStream(
        { status: 200, headers: [] },
        utf8Of(JSON.stringify({ method, path, headers })),
      )
      const { exchange } = opened.value
      const sealed = await channel.sealChunkedResponse({ exchange, response, random })
      return new Response(channel.streamOf(sealed), {
        headers: { 'content-type': channel.chunkedResponseMediaType },
      })
    },
  }
  const fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
    sent.push(`${url} ${new TextDecoder('latin1').decode(body)}`)
    return (await answers[url]?.(body)) ?? new Response(null, { status: 404 })
  }
  const configuration: channel.PlatformConfiguration = {
    platform: 'https://platform.example',
    attestation: { url: 'https://attestation.example', issuer, policyHashes, signers },
    deployment,
    development,
    expectation,
    roots,
  }
  return { configuration, fetch, sent }
}

test('the example of the documentation does what it says, in five lines', async () => {
  const [, example = ''] =
    /A client, of a deployment's[^`]*`[^`]*`[^`]*```ts\n(.*?)```/s.exec(spec) ?? []
  expect(example.trim().split('\n')).toHaveLength(5)
  vi.useFakeTimers({ toFake: ['Date'], now: at * 1000 })
  const { configuration, fetch, sent } = await deploymentOnline()
  const { askPlatform, createSealedFetch, fetchTransport } = channel
  const given = {
    askPlatform,
    createSealedFetch,
    fetchTransport,
    fetch,
    configuration,
    authorization: 'Bearer of-somebody',
  }
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...values: unknown[]) => Promise<Response>
  const program = `${stripTypeScriptTypes(example)}\nreturn response`
  const run = new AsyncFunction(...Object.keys(given), program)
  const response = await run(...Object.values(given))
  expect(await response.json()).toEqual({
    method: 'GET',
    path: '/fhir/Patient?family=Nobody',
    headers: [['authorization', 'Bearer of-somebody']],
  })
  expect(new Set(sent.map((line) => line.split(' ')[0]))).toEqual(
    new Set([
      'https://attestation.example/attest/SgxEnclave?api-version=2025-06-01',
      'https://attestation.example/certs',
      'https://attestation.example/deny-list',
      'https://platform.example/evidence',
      'https://platform.example/sealed',
    ]),
  )
  for (const line of sent) expect(line).not.toMatch(/Nobody|of-somebody|fhir/)
})

test('whoever does not answer, and whoever is not believed, is told by its name', async () => {
  const { configuration, fetch } = await deploymentOnline()
  const effects = { fetch, random, now: () => at }
  const asked = async (changes: Partial<channel.AskEffects>) => {
    const peer = await channel.askPlatform({ ...effects, ...changes }, configuration)
    return peer.ok ? 'verified' : peer.problem
  }
  const failing = (part: string, response: () => Response): Partial<channel.AskEffects> => ({
    fetch: async (url, init) => (url.includes(part) ? response() : fetch(url, init)),
  })
  expect(await asked({})).toBe('verified')
  const down = failing('/evidence', () => new Response(null, { status: 503 }))
  expect(await asked(down)).toMatchObject({ kind: 'unavailable', service: 'platform' })
  const long = failing('/certs', () => new Response(new Uint8Array(5_000_000)))
  expect(await asked(long)).toMatchObject({
    kind: 'unavailable',
    service: 'attestation-service',
    problem: { code: 'answer-malformed' },
  })
  const said = { error: { code: 'PolicyEvaluationError' } }
  const declining = failing('/attest/', () => Response.json(said, { status: 400 }))
  expect(await asked(declining)).toMatchObject({
    kind: 'refused',
    code: 'token-missing',
    declined: { code: 'declined', detail: 'PolicyEvaluationError', said },
  })
  const gone = failing('/deny-list', () => {
    throw new TypeError('fetch failed')
  })
  expect(await asked(gone)).toMatchObject({ kind: 'unavailable', problem: { code: 'no-answer' } })
  expect(await asked({ now: () => at + 86_400 * 365 })).toMatchObject({ kind: 'refused' })
})

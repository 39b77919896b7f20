import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { resolve } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { at, random } from './deployment.fixtures.ts'
import { deploymentOnline } from './deployment-online.fixtures.ts'
import * as channel from './index.ts'

const spec = readFileSync(
  resolve(import.meta.dirname, '../../../../docs/spec/sealed-http.md'),
  'utf8',
)

afterEach(() => {
  vi.useRealTimers()
})

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

/** Workloads as processes and the key broker that releases them their keys: waited for, away, rotated, refused. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SealedFetch } from '@sealward/attestation/channel'
import { localWrapper } from '@sealward/enclave/encrypted-model'
import { systemRandom as random } from '@sealward/enclave/server'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { trainedModelFile } from '../../diagnostics/src/testing/trained-model.fixtures.ts'
import { type Cluster, type Replica, startCluster } from './testing/cluster.fixtures.ts'

let cluster: Cluster
let platforms: readonly [Replica, Replica]
let provider: Replica

beforeAll(async () => {
  cluster = await startCluster({ pollSeconds: 1 })
  platforms = cluster.replicas.platform
  ;[provider] = cluster.replicas.diagnostics
}, 120_000)
afterEach(async () => {
  await Promise.all([...platforms, provider].map((replica) => replica.stop('SIGKILL')))
})
afterAll(() => cluster.close())

const ready = { kind: 'ready' }
const refused = (code: string): object => ({ kind: 'refused', code })

/** Events of a replica's log, with their codes. */
const eventsOf = ({ log }: Replica): readonly string[] =>
  log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .map(({ event, code }) => `${event} ${code ?? ''}`.trim())

async function register(sealedFetch: SealedFetch, family: string): Promise<string> {
  const answer = await sealedFetch('/fhir/Patient', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await cluster.people.tokenOf(['clerk'])}`,
      'content-type': 'application/fhir+json',
    },
    body: JSON.stringify({
      resourceType: 'Patient',
      identifier: [{ system: 'urn:oid:2.999.1', value: family }],
      name: [{ family, given: ['Ada'] }],
      gender: 'female',
      birthDate: '2019-03-02',
    }),
  })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { readonly id: string }).id
}

async function familyOf(sealedFetch: SealedFetch, id: string): Promise<unknown> {
  const authorization = `Bearer ${await cluster.people.tokenOf(['clerk'])}`
  const answer = await sealedFetch(`/fhir/Patient/${id}`, { headers: { authorization } })
  const body = (await answer.json()) as { readonly name?: readonly { readonly family?: string }[] }
  return body.name?.[0]?.family ?? body
}

async function trustOf(
  sealedFetch: SealedFetch,
): Promise<{ readonly peers: readonly object[]; readonly refused: readonly object[] }> {
  const authorization = `Bearer ${await cluster.people.tokenOf(['clerk'])}`
  return (await sealedFetch('/trust', { headers: { authorization } })).json()
}

test('a platform that starts before its broker waits, says why in its log and to whoever asks after its health, and goes on', async () => {
  await cluster.stopBroker()
  const [platform] = platforms
  const starting = platform.start()
  await expect
    .poll(() => eventsOf(platform), { timeout: 20_000 })
    .toContain('waiting-for-key-broker key-broker-unreachable')
  const health = await fetch(`http://127.0.0.1:${platform.port}/healthz`)
  expect(health.status).toBe(503)
  expect(await health.json()).toEqual({ status: 'unavailable', code: 'key-broker-unreachable' })
  await cluster.startBroker()
  expect(await starting).toMatchObject(ready)
  const waits = eventsOf(platform).filter((event) => event.startsWith('waiting-for-key-broker'))
  expect(new Set(waits).size).toBe(waits.length)
  const now = await fetch(`http://127.0.0.1:${platform.port}/healthz`)
  expect(now.status).toBe(200)
}, 90_000)

test('with the broker away a platform goes on with the keys that it has', async () => {
  const [platform] = platforms
  expect(await platform.start()).toMatchObject(ready)
  const sealedFetch = cluster.client()
  await cluster.stopBroker()
  await expect
    .poll(() => eventsOf(platform), { timeout: 20_000 })
    .toContain('key-not-renewed key-broker-unreachable')
  const id = await register(sealedFetch, 'Away')
  expect(await familyOf(sealedFetch, id)).toBe('Away')
  // Staff are shown who the broker is, and that it is away.
  const away = { role: 'key-broker', code: 'key-broker-unreachable' }
  expect((await trustOf(sealedFetch)).refused).toContainEqual(away)
  await cluster.startBroker()
  await expect
    .poll(async () => (await trustOf(sealedFetch)).peers, { timeout: 30_000 })
    .toContainEqual({
      role: 'key-broker',
      mrEnclave: expect.stringMatching(/^[0-9a-f]{64}$/),
      mrSigner: expect.stringMatching(/^[0-9a-f]{64}$/),
      tcbStatus: 'UpToDate',
      simulated: true,
      verifiedAt: expect.any(Number),
    })
  await expect.poll(() => eventsOf(platform), { timeout: 30_000 }).toContain('key-broker-back')
}, 90_000)

test('rotated keys are picked up by all replicas, and what the old ones sealed opens still, also after a restart', async () => {
  for (const platform of platforms) expect(await platform.start()).toMatchObject(ready)
  const sealedFetch = cluster.client()
  const before = await register(sealedFetch, 'Before')
  for (const name of ['platform-master', 'platform-channel']) {
    expect((await cluster.broker('POST', `/keys/${name}/rotate`)).status).toBe(200)
  }
  for (const platform of platforms) {
    const rotations = (): number =>
      eventsOf(platform).filter((event) => event === 'key-rotated').length
    await expect.poll(rotations, { timeout: 30_000 }).toBeGreaterThanOrEqual(2)
  }
  const after = await register(sealedFetch, 'After')
  // Each request goes to the next replica: both have both.
  for (const _ of ['one', 'other']) {
    expect(await familyOf(sealedFetch, before)).toBe('Before')
    expect(await familyOf(sealedFetch, after)).toBe('After')
  }
  const [platform, other] = platforms
  await other.stop('SIGTERM')
  await platform.stop('SIGKILL')
  expect(await platform.start()).toMatchObject(ready)
  expect(await familyOf(sealedFetch, before)).toBe('Before')
  expect(await familyOf(sealedFetch, after)).toBe('After')
}, 120_000)

test('an older master key is retired when nothing needs it any more, and then may be destroyed in the broker', async () => {
  const [platform] = platforms
  expect(await platform.start()).toMatchObject(ready)
  const sealedFetch = cluster.client()
  const id = await register(sealedFetch, 'Kept')
  await platform.stop('SIGTERM')
  const versionsKnown = async (): Promise<readonly string[]> =>
    (
      await cluster.postgres.run(
        `select version from key_release.known_version where name = 'platform-master' order by since`,
      )
    ).map(({ version }) => String(version))
  const rotated = await cluster.broker('POST', '/keys/platform-master/rotate')
  const current = rotated.json.key.kid.split('/').at(-1)
  const { keyBroker, ...config } = platform.order.config as { readonly keyBroker: object }
  const prompt = { config: { ...config, keyBroker: { ...keyBroker, retireAfterDays: 0 } } }
  expect(await platform.start(prompt)).toMatchObject(ready)
  const older = (await versionsKnown()).filter((version) => version !== current)
  expect(older.length).toBeGreaterThan(0)
  await expect.poll(() => eventsOf(platform), { timeout: 30_000 }).toContain('master-key-retired')
  await expect.poll(versionsKnown, { timeout: 30_000 }).toEqual([current])
  expect(await familyOf(sealedFetch, id)).toBe('Kept')
  await platform.stop('SIGTERM')
  for (const version of older) {
    const path = `/keys/platform-master/${version}`
    const changed = await cluster.broker('PATCH', path, { attributes: { enabled: false } })
    expect(changed.status).toBe(200)
  }
  expect(await platform.start()).toMatchObject(ready)
  expect(await familyOf(sealedFetch, id)).toBe('Kept')
}, 120_000)

describe('no key is released', () => {
  test('to other code, and to another deployment', async () => {
    const [platform] = platforms
    const mrEnclave = Buffer.alloc(32, 9).toString('base64url')
    expect(await platform.start({ mrEnclave })).toMatchObject(refused('refused-by-peer'))
    const deployment = 'urn:uuid:2b2b7c0e-3a54-4c7e-9a9e-0d0d5f6a7b99'
    const initTimeData = cluster.initTimeDataOf('platform', { deployment })
    expect(await platform.start({ initTimeData })).toMatchObject(refused('wrong-deployment'))
  }, 60_000)

  test('where the policy of the key names somebody else, and the refusal names the claim', async () => {
    const [version = ''] = (
      await cluster.broker('GET', '/keys/diagnostics-model/versions')
    ).json.value.map(({ kid }: { readonly kid: string }) => kid.split('/').at(-1))
    const path = `/keys/diagnostics-model/${version}`
    const { data } = (await cluster.broker('GET', path)).json.release_policy
    const text = Buffer.from(data, 'base64url').toString()
    const hex = Buffer.from(provider.order.mrEnclave, 'base64url').toString('hex')
    const changed = Buffer.from(text.replace(hex, '0'.repeat(64))).toString('base64url')
    const set = async (policy: string): Promise<number> =>
      (await cluster.broker('PATCH', path, { release_policy: { data: policy } })).status
    expect(await set(changed)).toBe(200)
    const answer = await provider.start()
    expect(answer).toMatchObject(refused('release-refused'))
    expect('detail' in answer && answer.detail).toContain('x-ms-sgx-mrenclave')
    expect(await set(data)).toBe(200)
    expect(await provider.start()).toMatchObject(ready)
  }, 60_000)

  test('to a workload that is denied', async () => {
    const [platform] = platforms
    cluster.attestation.sequence += 1
    cluster.attestation.denied = [
      {
        kind: 'measurement',
        value: Buffer.from(platform.order.mrEnclave, 'base64url').toString('hex'),
      },
    ]
    // Its list is renewed from time to time, and when it starts.
    await cluster.stopBroker()
    await cluster.startBroker()
    const answer = await platform.start()
    expect(answer).toMatchObject({ kind: 'refused' })
    expect('detail' in answer && `${answer.code} ${answer.detail}`).toMatch(/denied/)
    cluster.attestation.sequence += 1
    cluster.attestation.denied = []
    await cluster.stopBroker()
    await cluster.startBroker()
    expect(await platform.start()).toMatchObject(ready)
  }, 90_000)
})

describe('a model', () => {
  const serve = async (modelFile: string, more: object = {}) =>
    provider.start({ config: { ...provider.order.config, modelFile, ...more } })
  const sealedFile = (): string =>
    (provider.order.config as { readonly modelFile: string }).modelFile

  test('is served where its key is released, and its plain bytes are in no file', async () => {
    expect(await provider.start()).toMatchObject(ready)
    const model = await readFile(trainedModelFile)
    const sealed = await readFile(sealedFile())
    expect(sealed.includes(model.subarray(0, 32))).toBe(false)
  }, 60_000)

  test('with one byte changed, cut off, under another key, or another model is refused', async () => {
    const sealed = await readFile(sealedFile())
    const written = async (name: string, content: Uint8Array): Promise<string> => {
      const file = join(cluster.folder, name)
      await writeFile(file, content)
      return file
    }
    const changed = Buffer.from(sealed)
    changed[200_000] = (changed[200_000] ?? 0) ^ 1
    const another = new Uint8Array(await readFile(trainedModelFile))
    another[1000] = (another[1000] ?? 0) ^ 1
    const cases = [
      [await written('changed.sealed', changed), 'model-altered'],
      [await written('short.sealed', sealed.subarray(0, 200_000)), 'model-truncated'],
      [
        await cluster.sealModel(another, localWrapper('diagnostics-model', random.bytes(32))),
        'model-key-mismatch',
      ],
      [
        await cluster.sealModel(another, localWrapper('platform-master', random.bytes(32))),
        'model-key-mismatch',
      ],
      [await cluster.sealModel(another), 'model-unexpected'],
      [trainedModelFile, 'model-not-encrypted'],
      [join(cluster.folder, 'none'), 'model-unreadable'],
    ] as const
    for (const [file, code] of cases) {
      expect([code, await serve(file)]).toMatchObject([code, refused(code)])
    }
  }, 120_000)

  test('is not decrypted where the measured configuration names no broker; plain, it is served in development alone, if somebody says so', async () => {
    const initTimeData = cluster.initTimeDataOf('diagnostics', {
      peers: [cluster.platformExpected],
    })
    expect(await provider.start({ initTimeData })).toMatchObject(refused('key-broker-missing'))
    const config = { ...provider.order.config, modelFile: trainedModelFile, plainModel: true }
    expect(await provider.start({ initTimeData, config })).toMatchObject(ready)
    expect(eventsOf(provider)).toContain('plain-model')
  }, 60_000)

  test('is not had by the same code of another deployment', async () => {
    const deployment = 'urn:uuid:2b2b7c0e-3a54-4c7e-9a9e-0d0d5f6a7b99'
    const initTimeData = cluster.initTimeDataOf('diagnostics', { deployment })
    expect(await provider.start({ initTimeData })).toMatchObject(refused('wrong-deployment'))
  }, 60_000)
})

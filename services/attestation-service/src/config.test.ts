import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import { expect, test } from 'vitest'
import { attestationConfig, rootsOf } from './config.ts'

const sampleRoot = 'ab'.repeat(32)
const one = { name: 'default', issuer: 'https://attest.example/attestation' }

const parse = (instance: object, service: object = {}) =>
  attestationConfig.safeParse({
    stateFolder: '/var/lib/sealward',
    instances: [{ ...one, ...instance }],
    ...service,
  })

test('an instance that says its name and its issuer is for production, with sensible defaults', () => {
  expect(parse({}).data).toEqual({
    address: '127.0.0.1',
    port: 0,
    stateFolder: '/var/lib/sealward',
    pcsUrl: 'https://api.trustedservices.intel.com',
    kdsUrl: 'https://kdsintf.amd.com',
    trustedProxies: [],
    refreshSeconds: 10,
    sealingPolicy: 'mrsigner',
    instances: [
      {
        ...one,
        development: false,
        mode: 'shared',
        attestationLifetimeSeconds: 3600,
        keys: {
          algorithm: 'RS256',
          rsaBits: 2048,
          signsForSeconds: 7_776_000,
          publishedAheadSeconds: 3600,
        },
        limits: { requestsPerSecond: 20, burst: 100, attestBodyBytesMax: 262_144 },
      },
    ],
  })
})

test("an instance that is not for development trusts hardware vendors' roots, and no other", () => {
  const vendors = [intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)]
  expect(rootsOf({})).toEqual(vendors)
  for (const root of vendors) expect(parse({ roots: [root] }).success).toBe(true)
  for (const roots of [[sampleRoot], [intelSgxRootSpki.sha256, sampleRoot]]) {
    expect(parse({ roots }).error?.issues).toMatchObject([{ path: ['instances', 0, 'roots'] }])
  }
  expect(parse({ roots: [sampleRoot], development: true }).success).toBe(true)
})

test('what is misspelt, missing or of another form is refused where it is', () => {
  const changes: readonly (readonly [object, object, readonly (string | number)[]])[] = [
    [{ issuer: 'ftp://attest.example' }, {}, ['instances', 0, 'issuer']],
    [{ issuer: 'https://attest.example/' }, {}, ['instances', 0, 'issuer']],
    [{ issuer: undefined }, {}, ['instances', 0, 'issuer']],
    [{ name: 'Default' }, {}, ['instances', 0, 'name']],
    [{ name: '../x' }, {}, ['instances', 0, 'name']],
    [{ host: 'Attest.Example' }, {}, ['instances', 0, 'host']],
    [{ roots: [], development: true }, {}, ['instances', 0, 'roots']],
    [{ roots: ['AB'.repeat(32)], development: true }, {}, ['instances', 0, 'roots', 0]],
    [{ mode: 'open' }, {}, ['instances', 0, 'mode']],
    [{ attestationLifetimeSeconds: 86_401 }, {}, ['instances', 0, 'attestationLifetimeSeconds']],
    [{ keys: { algorithm: 'HS256' } }, {}, ['instances', 0, 'keys', 'algorithm']],
    [{ keys: { rsaBits: 1024 } }, {}, ['instances', 0, 'keys', 'rsaBits']],
    [{ limits: { requestsPerSecond: 0 } }, {}, ['instances', 0, 'limits', 'requestsPerSecond']],
    [{ limits: { burst: 0 } }, {}, ['instances', 0, 'limits', 'burst']],
    [{ isuer: 'x' }, {}, ['instances', 0]],
    [{}, { port: 65_536 }, ['port']],
    [{}, { address: 'localhost' }, ['address']],
    [{}, { refreshSeconds: 31 }, ['refreshSeconds']],
    [{}, { databaseUrl: 'mysql://x' }, ['databaseUrl']],
    [{}, { trustedProxies: ['10.0.0.0/33'] }, ['trustedProxies', 0]],
    [{}, { trustedProxies: ['a proxy'] }, ['trustedProxies', 0]],
    [{}, { issuer: 'https://flat.example' }, []],
  ]
  for (const [instance, service, path] of changes) {
    const { error } = parse(instance, service)
    expect(error?.issues[0]?.path, JSON.stringify([instance, service])).toEqual(path)
  }
  expect(attestationConfig.safeParse({ stateFolder: 'x', instances: [] }).success).toBe(false)
})

test('two instances have two names, two issuers and two hosts', () => {
  const other = { name: 'other', issuer: 'https://other.example', host: 'other.example' }
  const first = { ...one, host: 'attest.example' }
  const both = (change: object) => parse({}, { instances: [first, { ...other, ...change }] })
  expect(both({}).success).toBe(true)
  for (const field of ['name', 'issuer', 'host'] as const) {
    expect(both({ [field]: first[field] }).error?.issues).toMatchObject([
      { path: ['instances', 1, field] },
    ])
  }
})

test('a key is published long enough before it signs for every replica to have read it', () => {
  const ahead = (publishedAheadSeconds: number) =>
    parse({ keys: { publishedAheadSeconds } }, { refreshSeconds: 10 })
  expect(ahead(20).success).toBe(true)
  expect(ahead(19).error?.issues).toMatchObject([
    { path: ['instances', 0, 'keys', 'publishedAheadSeconds'] },
  ])
})

test('keys do not follow each other so fast that more are published than relying parties read', () => {
  const lifetime = { attestationLifetimeSeconds: 3600 }
  const signing = (signsForSeconds: number) =>
    parse({ ...lifetime, keys: { signsForSeconds, publishedAheadSeconds: 400 } })
  expect(signing(500).success).toBe(true)
  expect(signing(499).error?.issues).toMatchObject([
    { path: ['instances', 0, 'keys', 'signsForSeconds'] },
  ])
})

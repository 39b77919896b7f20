import {
  type AzureClient,
  startAzureClient,
} from '../../../../packages/enclave/src/testing/azure-client.ts'
/** The released, unmodified client of Azure Attestation against the whole service, over TLS. */

import { hash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64UrlOf, concat, textOf, utf8Of } from '@sealward/attestation/bytes'
import { encodeOpenEnclaveReport } from '@sealward/attestation/evidence'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { type SamplePcs, startSamplePcs } from '@sealward/enclave/evidence'
import { type Running, systemClock } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { startTlsEdge, type TlsEdge } from '../../../../packages/enclave/src/testing/tls-edge.ts'
import { tokenHashOf } from '../administration/records.ts'
import { attestationConfig } from '../config.ts'
import { startAttestationService } from '../start.ts'
import { bearerOf, peopleKeys, provider } from '../testing/administered.fixtures.ts'
import { createTestSigner, permitAll, type TestSigner } from '../testing/policy-signer.fixtures.ts'
import type { Call, Reply } from './azure-client-process.fixtures.ts'

let postgres: TestPostgres
let folder: string
let vendor: SampleVendor
let pcs: SamplePcs
let identityProvider: Server
let edge: TlsEdge
let service: Running
let client: AzureClient<Call, Reply>
let administrator: string
let approver: string
let first: TestSigner
let second: TestSigner

beforeAll(async () => {
  postgres = await startTestPostgres()
  folder = await mkdtemp(join(tmpdir(), 'sealward-conformance-'))
  vendor = await createSampleVendor({ at: systemClock.now() })
  pcs = await startSamplePcs({ vendor, clock: systemClock })
  identityProvider = await startIdentityProvider()
  ;[first, second] = [
    await createTestSigner('first'),
    await createTestSigner('second', { algorithm: 'ES256' }),
  ]
  const at = systemClock.now()
  const times = { iat: at, exp: at + 3600 }
  administrator = (await bearerOf(['contributor'], 'administrator', times)).slice('Bearer '.length)
  approver = await bearerOf(['approver'], 'approver', times)

  edge = await startTlsEdge()
  const [caFile, signersFile] = [join(folder, 'authority.pem'), join(folder, 'signers.pem')]
  await writeFile(caFile, edge.authority)
  await writeFile(signersFile, first.certificatePem)
  const common = {
    development: true,
    roots: [vendor.rootSpkiSha256],
    limits: { requestsPerSecond: 1000, burst: 1000 },
  }
  const people = {
    identityProvider: {
      issuer: provider.issuer,
      audience: provider.audience,
      url: `http://127.0.0.1:${(identityProvider.address() as AddressInfo).port}`,
    },
  }
  const isolated = { ...common, ...people, mode: 'isolated', policySignersFile: signersFile }
  const config = attestationConfig.parse({
    stateFolder: join(folder, 'state'),
    pcsUrl: pcs.url,
    kdsUrl: pcs.url,
    instances: [
      { name: 'shared', issuer: endpointOf('shared'), ...common },
      { name: 'entra', issuer: endpointOf('entra'), ...common, ...people, mode: 'entra' },
      {
        name: 'of-two',
        issuer: endpointOf('of-two'),
        ...common,
        ...people,
        mode: 'entra',
        approvalSeconds: 600,
      },
      { name: 'isolated', issuer: endpointOf('isolated'), ...isolated },
      {
        name: 'elliptic',
        issuer: endpointOf('elliptic'),
        ...isolated,
        keys: { algorithm: 'ES256' },
      },
    ],
  })
  service = await startAttestationService({
    config,
    databaseUrl: postgres.url,
    log: createLogger('test', { level: 'silent' }),
  })
  edge.target = service.ports['http']
  client = await startAzureClient<Call, Reply>(
    new URL('azure-client-process.fixtures.ts', import.meta.url),
    caFile,
  )
}, 120_000)
afterAll(async () => {
  await client?.close()
  await edge?.close()
  await service?.close()
  identityProvider?.close()
  await pcs?.close()
  await postgres?.stop()
  await rm(folder, { recursive: true })
})

function endpointOf(instance: string): string {
  return `https://localhost:${edge.port}/instances/${instance}`
}

/** An OpenID Connect provider: its metadata, and its keys below it. */
async function startIdentityProvider(): Promise<Server> {
  const answers: Readonly<Record<string, object>> = {
    '/.well-known/openid-configuration': {
      issuer: provider.issuer,
      jwks_uri: `${provider.issuer}/keys`,
    },
    '/keys': peopleKeys,
  }
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

type Answer = Extract<Reply, { readonly ok: true }>
type Failure = Extract<Reply, { readonly ok: false }>

async function attests(
  instance: string,
  method: string,
  ...args: readonly unknown[]
): Promise<Answer> {
  return answered(
    await client.call({ client: 'attestation', endpoint: endpointOf(instance), method, args }),
  )
}

function administers(
  instance: string,
  method: string,
  ...args: readonly unknown[]
): Promise<Reply> {
  return client.call({
    client: 'administration',
    endpoint: endpointOf(instance),
    bearer: administrator,
    method,
    args,
  })
}

function answered(reply: Reply): Answer {
  if (!reply.ok) throw new Error(`${reply.code}: ${reply.message}`)
  return reply
}

function refused(reply: Reply): Failure {
  if (reply.ok) throw new Error('that was not refused')
  return reply
}

const runtimeData = utf8Of(JSON.stringify({ keys: [{ kty: 'RSA', kid: 'of the enclave' }], n: 1 }))
const initTimeData = utf8Of(JSON.stringify({ tenant: 'clinic' }))

async function quoteOf(debug: boolean): Promise<Uint8Array> {
  const digest = (bytes: Uint8Array): Uint8Array =>
    concat(hash('sha256', bytes, 'buffer'), new Uint8Array(32))
  return vendor.quote({
    mrEnclave: new Uint8Array(32).fill(0xe1),
    mrSigner: new Uint8Array(32).fill(0x51),
    isvProdId: 1,
    isvSvn: 3,
    debug,
    reportData: digest(runtimeData),
    configId: digest(initTimeData),
  })
}

describe.each([
  ['attestSgxEnclave', (quote: Uint8Array) => quote],
  ['attestOpenEnclave', encodeOpenEnclaveReport],
] as const)('%s', (method, evidenceOf) => {
  test.each(['shared', 'elliptic'])(
    'in the instance %s, with data of both types',
    async (instance) => {
      const evidence = evidenceOf(await quoteOf(false))
      const json = await attests(instance, method, evidence, {
        runTimeJson: runtimeData,
        initTimeJson: initTimeData,
      })
      expect(json).toMatchObject({ validated: 1, withSigner: 1 })
      expect(json.body).toMatchObject({
        issuer: endpointOf(instance),
        mrEnclave: 'e1'.repeat(32),
        mrSigner: '51'.repeat(32),
        productId: 1,
        svn: 3,
        isDebuggable: false,
        runTimeClaims: JSON.parse(textOf(runtimeData) ?? ''),
        initTimeClaims: JSON.parse(textOf(initTimeData) ?? ''),
        sgxCollateral: { quotehash: hash('sha256', evidence) },
        version: '1.0',
        verifierType: 'sgx',
      })
      const binary = await attests(instance, method, evidence, {
        runTimeData: runtimeData,
        initTimeData,
      })
      expect(binary.body).toMatchObject({ enclaveHeldData: Buffer.from(runtimeData) })
      expect(decodeJwt(binary.token ?? '')['x-ms-policy-hash']).toBe(
        await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true })),
      )
      const bare = await attests(instance, method, evidence)
      expect(bare).toMatchObject({ validated: 1, withSigner: 1 })
    },
  )

  test('a draft policy makes a token without a signature, or is told why it does not', async () => {
    const evidence = evidenceOf(await quoteOf(true))
    const draftPolicyForAttestation =
      'version= 1.0; authorizationrules{ [ type=="x-ms-sgx-is-debuggable", value==true ] => permit(); }; issuancerules{ c:[type=="x-ms-sgx-mrsigner"] => issue(type="custom-name", value=c.value); };'
    const drafted = await attests('shared', method, evidence, {
      runTimeData: runtimeData,
      draftPolicyForAttestation,
    })
    expect(drafted).toMatchObject({ validated: 1, withSigner: 0 })
    expect(decodeProtectedHeader(drafted.token ?? '')).toMatchObject({ alg: 'none' })
    expect(decodeJwt(drafted.token ?? '')['custom-name']).toBe('51'.repeat(32))
    const denied = refused(
      await client.call({
        client: 'attestation',
        endpoint: endpointOf('shared'),
        method,
        args: [
          evidence,
          { draftPolicyForAttestation: draftPolicyForAttestation.replace('true', 'false') },
        ],
      }),
    )
    expect(denied).toMatchObject({ statusCode: 400, code: 'PolicyEvaluationError' })
  })
})

describe.each(['shared', 'entra', 'isolated', 'elliptic'])('metadata of %s', (instance) => {
  test('getOpenIdMetadata and getAttestationSigners', async () => {
    const metadata = await attests(instance, 'getOpenIdMetadata')
    expect(metadata.body).toMatchObject({
      issuer: endpointOf(instance),
      jwks_uri: `${endpointOf(instance)}/certs`,
      response_types_supported: ['token', 'none'],
      id_token_signing_alg_values_supported: [instance === 'elliptic' ? 'ES256' : 'RS256'],
      claims_supported: expect.arrayContaining(['x-ms-sgx-mrenclave']),
    })
    const signers = await attests(instance, 'getAttestationSigners')
    expect(signers.body).toEqual([
      {
        keyId: expect.any(String),
        certificates: [expect.stringMatching(/^-----BEGIN CERTIFICATE-----/)],
      },
    ])
  })
})

test.each(['SgxEnclave', 'OpenEnclave'] as const)(
  'policies of %s in mode entra, unsigned and signed',
  async (type) => {
    const initial = answered(await administers('entra', 'getPolicy', type))
    expect(initial).toMatchObject({ validated: 1, withSigner: 1 })
    expect(initial.body).toBe(defaultPolicyFor(type, { development: true }))
    for (const signer of [undefined, first, second]) {
      const options =
        signer === undefined
          ? {}
          : { privateKey: signer.privateKeyPem, certificate: signer.certificatePem }
      const set = answered(await administers('entra', 'setPolicy', type, permitAll, options))
      expect(set.body).toMatchObject({ policyResolution: 'Updated' })
      const { policySigner, policyTokenHash } = set.body as {
        readonly policySigner?: { readonly certificates: readonly string[] }
        readonly policyTokenHash: Uint8Array
      }
      expect(policySigner?.certificates.map(withoutLines)).toEqual(
        signer && [withoutLines(signer.certificatePem)],
      )
      const got = answered(await administers('entra', 'getPolicy', type))
      expect(got.body).toBe(permitAll)
      const stored = String(decodeJwt(got.token ?? '')['x-ms-policy'])
      expect(base64UrlOf(policyTokenHash)).toBe(tokenHashOf(stored))

      const reset = answered(await administers('entra', 'resetPolicy', type, options))
      expect(reset.body).toMatchObject({ policyResolution: 'Removed' })
      const after = answered(await administers('entra', 'getPolicy', type))
      expect(after.body).toBe(defaultPolicyFor(type, { development: true }))
    }
    const broken = refused(await administers('entra', 'setPolicy', type, 'version=1.0; nonsense'))
    expect(broken).toMatchObject({ statusCode: 400, code: 'PolicyParsingError' })
  },
)

function withoutLines(pem: string): string {
  return pem.replace(/\s/g, '')
}

test('policies of Tpm in mode entra, as the recorded client saw them', async () => {
  const set = answered(await administers('entra', 'setPolicy', 'Tpm', permitAll))
  expect(set.body).toMatchObject({ policyResolution: 'Updated' })
  expect(answered(await administers('entra', 'getPolicy', 'Tpm')).body).toBe(permitAll)
  const reset = answered(await administers('entra', 'resetPolicy', 'Tpm'))
  expect(reset.body).toMatchObject({ policyResolution: 'Removed' })
  // What Azure itself was recorded to answer for an unset one; this client stumbles over it.
  const unset = refused(await administers('entra', 'getPolicy', 'Tpm'))
  expect(unset).toMatchObject({ statusCode: undefined, message: expect.stringContaining('null') })
})

test('evidence of a TPM is not appraised here, and the client is told so', async () => {
  const reply = await client.call({
    client: 'attestation',
    endpoint: endpointOf('shared'),
    method: 'attestTpm',
    args: ['{"payload":{"type":"aikcert"}}'],
  })
  expect(refused(reply)).toMatchObject({ statusCode: 404, code: 'NotFound' })
})

test.each(['isolated', 'elliptic'])('policies and signers of the instance %s', async (instance) => {
  const by = (signer: TestSigner) => ({
    privateKey: signer.privateKeyPem,
    certificate: signer.certificatePem,
  })
  const signers = async (): Promise<readonly string[]> => {
    const listed = answered(await administers(instance, 'getPolicyManagementCertificates'))
    expect(listed).toMatchObject({ validated: 1, withSigner: 1 })
    const body = listed.body as readonly { readonly certificates: readonly string[] }[]
    return body.flatMap(({ certificates }) => certificates.map(withoutLines))
  }
  expect(await signers()).toEqual([withoutLines(first.certificatePem)])

  expect(refused(await administers(instance, 'setPolicy', 'SgxEnclave', permitAll))).toMatchObject({
    statusCode: 403,
    code: 'Forbidden',
  })
  const stranger = await administers(instance, 'setPolicy', 'SgxEnclave', permitAll, by(second))
  expect(refused(stranger)).toMatchObject({ statusCode: 403, code: 'Forbidden' })

  const add = (): Promise<Reply> =>
    administers(
      instance,
      'addPolicyManagementCertificate',
      second.certificatePem,
      first.privateKeyPem,
      first.certificatePem,
    )
  for (const added of [answered(await add()), answered(await add())]) {
    expect(added.body).toMatchObject({
      certificateResolution: 'IsPresent',
      certificateThumbprint: second.thumbprint,
    })
  }
  expect([...(await signers())].sort((a, b) => (a < b ? -1 : 1))).toEqual(
    [first, second]
      .map(({ certificatePem }) => withoutLines(certificatePem))
      .sort((a, b) => (a < b ? -1 : 1)),
  )

  for (const signer of [first, second, first]) {
    const set = answered(
      await administers(instance, 'setPolicy', 'SgxEnclave', permitAll, by(signer)),
    )
    expect(set.body).toMatchObject({ policyResolution: 'Updated' })
    expect(answered(await administers(instance, 'getPolicy', 'SgxEnclave')).body).toBe(permitAll)
    const reset = answered(await administers(instance, 'resetPolicy', 'SgxEnclave', by(signer)))
    expect(reset.body).toMatchObject({ policyResolution: 'Removed' })
  }
  const remove = (removed: TestSigner, signer: TestSigner): Promise<Reply> =>
    administers(
      instance,
      'removePolicyManagementCertificate',
      removed.certificatePem,
      signer.privateKeyPem,
      signer.certificatePem,
    )
  for (const removed of [
    answered(await remove(second, first)),
    answered(await remove(second, first)),
  ]) {
    expect(removed.body).toMatchObject({
      certificateResolution: 'IsAbsent',
      certificateThumbprint: second.thumbprint,
    })
  }
  expect(refused(await remove(first, first))).toMatchObject({
    statusCode: 400,
    code: 'InvalidOperation',
  })
  expect(await signers()).toEqual([withoutLines(first.certificatePem)])
})

test('a shared instance shows its policies, and refuses to change anything', async () => {
  const got = answered(await administers('shared', 'getPolicy', 'SgxEnclave'))
  expect(got.body).toBe(defaultPolicyFor('SgxEnclave', { development: true }))
  const certificates = answered(await administers('shared', 'getPolicyManagementCertificates'))
  expect(certificates.body).toEqual([])
  for (const [method, ...args] of [
    ['setPolicy', 'SgxEnclave', permitAll],
    ['resetPolicy', 'SgxEnclave'],
    [
      'addPolicyManagementCertificate',
      second.certificatePem,
      first.privateKeyPem,
      first.certificatePem,
    ],
  ] as const) {
    const reply = refused(await administers('shared', method, ...args))
    expect(reply).toMatchObject({ statusCode: 400, code: 'InvalidOperation' })
  }
})

test('signers of an instance that is not isolated are none, and none are added', async () => {
  expect(answered(await administers('entra', 'getPolicyManagementCertificates')).body).toEqual([])
  const reply = await administers(
    'entra',
    'addPolicyManagementCertificate',
    second.certificatePem,
    first.privateKeyPem,
    first.certificatePem,
  )
  expect(refused(reply)).toMatchObject({ statusCode: 400, code: 'InvalidOperation' })
})

test('a change that waits for a second person is an error to the client, which says what it waits for', async () => {
  const proposed = refused(await administers('of-two', 'setPolicy', 'SgxEnclave', permitAll))
  expect(proposed).toMatchObject({ statusCode: 202, code: 'ApprovalPending' })
  const [, id = ''] = /approval is ([0-9a-f]{32})/.exec(proposed.message) ?? []
  expect(id).not.toBe('')
  const approved = await fetch(
    `http://127.0.0.1:${service.ports['http']}/instances/of-two/approvals/${id}:approve`,
    { method: 'POST', headers: { authorization: approver } },
  )
  expect(approved.status).toBe(200)
  expect(answered(await administers('of-two', 'getPolicy', 'SgxEnclave')).body).toBe(permitAll)
})

test('whoever the identity provider does not name is told so', async () => {
  const reply = await client.call({
    client: 'administration',
    endpoint: endpointOf('entra'),
    bearer: 'nonsense',
    method: 'getPolicy',
    args: ['SgxEnclave'],
  })
  expect(refused(reply)).toMatchObject({ statusCode: 401, code: 'Unauthorized' })
})

test('the policy that the client set is the one that evidence is appraised under', async () => {
  const evidence = await quoteOf(true)
  const before = await client.call({
    client: 'attestation',
    endpoint: endpointOf('entra'),
    method: 'attestSgxEnclave',
    args: [evidence],
  })
  expect(refused(before)).toMatchObject({ code: 'PolicyEvaluationError' })
  answered(await administers('entra', 'setPolicy', 'SgxEnclave', permitAll))
  await expect
    .poll(
      async () => {
        const reply = await client.call({
          client: 'attestation',
          endpoint: endpointOf('entra'),
          method: 'attestSgxEnclave',
          args: [evidence],
        })
        return reply.ok && decodeJwt(reply.token ?? '')['x-ms-policy-hash']
      },
      { timeout: 10_000 },
    )
    .toBe(await policyHashOf(permitAll))
}, 20_000)

import {
  type AzureClient,
  startAzureClient,
} from '../../../../packages/enclave/src/testing/azure-client.ts'
/** The released, unmodified client of Key Vault against the whole broker, over TLS. */

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  DecryptResult,
  DeletedKey,
  EncryptResult,
  KeyProperties,
  KeyRotationPolicy,
  KeyVaultKey,
  SignResult,
  UnwrapResult,
  VerifyResult,
  WrapResult,
} from '@azure/keyvault-keys'
import { textOf, utf8Of } from '@sealward/attestation/bytes'
import { type Running, systemClock } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../../../packages/enclave/src/testing/identity-provider.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { startTlsEdge, type TlsEdge } from '../../../../packages/enclave/src/testing/tls-edge.ts'
import { brokerConfig } from '../config.ts'
import { startKeyBroker } from '../start.ts'
import type { Call, Reply } from './azure-client-process.fixtures.ts'

let postgres: TestPostgres
let folder: string
let people: TestIdentityProvider
let edge: TlsEdge
let broker: Running
let client: AzureClient<Call, Reply>
let vault: string
let bearer: string

beforeAll(async () => {
  postgres = await startTestPostgres()
  folder = await mkdtemp(join(tmpdir(), 'sealward-conformance-'))
  people = await startIdentityProvider(systemClock)
  edge = await startTlsEdge()
  vault = `https://localhost:${edge.port}`
  const caFile = join(folder, 'authority.pem')
  await writeFile(caFile, edge.authority)
  broker = await startKeyBroker({
    config: brokerConfig.parse({
      publicUrl: vault,
      stateFolder: join(folder, 'state'),
      development: true,
      identityProvider: people.settings,
      resource: 'https://vault.azure.net',
      limits: { requestsPerSecond: 1000, burst: 1000 },
    }),
    databaseUrl: postgres.url,
    log: createLogger('key-broker', { write: () => {} }),
  })
  edge.target = broker.ports['http']
  bearer = await people.tokenOf(['officer', 'user'])
  client = await startAzureClient<Call, Reply>(
    new URL('azure-client-process.fixtures.ts', import.meta.url),
    caFile,
  )
}, 60_000)

afterAll(async () => {
  await client.close()
  await broker.close()
  await edge.close()
  await people.close()
  await postgres.stop()
  await rm(folder, { recursive: true })
})

/** What a method of the vault's client answers. */
async function keys<T = KeyVaultKey>(method: string, ...args: readonly unknown[]): Promise<T> {
  return answered<T>(await client.call({ vault, bearer, method, args }))
}

/** What a method of a key's client answers. */
async function withKey<T>(keyId: string, method: string, ...args: readonly unknown[]): Promise<T> {
  return answered<T>(await client.call({ vault, bearer, keyId, method, args }))
}

function answered<T>(reply: Reply): T {
  if (!reply.ok) throw new Error(`${reply.statusCode} ${reply.code}: ${reply.message}`)
  return reply.value as T
}

async function failure(call: Partial<Call> & Pick<Call, 'method' | 'args'>): Promise<object> {
  const reply = await client.call({ vault, bearer, ...call })
  if (reply.ok) throw new Error('answered')
  return { statusCode: reply.statusCode, code: reply.code }
}

const policy = {
  encodedPolicy: utf8Of(
    JSON.stringify({
      version: '1.0.0',
      anyOf: [
        {
          authority: 'https://attestation.example',
          allOf: [{ claim: 'x-ms-sgx-is-debuggable', equals: 'false' }],
        },
      ],
    }),
  ),
}

describe('keys', () => {
  test('of every type and size are made', async () => {
    for (const [keySize, bytes] of [
      [undefined, 256],
      [3072, 384],
      [4096, 512],
    ] as const) {
      const rsa = await keys('createRsaKey', `rsa-${bytes}`, { keySize })
      expect(rsa.keyType).toBe('RSA')
      expect(rsa.key?.n?.length).toBe(bytes)
      expect(rsa.key?.d).toBeUndefined()
      expect(rsa.id).toMatch(new RegExp(`^${vault}/keys/rsa-${bytes}/[0-9a-f]{32}$`))
    }
    for (const curve of ['P-256', 'P-384', 'P-521']) {
      const ec = await keys('createEcKey', `ec-${curve}`, { curve })
      expect([ec.keyType, ec.key?.crv, ec.key?.d]).toEqual(['EC', curve, undefined])
      expect(ec.keyOperations).toEqual(['sign', 'verify'])
    }
    for (const keySize of [128, 192, 256]) {
      const oct = await keys('createOctKey', `oct-${keySize}`, { keySize, hsm: true })
      expect([oct.keyType, oct.key?.k]).toEqual(['oct-HSM', undefined])
    }
  })

  test('have their properties, and keep them', async () => {
    const expiresOn = new Date('2030-01-01T00:00:00Z')
    const notBefore = new Date('2020-01-01T00:00:00Z')
    const made = await keys('createKey', 'with-properties', 'RSA', {
      expiresOn,
      notBefore,
      enabled: true,
      keyOps: ['encrypt', 'decrypt'],
      tags: { purpose: 'conformance' },
    })
    const { version } = made.properties
    const read = await keys('getKey', 'with-properties', { version })
    expect(read).toEqual(made)
    expect(read.properties).toMatchObject({
      name: 'with-properties',
      vaultUrl: vault,
      expiresOn,
      notBefore,
      enabled: true,
      exportable: false,
      recoveryLevel: 'Recoverable+Purgeable',
      recoverableDays: 90,
      tags: { purpose: 'conformance' },
    })
    expect(read.keyOperations).toEqual(['encrypt', 'decrypt'])
    expect(await keys('getKey', 'with-properties')).toEqual(made)
    expect(await keys('getKey', 'WITH-properties')).toEqual(made)
  })

  test('are updated', async () => {
    const made = await keys('createRsaKey', 'updated')
    const changes = {
      enabled: false,
      tags: { changed: 'yes' },
      expiresOn: new Date('2031-01-01T00:00:00Z'),
      keyOps: ['sign', 'verify'],
    }
    const { version } = made.properties
    const updated = await keys('updateKeyProperties', 'updated', version, changes)
    expect(updated.properties).toMatchObject({ enabled: false, tags: { changed: 'yes' } })
    expect(updated.properties.expiresOn).toEqual(changes.expiresOn)
    expect(updated.keyOperations).toEqual(['sign', 'verify'])
    const current = await keys('updateKeyProperties', 'updated', { enabled: true })
    expect(current.properties).toMatchObject({ enabled: true, tags: { changed: 'yes' } })
    expect(current.key?.n).toEqual(made.key?.n)
  })

  test('are imported, and are the ones that were sent', async () => {
    for (const [name, pair] of [
      ['imported-rsa', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['imported-ec', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ] as const) {
      const jwk = pair.privateKey.export({ format: 'jwk' })
      const numbers = Object.fromEntries(
        Object.entries(jwk)
          .filter(([field]) => field !== 'kty' && field !== 'crv')
          .map(([field, text]) => [field, Buffer.from(String(text), 'base64url')]),
      )
      const key = { kty: jwk.kty, ...numbers, ...(jwk.crv === undefined ? {} : { crv: jwk.crv }) }
      const imported = await keys('importKey', name, key, { hardwareProtected: true })
      expect(imported.keyType).toBe(jwk.kty)
      const message = utf8Of('message')
      const digest = createHash('sha384').update(message).digest()
      const alg = jwk.kty === 'RSA' ? 'RS384' : 'ES384'
      const { result } = await withKey<SignResult>(imported.id ?? '', 'sign', alg, digest)
      const { verify } = await import('node:crypto')
      const publicKey = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' as const }
      expect(verify('sha384', message, publicKey, result)).toBe(true)
    }
  })

  test('are listed page by page, and so are their versions', async () => {
    for (let count = 0; count < 3; count++) await keys('createOctKey', 'versioned')
    const pages = await keys<KeyProperties[][]>('listPropertiesOfKeys')
    const names = pages.flat().map(({ name }) => name)
    expect(names).toContain('versioned')
    expect(names).toEqual([...names].sort())
    const reply = await client.call({
      vault,
      bearer,
      method: 'listPropertiesOfKeys',
      args: [],
      pageSize: 2,
    })
    const small = answered<KeyProperties[][]>(reply)
    expect(small.length).toBe(Math.ceil(names.length / 2))
    expect(small.flat().map(({ name }) => name)).toEqual(names)
    const versions = await keys<KeyProperties[][]>('listPropertiesOfKeyVersions', 'versioned')
    expect(versions.flat().length).toBe(3)
    expect(new Set(versions.flat().map(({ version }) => version)).size).toBe(3)
  })

  test('are rotated, and by a policy', async () => {
    const first = await keys('createRsaKey', 'rotated', { keyOps: ['sign', 'verify'] })
    const second = await keys('rotateKey', 'rotated')
    expect(second.properties.version).not.toBe(first.properties.version)
    expect(second.key?.n).not.toEqual(first.key?.n)
    expect(second.keyOperations).toEqual(['sign', 'verify'])
    expect((await keys('getKey', 'rotated')).id).toBe(second.id)

    const unset = await keys<KeyRotationPolicy>('getKeyRotationPolicy', 'rotated')
    expect(unset.lifetimeActions).toEqual([{ action: 'Notify', timeBeforeExpiry: 'P30D' }])
    const set = await keys<KeyRotationPolicy>('updateKeyRotationPolicy', 'rotated', {
      lifetimeActions: [{ action: 'Rotate', timeAfterCreate: 'P2M' }],
      expiresIn: 'P90D',
    })
    expect(set).toMatchObject({
      id: `${vault}/keys/rotated/rotationpolicy`,
      expiresIn: 'P90D',
      lifetimeActions: [{ action: 'Rotate', timeAfterCreate: 'P2M' }],
    })
    expect(set.createdOn).toBeInstanceOf(Date)
    expect(await keys('getKeyRotationPolicy', 'rotated')).toEqual(set)
    const third = await keys('rotateKey', 'rotated')
    const lifetime = Number(third.properties.expiresOn) - Number(third.properties.createdOn)
    expect(lifetime).toBe(90 * 86_400_000)
  })

  test('are deleted, recovered, and purged', async () => {
    const made = await keys('createEcKey', 'deleted')
    const deleted = await keys<DeletedKey>('beginDeleteKey', 'deleted', { intervalInMs: 1 })
    expect(deleted.properties).toMatchObject({
      recoveryId: `${vault}/deletedkeys/deleted`,
    })
    expect(deleted.properties.scheduledPurgeDate).toBeInstanceOf(Date)
    expect(await failure({ method: 'getKey', args: ['deleted'] })).toEqual({
      statusCode: 404,
      code: 'KeyNotFound',
    })
    expect(await failure({ method: 'createEcKey', args: ['deleted'] })).toEqual({
      statusCode: 409,
      code: 'Conflict',
    })
    const listed = await keys<DeletedKey[][]>('listDeletedKeys')
    expect(listed.flat().map(({ name }) => name)).toEqual(['deleted'])
    expect((await keys<DeletedKey>('getDeletedKey', 'deleted')).id).toBe(made.id)
    const recovered = await keys('beginRecoverDeletedKey', 'deleted', { intervalInMs: 1 })
    expect(recovered.id).toBe(made.id)
    expect(await keys('getKey', 'deleted')).toEqual(made)
    await keys('beginDeleteKey', 'deleted', { intervalInMs: 1 })
    await keys('purgeDeletedKey', 'deleted')
    expect(await failure({ method: 'getDeletedKey', args: ['deleted'] })).toEqual({
      statusCode: 404,
      code: 'KeyNotFound',
    })
    await keys('createEcKey', 'deleted')
  })

  test('are backed up, and restored with all their versions', async () => {
    const first = await keys('createRsaKey', 'backed-up')
    const second = await keys('rotateKey', 'backed-up')
    const backup = await keys<Uint8Array>('backupKey', 'backed-up')
    expect(await failure({ method: 'restoreKeyBackup', args: [backup] })).toEqual({
      statusCode: 409,
      code: 'Conflict',
    })
    await keys('beginDeleteKey', 'backed-up', { intervalInMs: 1 })
    await keys('purgeDeletedKey', 'backed-up')
    expect((await keys('restoreKeyBackup', backup)).id).toBe(second.id)
    const { version } = first.properties
    expect((await keys('getKey', 'backed-up', { version })).key).toEqual(first.key)
    const other = backup.slice()
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
    expect(await failure({ method: 'restoreKeyBackup', args: [other] })).toEqual({
      statusCode: 400,
      code: 'BadParameter',
    })
  })

  test('have a release policy, and an immutable one stays', async () => {
    const made = await keys('createEcKey', 'exportable', {
      exportable: true,
      releasePolicy: policy,
    })
    expect(made.properties.exportable).toBe(true)
    const { encodedPolicy, immutable } = made.properties.releasePolicy ?? {}
    expect([textOf(new Uint8Array(encodedPolicy ?? [])), immutable]).toEqual([
      textOf(policy.encodedPolicy),
      false,
    ])
    const { version } = made.properties
    const weaker = JSON.stringify({
      anyOf: [{ authority: 'https://another.example', allOf: [{ claim: 'jti', exists: true }] }],
    })
    const changed = await keys('updateKeyProperties', 'exportable', version, {
      releasePolicy: { encodedPolicy: utf8Of(weaker), immutable: true },
    })
    expect(changed.properties.releasePolicy?.immutable).toBe(true)
    const back = { releasePolicy: policy }
    const refused = { statusCode: 403, code: 'Forbidden' }
    expect(
      await failure({ method: 'updateKeyProperties', args: ['exportable', version, back] }),
    ).toEqual(refused)
    expect(
      await failure({
        method: 'createEcKey',
        args: ['exportable', { exportable: true, ...back }],
      }),
    ).toEqual(refused)
    const rotated = await keys('rotateKey', 'exportable')
    expect(rotated.properties.releasePolicy).toEqual(changed.properties.releasePolicy)
  })

  test('draw random bytes', async () => {
    const drawn = await keys<Uint8Array>('getRandomBytes', 32)
    expect(drawn.length).toBe(32)
    expect(await keys<Uint8Array>('getRandomBytes', 32)).not.toEqual(drawn)
  })

  test('are spoken of in all versions of the contract that are served', async () => {
    const { id } = await keys('createEcKey', 'versions-of-the-contract')
    for (const serviceVersion of ['7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01']) {
      const reply = await client.call({
        vault,
        bearer,
        serviceVersion,
        method: 'getKey',
        args: ['versions-of-the-contract'],
      })
      expect(answered<KeyVaultKey>(reply).id).toBe(id)
    }
    expect(
      await failure({
        serviceVersion: '9.9',
        method: 'getKey',
        args: ['versions-of-the-contract'],
      }),
    ).toEqual({ statusCode: 400, code: 'BadParameter' })
  })
})

describe('cryptography', () => {
  test('with RSA', async () => {
    const { id = '' } = await keys('createRsaKey', 'crypto-rsa')
    const plaintext = randomBytes(32)
    for (const algorithm of ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256']) {
      const { result } = await withKey<EncryptResult>(id, 'encrypt', { algorithm, plaintext })
      const ciphertext = result
      const opened = await withKey<DecryptResult>(id, 'decrypt', { algorithm, ciphertext })
      expect(Buffer.from(opened.result)).toEqual(plaintext)
      const wrapped = await withKey<WrapResult>(id, 'wrapKey', algorithm, plaintext)
      const key = await withKey<UnwrapResult>(id, 'unwrapKey', algorithm, wrapped.result)
      expect(Buffer.from(key.result)).toEqual(plaintext)
    }
    for (const algorithm of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
      await signsAndVerifies(id, algorithm)
    }
  })

  test.each([
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ])('with EC on %s', async (curve, algorithm) => {
    const { id = '' } = await keys('createEcKey', `crypto-${curve}`, { curve })
    await signsAndVerifies(id, algorithm)
    const digest = randomBytes(32)
    const other = algorithm === 'ES256' ? 'ES384' : 'ES256'
    expect(await failure({ keyId: id, method: 'sign', args: [other, digest] })).toEqual({
      statusCode: 400,
      code: 'BadParameter',
    })
  })

  test.each([128, 192, 256])('with symmetric keys of %i bits', async (keySize) => {
    const { id = '' } = await keys('createOctKey', `crypto-oct-${keySize}`, { keySize })
    const plaintext = randomBytes(32)
    const aad = randomBytes(8)
    const gcm = { algorithm: `A${keySize}GCM`, plaintext, additionalAuthenticatedData: aad }
    const sealed = await withKey<EncryptResult>(id, 'encrypt', gcm)
    const opened = await withKey<DecryptResult>(id, 'decrypt', {
      algorithm: gcm.algorithm,
      ciphertext: sealed.result,
      iv: sealed.iv,
      authenticationTag: sealed.authenticationTag,
      additionalAuthenticatedData: aad,
    })
    expect(Buffer.from(opened.result)).toEqual(plaintext)
    for (const algorithm of [`A${keySize}CBC`, `A${keySize}CBCPAD`]) {
      const made = await withKey<EncryptResult>(id, 'encrypt', {
        algorithm,
        plaintext,
        iv: randomBytes(16),
      })
      const { result, iv } = made
      const back = await withKey<DecryptResult>(id, 'decrypt', {
        algorithm,
        ciphertext: result,
        iv,
      })
      expect(Buffer.from(back.result)).toEqual(plaintext)
    }
    for (const algorithm of [`A${keySize}KW`, 'CKM_AES_KEY_WRAP', 'CKM_AES_KEY_WRAP_PAD']) {
      const wrapped = await withKey<WrapResult>(id, 'wrapKey', algorithm, plaintext)
      const key = await withKey<UnwrapResult>(id, 'unwrapKey', algorithm, wrapped.result)
      expect(Buffer.from(key.result)).toEqual(plaintext)
    }
    await signsAndVerifies(id, 'HS256')
  })

  test('is refused to a key that is disabled, that may not, or whose time is not now', async () => {
    const plaintext = randomBytes(16)
    const encrypt = { algorithm: 'RSA-OAEP', plaintext }
    const refused = { statusCode: 403, code: 'Forbidden' }
    for (const [name, options] of [
      ['disabled', { enabled: false }],
      ['may-not', { keyOps: ['sign'] }],
      ['ended', { expiresOn: new Date('2020-01-01T00:00:00Z') }],
      ['not-begun', { notBefore: new Date('2035-01-01T00:00:00Z') }],
    ] as const) {
      const { id = '' } = await keys('createRsaKey', name, options)
      const reply = await rawEncrypt(id, encrypt)
      expect([name, reply]).toEqual([name, refused])
    }
  })
})

/** The client itself encrypts with a public RSA key that it knows; here the broker is to be asked. */
async function rawEncrypt(
  id: string,
  { algorithm, plaintext }: { readonly algorithm: string; readonly plaintext: Uint8Array },
): Promise<object> {
  const path = id.slice(vault.length)
  const response = await fetch(
    `http://127.0.0.1:${broker.ports['http']}${path}/encrypt?api-version=7.4`,
    {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        alg: algorithm,
        value: Buffer.from(plaintext).toString('base64url'),
      }),
    },
  )
  const { error } = (await response.json()) as { readonly error?: { readonly code: string } }
  return { statusCode: response.status, code: error?.code }
}

async function signsAndVerifies(id: string, algorithm: string): Promise<void> {
  const hash = { 2: 'sha256', 3: 'sha384', 5: 'sha512' }[algorithm[2] ?? ''] ?? ''
  const digest = createHash(hash).update(randomBytes(100)).digest()
  const { result } = await withKey<SignResult>(id, 'sign', algorithm, digest)
  const verify = async (one: Uint8Array, signature: Uint8Array): Promise<boolean> =>
    (await withKey<VerifyResult>(id, 'verify', algorithm, one, signature)).result
  expect(await verify(digest, result)).toBe(true)
  expect(await verify(randomBytes(digest.length), result)).toBe(false)
}

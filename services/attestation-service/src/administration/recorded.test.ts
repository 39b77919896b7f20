/** Exchanges that administer policies, as they were recorded from Azure Attestation. */

import { parsePolicy } from '@sealward/attestation/policy'
import { compactVerify, decodeProtectedHeader, importX509 } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
  readSharedText,
} from '../../../../packages/attestation/src/verification/shared-vectors.fixtures.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { fixedPolicy } from '../policies/fixed-policy.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { administered, bearerOf } from '../testing/administered.fixtures.ts'
import {
  createTestSigner,
  signed,
  signerPayload,
  unsecured,
} from '../testing/policy-signer.fixtures.ts'

type Claims = Readonly<Record<string, unknown>>

interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly status: number
  readonly token_header?: Readonly<Record<string, string>>
  readonly token_claims?: Claims
  readonly error_code?: string
}

const recordings: readonly {
  readonly recording: string
  readonly exchanges: readonly Exchange[]
}[] = hasSharedVectors
  ? (JSON.parse(readSharedText('maa/recordings-decoded.json')) as typeof recordings)
      .filter(({ recording }) => /\/(Policy-|CertificateTests\.)/.test(recording))
      .map(({ recording, exchanges }) => ({
        recording,
        exchanges: exchanges.filter(({ path }) => path !== '/certs'),
      }))
  : []
const exchangeCount = recordings.flatMap(({ exchanges }) => exchanges).length
process.stdout.write(
  hasSharedVectors
    ? `${exchangeCount} recorded exchanges of administration read\n`
    : `${absentVectors}\n`,
)

let postgres: TestPostgres
let database: Database
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

test.runIf(hasSharedVectors)('there are recordings to examine', () => {
  expect(recordings).toHaveLength(13)
  expect(exchangeCount).toBe(28)
})

describe.each(recordings)('$recording', ({ recording, exchanges }) => {
  test('is answered as it was', async () => {
    const policy = parsePolicy(readSharedText('policy/maa-default-sgx-2022.txt').trimEnd())
    if (!policy.ok) throw new Error(policy.problem.code)
    const { ask, instance, key } = await administered(database, {
      mode: /Shared/i.test(recording) ? 'shared' : 'entra',
      defaults: fixedPolicy(policy.value),
    })
    const authorization = await bearerOf(['contributor'])
    for (const [index, exchange] of exchanges.entries()) {
      const answer = await ask(exchange.method, exchange.path, {
        authorization,
        ...(await bodyOf(exchange, exchanges.slice(index + 1))),
      })
      expect(answer.status).toBe(exchange.status)
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'x-ms-request-id': expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
        'x-ms-maa-service-version': expect.any(String),
      })
      if (exchange.token_claims === undefined) {
        expect(answer.azureCode).toBe(exchange.error_code)
        expect(answer.headers['x-ms-error-code']).toBe(exchange.error_code)
        continue
      }
      const { iss, iat, nbf, exp, ...claims } = answer.claims
      const recorded = exchange.token_claims
      expect([iss, nbf, Number(exp) - Number(iat)]).toEqual([
        instance.issuer,
        iat,
        Number(recorded['exp']) - Number(recorded['iat']),
      ])
      const { iss: _, iat: __, nbf: ___, exp: ____, ...recordedClaims } = recorded
      expect(claims).toEqual(recordedClaims)
      const token = String(answer.body['token'])
      expect(decodeProtectedHeader(token)).toEqual({
        ...exchange.token_header,
        jku: `${instance.issuer}/certs`,
        kid: key.kid,
      })
      const [certificate] = key.jwk.x5c ?? []
      const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`
      await compactVerify(token, await importX509(pem, 'RS256'))
    }
  })
})

test.runIf(hasSharedVectors)('metadata and keys have what was recorded', async () => {
  const all = JSON.parse(readSharedText('maa/recordings-decoded.json')) as readonly {
    readonly recording: string
    readonly exchanges: readonly {
      readonly path: string
      readonly status: number
      readonly body_keys?: readonly string[]
    }[]
  }[]
  const exchanges = all
    .filter(({ recording }) => recording.includes('MetadataTests'))
    .flatMap((one) => one.exchanges)
  expect(exchanges).toHaveLength(6)
  const { ask, instance } = await administered(database, { mode: 'entra' })
  for (const { path, status, body_keys: names } of exchanges) {
    const answer = await ask('GET', path)
    expect(answer.status).toBe(status)
    if (names !== undefined) {
      expect(Object.keys(answer.body)).toEqual(expect.arrayContaining([...names]))
      continue
    }
    for (const key of answer.body['keys'] as readonly object[]) {
      expect(key).toMatchObject({
        kty: 'RSA',
        kid: expect.any(String),
        x5c: [expect.any(String)],
      })
    }
  }
  expect((await ask('GET', '/.well-known/openid-configuration')).body).toMatchObject({
    revocation_endpoint: `${instance.issuer}/revoke`,
  })
  const revoked = await ask('POST', '/revoke', {
    body: 'token=any',
    contentType: 'application/x-www-form-urlencoded',
  })
  expect([revoked.status, revoked.body]).toMatchObject([
    400,
    { error: 'unsupported_token_type', code: 'revocation-unsupported' },
  ])
})

/** Recordings keep answers only. What was set is what was got afterwards; a reset was asked for without a signature. */
async function bodyOf(
  { method, path }: Exchange,
  later: readonly Exchange[],
): Promise<{ readonly body?: string; readonly contentType?: string }> {
  if (method === 'GET') return {}
  if (path.startsWith('/certificates:')) {
    const signer = await createTestSigner('whoever')
    const jws = await signed(signerPayload(signer), signer)
    return { body: JSON.stringify(jws), contentType: 'application/json' }
  }
  const set = later.find((one) => one.method === 'GET')?.token_claims?.['x-ms-policy']
  return { body: method === 'PUT' ? String(set) : unsecured('') }
}

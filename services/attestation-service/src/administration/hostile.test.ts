/** Whatever strangers send is answered, and changes nothing. */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { type Database, openStore } from '../store/open-store.ts'
import {
  type Administered,
  administered,
  azure,
  bearerOf,
} from '../testing/administered.fixtures.ts'
import {
  createTestSigner,
  permitAll,
  policyPayload,
  signed,
  signerPayload,
  type TestSigner,
} from '../testing/policy-signer.fixtures.ts'

let postgres: TestPostgres
let database: Database
let signer: TestSigner
let world: Administered
let reader: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  signer = await createTestSigner('signer', { algorithm: 'ES256' })
  world = await administered(database, { mode: 'isolated', signers: [signer] })
  reader = await bearerOf(['reader'])
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

async function state(): Promise<unknown> {
  return postgres.run(
    `select (select sum(sequence) from attestation.policy_state) as states,
            (select count(*) from attestation.policy_event) as events`,
  )
}

const targets = [
  ['PUT', azure('/policies/SgxEnclave')],
  ['POST', azure('/policies/SgxEnclave:reset')],
  ['POST', azure('/certificates:add')],
  ['POST', azure('/certificates:remove')],
] as const

const base64Url = fc
  .uint8Array({ maxLength: 64 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
const jsonPart = fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text).toString('base64url'))
const header = fc
  .record(
    {
      alg: fc.oneof(fc.constantFrom('none', 'RS256', 'ES256', 'HS256'), fc.jsonValue()),
      x5c: fc.oneof(fc.array(fc.base64String()), fc.jsonValue()),
      jwk: fc.oneof(
        fc.record({ kty: fc.constantFrom('RSA', 'EC'), n: fc.base64String() }),
        fc.jsonValue(),
      ),
      crit: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.oneof(header, jsonPart, base64Url), fc.oneof(jsonPart, base64Url), base64Url)
    .map((parts) => parts.join('.')),
  fc.json(),
)

test('no text makes a route fail, and none by somebody unknown changes or records anything', async () => {
  const before = await state()
  await fc.assert(
    fc.asyncProperty(anything, fc.constantFrom(...targets), async (body, [method, path]) => {
      const { status } = await world.ask(method, path, { body })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
    }),
    { numRuns: 400 },
  )
  expect(await state()).toEqual(before)
})

test('a signed request with one character changed is nobody’s', async () => {
  const texts = [
    ['PUT', azure('/policies/SgxEnclave'), await signed(policyPayload(permitAll), signer)],
    ['POST', azure('/certificates:add'), await signed(signerPayload(signer), signer)],
  ] as const
  const before = await state()
  for (const [method, path, text] of texts) {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
        async (index, character) => {
          fc.pre(text[index] !== character)
          const body = text.slice(0, index) + character + text.slice(index + 1)
          const { status } = await world.ask(method, path, { body })
          expect([400, 403]).toContain(status)
        },
      ),
      { numRuns: 200 },
    )
  }
  expect(await state()).toEqual(before)
})

test('what no query or path expects is answered too', async () => {
  await fc.assert(
    fc.asyncProperty(fc.webQueryParameters(), fc.webSegment(), async (query, segment) => {
      for (const path of [
        `/policies/SgxEnclave/history?${query}`,
        `/policies/${segment}/history`,
        `/policies/SgxEnclave/versions/${segment}`,
        `/approvals/${segment}`,
      ]) {
        const method = path.startsWith('/approvals') ? 'POST' : 'GET'
        const { status } = await world.ask(method, path, { authorization: reader })
        expect(status).toBeLessThan(500)
      }
    }),
    { numRuns: 100 },
  )
})

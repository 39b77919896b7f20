import { systemRandom } from '@sealward/enclave/server'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAttestationService } from './app.ts'
import { type Attester, attestBodyOf, createAttester } from './testing/attester.fixtures.ts'
import { badBodies } from './testing/bad-bodies.fixtures.ts'

let attester: Attester
let server: ReturnType<typeof createAttestationService>
beforeAll(async () => {
  attester = await createAttester()
  server = createAttestationService(attester.deps)
})
afterAll(async () => {
  await server.close()
  await attester.close()
})

/** Strangers come from one address, and those who are served from another: their rates are apart. */
async function attestFrom(
  address: string,
  body: Buffer,
): Promise<{ readonly status: number; readonly json: Readonly<Record<string, unknown>> }> {
  const answer = await server.app.inject({
    method: 'POST',
    url: '/attest/SgxEnclave?api-version=2025-06-01',
    headers: { 'content-type': 'application/json' },
    remoteAddress: address,
    body,
  })
  return { status: answer.statusCode, json: answer.json() }
}

async function goodBody(): Promise<Buffer> {
  const identity = await attester.workload()
  return Buffer.from(JSON.stringify(await attestBodyOf(identity)))
}

async function claimsFor(body: Buffer): Promise<Readonly<Record<string, unknown>>> {
  const { status, json } = await attestFrom('192.0.2.1', body)
  expect(status).toBe(200)
  const { jti, ...claims } = decodeJwt(String(json['token']))
  expect(jti).toMatch(/^[0-9a-f]{64}$/)
  return claims
}

test('a thousand bad requests of every kind change nothing for good ones', async () => {
  const good = await goodBody()
  const other = await goodBody()
  const before = await claimsFor(good)
  const kinds = badBodies([good, other])
  expect(kinds.length).toBeGreaterThan(10)
  for (const { name, body, status } of kinds) {
    const answers = new Map<number, number>()
    for (let batch = 0; batch < 20; batch++) {
      const some = Array.from({ length: 50 }, () =>
        attestFrom(`198.51.100.${systemRandom.bytes(1)[0]}`, body),
      )
      for (const answer of await Promise.all(some)) {
        answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1)
      }
    }
    expect([name, [...answers]]).toEqual([name, [[status, 1000]]])
    expect(await claimsFor(good)).toEqual(before)
  }
}, 120_000)

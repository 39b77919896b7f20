import { generateKeyPairSync } from 'node:crypto'
import { createSampleVendor } from '@sealward/attestation/sample'
import { systemClock as clock } from '@sealward/enclave/server'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startAttestationService,
  type TestAttestationService,
} from '../../../../packages/enclave/src/testing/attestation-service.ts'
import { type Authorities, createAuthorities } from './authorities.ts'

let service: TestAttestationService
let production: Authorities
let development: Authorities

beforeAll(async () => {
  service = await startAttestationService(await createSampleVendor({ at: clock.now() }), clock)
  const { issuer, policyHash, signer } = service
  const named = { issuer, signers: [signer], policyHashes: [policyHash] }
  production = createAuthorities([{ ...named, development: false }], { clock })
  development = createAuthorities([{ ...named, development: true }], { clock })
}, 60_000)
afterAll(async () => {
  for (const one of [production, development, service]) await one.close()
})

async function believed(
  authorities: Authorities,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const verified = await authorities.verify(
    await service.issue({
      'x-ms-attestation-type': 'sgx',
      'x-ms-policy-hash': service.policyHash,
      'x-sealward-simulated': false,
      ...claims,
    }),
  )
  return verified.ok ? 'believed' : verified.problem.code
}

test.each<[claims: Readonly<Record<string, unknown>>, outcome: string]>([
  [{ 'x-ms-sgx-is-debuggable': false }, 'believed'],
  [{ 'x-ms-sgx-is-debuggable': true }, 'debug'],
  [{ 'x-ms-sgx-is-debuggable': 'false' }, 'debug'],
  [{ 'x-ms-attestation-type': 'sevsnpvm', 'x-ms-sevsnpvm-is-debuggable': false }, 'believed'],
  [{ 'x-ms-attestation-type': 'sevsnpvm', 'x-ms-sevsnpvm-is-debuggable': true }, 'debug'],
  // Azure's tokens about trust domains name a profile as well, and are read as what they are.
  [{ eat_profile: 'https://aka.ms/maa-eat-profile-tdxvm', dbgstat: 'disabled' }, 'believed'],
  [{ eat_profile: 'https://aka.ms/maa-eat-profile-tdxvm', dbgstat: 'enabled' }, 'debug'],
  [{ 'x-ms-sgx-is-debuggable': false, dbgstat: 'enabled' }, 'debug'],
  [{}, 'debug'],
  [{ 'x-ms-sgx-is-debuggable': false, 'x-sealward-simulated': true }, 'simulated'],
  [{ 'x-ms-sgx-is-debuggable': false, 'x-sealward-simulated': undefined }, 'simulated'],
  [{ 'x-ms-sgx-is-debuggable': false, 'x-ms-policy-hash': 'A'.repeat(43) }, 'wrong-policy'],
])('whatever a release policy says, %j is %s', async (claims, outcome) => {
  expect(await believed(production, claims)).toBe(outcome)
})

test('for development, a debugged enclave is its release policy’s affair', async () => {
  const claims = { 'x-ms-sgx-is-debuggable': true, 'x-sealward-simulated': true }
  expect(await believed(development, claims)).toBe('believed')
})

test('a stranger’s key is not believed under the name of a known issuer', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const token = await new SignJWT({ 'x-ms-attestation-type': 'sgx', iss: service.issuer })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'stranger' })
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime('1h')
    .sign(privateKey)
  expect(await production.verify(token)).toMatchObject({ problem: { code: 'unknown-signer' } })
})

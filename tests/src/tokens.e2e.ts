import { bytesOfHex } from '@sealward/attestation/bytes'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { type SigningKeys, verifyChallenge, verifyDenyList } from '@sealward/attestation/token'
import {
  type AttestedTls,
  connectAttested,
  createAttestedTls,
} from '@sealward/enclave/attested-tls'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/effects'
import { createPcsClient } from '@sealward/enclave/endorsements'
import { createSampleTee } from '@sealward/enclave/evidence'
import {
  createDenyListKeeper,
  createIdentity,
  createPassport,
  createSignerKeys,
  type Passport,
} from '@sealward/enclave/identity'
import { initTimeDataOf, isvSvn, productIds } from '@sealward/local/parties'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contactProvider } from './contact-provider.fixtures.ts'
import { startTestStack, type TestStack } from './stack-fixture.ts'

// Tokens as a thief would use them, against the running gateway and the running provider.

let on: TestStack
interface Workload {
  readonly attested: AttestedTls
  readonly passport: Passport
}
let platform: Workload
let thief: Workload
const undo: (() => Promise<void>)[] = []

beforeAll(async () => {
  on = await startTestStack()
  platform = await attested(on)
  thief = await attested(on)
})
afterAll(async () => {
  for (const each of undo) await each()
  await on?.stop()
})

test('the way of an honest platform: provider and gateway let it in', async () => {
  expect(await askProvider(platform, await tokenFor('diagnostics'))).toMatchObject({
    status: 200,
  })
  expect(await authGateway(platform, await tokenFor('cache-gateway'))).toMatch(/^\+OK/)
})

test('a token for the cache is refused by the provider, and the other way round', async () => {
  const atProvider = await askProvider(platform, await tokenFor('cache-gateway'))
  expect(atProvider.status).toBe(401)
  expect(atProvider.body).toContain('wrong-audience')
  expect(await authGateway(platform, await tokenFor('diagnostics'))).toMatch(
    /^-WRONGPASS wrong-audience /,
  )
})

test('a token without its key is refused', async () => {
  const atProvider = await askProvider(thief, await tokenFor('diagnostics'))
  expect(atProvider.status).toBe(401)
  expect(atProvider.body).toContain('wrong-holder')
  expect(await authGateway(thief, await tokenFor('cache-gateway'))).toMatch(
    /^-WRONGPASS wrong-holder /,
  )
})

test('a token that was shown on one connection is refused on another', async () => {
  const token = await tokenFor('diagnostics')
  expect((await askProvider(platform, token)).status).toBe(200)
  const again = await askProvider(platform, token)
  expect(again.status).toBe(401)
  expect(again.body).toContain('replayed')
})

test('an attestation token is no access token, and nothing is no token', async () => {
  const passport = await platform.passport.token()
  if (!passport.ok) throw new Error(passport.problem.code)
  expect((await askProvider(platform, passport.value)).body).toContain('wrong-type')
  expect((await askProvider(platform, undefined)).status).toBe(401)
  expect(await authGateway(platform, 'no.token.at-all')).toMatch(/^-WRONGPASS token-malformed /)
})

test('a purpose that is not theirs is refused by both', async () => {
  const audience = (role: string): string => `${on.stack.agreement.deployment}:${role}`
  const token = async (role: string, purpose: string): Promise<string> => {
    const given = await platform.passport.accessToken(audience(role), purpose)
    if (!given.ok) throw new Error(given.problem.code)
    return given.value.token
  }
  const atProvider = await askProvider(platform, await token('diagnostics', 'cache'))
  expect(atProvider.body).toContain('wrong-purpose')
  expect(await authGateway(platform, await token('cache-gateway', 'interpretation'))).toMatch(
    /^-WRONGPASS wrong-purpose /,
  )
})

test('the running service publishes a deny list that its own pinned key signed, and challenges', async () => {
  const { agreement, attestationUrl } = on.stack
  const { issuer, signers } = agreement.attestation
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> =>
    (await (await fetch(`${attestationUrl}${path}`, init)).json()) as Record<string, unknown>
  const jwks = (await json('/certs')) as unknown as SigningKeys
  const trust = { issuer, signers, jwks, at: clock.now(), clockSkewSeconds: 30 }
  const list = await verifyDenyList(String((await json('/deny-list'))['token']), trust)
  expect(list).toMatchObject({ ok: true, value: { denied: { measurement: new Set() } } })
  const { challenge } = await json('/challenge', { method: 'POST' })
  expect(await verifyChallenge(String(challenge), trust)).toMatchObject({ ok: true })
  expect(await verifyDenyList(String(challenge), trust)).toMatchObject({
    problem: { code: 'wrong-type' },
  })
})

async function tokenFor(role: 'cache-gateway' | 'diagnostics'): Promise<string> {
  const audience = `${on.stack.agreement.deployment}:${role}`
  const purpose = role === 'diagnostics' ? 'interpretation' : 'cache'
  const token = await platform.passport.accessToken(audience, purpose)
  if (!token.ok) throw new Error(token.problem.code)
  return token.value.token
}

/** Keys and tokens as the genuine platform has them: the test holds the sample vendor, as no operator could. */
async function attested({ stack }: TestStack): Promise<Workload> {
  const { agreement, vendor, enclaves, attestationUrl, pcsUrl } = stack
  const tee = await createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(initTimeDataOf(agreement, 'platform', enclaves.configIds)),
    mrEnclave: bytesOf(agreement.measurements.platform),
    mrSigner: bytesOf(agreement.signers.platform),
    isvProdId: productIds.platform,
    isvSvn,
    hostSecret: random.bytes(32),
  })
  const endorsements = createPcsClient({ baseUrl: pcsUrl, clock })
  const identity = await createIdentity({ tee, endorsements, clock, random })
  const { issuer, signers } = agreement.attestation
  const signerKeys = createSignerKeys({ url: attestationUrl, clock })
  const denyList = createDenyListKeeper({ url: attestationUrl, issuer, signers, signerKeys, clock })
  undo.push(() => denyList.close())
  undo.push(() => signerKeys.close())
  const { initTimeData } = tee
  const trust = { initTimeData, attestationUrl, signerKeys, denyList, clock, random }
  const attestation = { issuer, url: attestationUrl }
  return {
    attested: createAttestedTls({ identity, trust, endorsements }),
    passport: createPassport({ identity, attestation, clock, random }),
  }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = bytesOfHex(hex)
  if (bytes === undefined) throw new Error('not hex')
  return bytes
}

function askProvider(who: Workload, token: string | undefined): ReturnType<typeof contactProvider> {
  const port = Object.values(on.stack.enclaves.diagnostics.ports)[0] ?? 0
  return contactProvider(port, who.attested, token)
}

async function authGateway({ attested: by }: Workload, token: string): Promise<string> {
  const port = Object.values(on.stack.enclaves.cacheGateway.ports)[0] ?? 0
  const connection = await connectAttested(by, { host: '127.0.0.1', port, role: 'cache-gateway' })
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket } = connection.value
  const answer = new Promise<string>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  )
  socket.write(`*2\r\n$4\r\nAUTH\r\n$${token.length}\r\n${token}\r\n`)
  const text = await answer
  socket.destroy()
  return text
}

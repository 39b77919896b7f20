import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOfBase64Url, ok } from '@sealward/attestation/bytes'
import { encodeInitTimeData, type InitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor } from '@sealward/attestation/sample'
import { attestationClaimsOf, type SigningJwk, signerOf } from '@sealward/attestation/token'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import { createSampleTee } from '@sealward/enclave/evidence'
import { createIdentity } from '@sealward/enclave/identity'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/server'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createOwnProof } from './own-proof.ts'

const issuer = 'http://attestation.test'
const policyHash = 'A'.repeat(43)
/** Whether whoever stands in the attestation service's place gives an old token for every question. */
let replaying = false
let first: string | undefined
let server: Server
let proof: () => ReturnType<typeof createOwnProof>

beforeAll(async () => {
  const vendor = await createSampleVendor({ at: clock.now() })
  const roots = [vendor.rootSpkiSha256]
  const service = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...service.publicKey.export({ format: 'jwk' }), kid: 'service' } as SigningJwk
  const initTimeData: InitTimeData = {
    version: 1,
    deployment: 'urn:uuid:2b2b7c0e-3a54-4c7e-9a9e-0d0d5f6a7b11',
    role: 'platform',
    attestation: {
      issuer,
      signers: [(await signerOf(jwk)) ?? ''],
      policyHashes: [policyHash],
    },
    peers: [],
    development: true,
    roots,
  }
  const endorsements = {
    endorsementsFor: async () =>
      ok(await vendor.endorsements({ at: clock.now(), lifetimeSeconds: 3600 })),
    close: async () => {},
  }
  const tee = await createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(initTimeData),
    mrEnclave: createHash('sha256').update('platform').digest(),
    mrSigner: createHash('sha256').update('vendor').digest(),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32),
  })
  const identity = await createIdentity({ tee, endorsements, random, clock })

  const tokenFor = async (body: string): Promise<string> => {
    const { quote, ...given } = JSON.parse(body)
    const bytes = (text: string): Uint8Array => bytesOfBase64Url(text) ?? new Uint8Array()
    const evidence = await verifySgxEvidence({
      quote: bytes(quote),
      endorsements: (await endorsements.endorsementsFor()).value,
      roots,
      at: clock.now(),
    })
    if (!evidence.ok) throw new Error(evidence.problem.code)
    const claims = await attestationClaimsOf({
      evidence: evidence.value,
      runtimeData: { data: bytes(given.runtimeData.data), dataType: 'JSON' },
      initTimeData: { data: bytes(given.initTimeData.data), dataType: 'JSON' },
    })
    if (!claims.ok) throw new Error(claims.problem.code)
    return new SignJWT({ ...claims.value, jti: 'one', 'x-ms-policy-hash': policyHash })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'service' })
      .setIssuer(issuer)
      .setIssuedAt()
      .setNotBefore(clock.now())
      .setExpirationTime('1h')
      .sign(service.privateKey)
  }
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const token = await tokenFor(body)
    first ??= token
    response.end(JSON.stringify({ token: replaying ? first : token }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const keys = async () => ok({ keys: [jwk] })
  const signerKeys = { keys, refresh: keys, close: async () => {} }
  const attestationUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const denyList = {
    trust: async () => ok({ unchecked: 'not what is tested here' }),
    close: async () => {},
  }
  const trust = { initTimeData, attestationUrl, signerKeys, denyList, clock, random }
  proof = () => createOwnProof({ identity, trust })
}, 30_000)

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

test('the proof is evidence and a token about this very evidence', async () => {
  expect(await proof()()).toMatchObject({ ok: true, value: { token: { policyHash } } })
})

test('a token about other evidence, though genuine, is refused: no receipt with it would verify', async () => {
  replaying = true
  expect(await proof()()).toMatchObject({ ok: false, problem: { code: 'token-disagrees' } })
})

import 'reflect-metadata'
import { createPrivateKey, generateKeyPairSync, verify, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { type Bytes, bytesOf, concat, utf8Of } from '@sealward/attestation/bytes'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemFiles } from './device-files.ts'
import { systemError } from './fake-tsm.fixtures.ts'
import { driverLimits } from './limits.ts'
import { createSconeSource } from './scone.ts'

const reportData = bytesOf(64, new Uint8Array(64).fill(7)) as Bytes<64>
let folder: string
let chain: string
let key: string

/** What CAS issues for a secret of kind `x509` with an issuer of kind `x509-ca`. */
async function issued(curve: 'P-256' | 'P-384'): Promise<{ chain: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
  const ca = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const leaf = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const dates = {
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2036-01-01T00:00:00Z'),
    signingAlgorithm: algorithm,
  }
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    name: 'CN=session',
    keys: ca,
    extensions: [new x509.BasicConstraintsExtension(true)],
  })
  const certificate = await x509.X509CertificateGenerator.create({
    ...dates,
    subject: 'CN=application',
    issuer: root.subject,
    publicKey: leaf.publicKey,
    signingKey: ca.privateKey,
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', leaf.privateKey))
  return {
    chain: `${certificate.toString('pem')}\n${root.toString('pem')}\n`,
    key: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
      .export({ format: 'pem', type: 'pkcs8' })
      .toString(),
  }
}

beforeAll(async () => {
  ;({ chain, key } = await issued('P-384'))
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-scone-'))
  await injected(chain, key)
})
afterEach(() => rm(folder, { recursive: true }))

async function injected(certificates: string | Uint8Array, privateKey: string): Promise<void> {
  await writeFile(join(folder, 'chain.pem'), certificates)
  await writeFile(join(folder, 'key.pem'), privateKey)
}

const ask = (files = systemFiles) =>
  createSconeSource({
    certificatesFile: join(folder, 'chain.pem'),
    privateKeyFile: join(folder, 'key.pem'),
    files,
  }).evidence(reportData)

test.each([
  ['P-256', 'sha256'],
  ['P-384', 'sha384'],
] as const)('a key on %s signs the report data with %s', async (curve, hash) => {
  const { chain: certificates, key: privateKey } = await issued(curve)
  await injected(certificates, privateKey)
  const evidence = await ask()
  if (!evidence.ok) throw new Error(evidence.problem.code)
  const [leaf, root] = evidence.value.certificates.map((der) => new X509Certificate(der))
  if (leaf === undefined || root === undefined) throw new Error('two certificates')
  expect(leaf.verify(root.publicKey)).toBe(true)
  const valid = (over: Uint8Array): boolean =>
    verify(hash, over, { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' }, evidence.value.signature)
  expect(valid(concat(utf8Of('sealward scone evidence 1\0'), reportData))).toBe(true)
  expect(valid(reportData)).toBe(false)
})

test('a certificate about another key is refused', async () => {
  await injected(chain, (await issued('P-384')).key)
  expect(await ask()).toMatchObject({ problem: { code: 'evidence-malformed', at: 'certificates' } })
})

test('a variable that nobody replaced is no attestation', async () => {
  await injected('$$SCONE::SERVER_CERT:chain$$', key)
  expect(await ask()).toMatchObject({ problem: { code: 'attestation-type-unsupported' } })
})

test('files that are missing, empty, closed to us or something else are refused', async () => {
  await injected(chain, '')
  expect(await ask()).toMatchObject({ problem: { code: 'read-short', at: 'key.pem' } })
  await injected(chain, 'key')
  expect(await ask()).toMatchObject({ problem: { code: 'evidence-malformed', at: 'privatekey' } })
  await injected(Uint8Array.of(0xff), key)
  expect(await ask()).toMatchObject({ problem: { code: 'evidence-malformed', at: 'pem' } })
  await injected('no certificate', key)
  expect(await ask()).toMatchObject({ problem: { code: 'evidence-malformed', at: 'certificates' } })
  await injected('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', key)
  expect(await ask()).toMatchObject({ problem: { code: 'evidence-malformed', at: 'certificates' } })
  await rm(join(folder, 'chain.pem'))
  expect(await ask()).toMatchObject({ problem: { code: 'device-missing', at: 'chain.pem' } })
  const closed = {
    ...systemFiles,
    open: async () => {
      throw systemError('EACCES')
    },
  }
  expect(await ask(closed)).toMatchObject({ problem: { code: 'device-not-permitted' } })
})

test('a key of another kind is refused', async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  await injected(chain, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  expect(await ask()).toMatchObject({
    problem: { code: 'attestation-type-unsupported', at: 'privatekey' },
  })
})

test('certificates on either side of their limits', async () => {
  const [leaf = '', root = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/)
  await injected(leaf + root.repeat(driverLimits.certificatesMax - 1), key)
  expect(await ask()).toMatchObject({ ok: true })
  await injected(leaf + root.repeat(driverLimits.certificatesMax), key)
  expect(await ask()).toMatchObject({ problem: { code: 'read-oversize', at: 'certificates' } })
  await injected(chain.padEnd(driverLimits.pemBytesMax), key)
  expect(await ask()).toMatchObject({ ok: true })
  await injected(chain.padEnd(driverLimits.pemBytesMax + 1), key)
  expect(await ask()).toMatchObject({ problem: { code: 'read-oversize', at: 'chain.pem' } })
})

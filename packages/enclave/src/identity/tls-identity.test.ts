import 'reflect-metadata'
import { X509Certificate as NodeCertificate } from 'node:crypto'
import { X509Certificate } from '@peculiar/x509'
import { expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import { createTlsIdentity } from './tls-identity.ts'

const at = Date.UTC(2026, 10, 23) / 1000
const identityAt = (instant: number): ReturnType<typeof createTlsIdentity> =>
  createTlsIdentity({ commonName: 'sealward platform', at: instant, random: systemRandom })

test('two other implementations read the certificate and verify its signature', async () => {
  const { certificate, certificatePem } = identityAt(at)
  const peculiar = new X509Certificate(certificate.slice().buffer)
  expect(peculiar.subject).toBe('CN=sealward platform')
  expect(peculiar.issuer).toBe(peculiar.subject)
  expect(peculiar.notBefore.toISOString()).toBe('2026-11-22T23:00:00.000Z')
  expect(peculiar.notAfter.toISOString()).toBe('9999-12-31T23:59:59.000Z')
  expect(await peculiar.verify({ signatureOnly: true })).toBe(true)
  const node = new NodeCertificate(certificatePem)
  expect(node.verify(node.publicKey)).toBe(true)
  expect(node.ca).toBe(false)
  expect(node.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
})

test('its digest is SHA-256 of the DER, as RFC 8705 has it', () => {
  const { certificatePem, certificateSha256 } = identityAt(at)
  const hex = new NodeCertificate(certificatePem).fingerprint256.replaceAll(':', '')
  expect(Buffer.from(certificateSha256, 'base64url').toString('hex')).toBe(hex.toLowerCase())
})

test('serial numbers are positive, 16 bytes long and never the same', () => {
  const serials = Array.from(
    { length: 50 },
    () => new NodeCertificate(identityAt(at).certificatePem).serialNumber,
  )
  expect(new Set(serials).size).toBe(50)
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
})

test('a certificate made after 2049 has a time that can be read', () => {
  const { certificatePem } = identityAt(Date.UTC(2050, 0, 2) / 1000)
  expect(new NodeCertificate(certificatePem).validFromDate.toISOString()).toBe(
    '2050-01-01T23:00:00.000Z',
  )
})

/** Two general libraries look at what ours writes and reads. */

import 'reflect-metadata'
import { createPublicKey, X509Certificate as NodeCertificate } from 'node:crypto'
import { X509Certificate, X509Crl } from '@peculiar/x509'
import { describe, expect, test } from 'vitest'
import { bufferSourceOf, bytesOfBase64, bytesOfHex, hexOf } from '../bytes/index.ts'
import { createSampleVendor } from '../sample/index.ts'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
} from '../verification/shared-vectors.fixtures.ts'
import {
  type Certificate,
  isSignedBy,
  parseCertificate,
  parseCertificateChain,
  parseCrl,
  sgxExtensionOid,
} from './index.ts'

const at = 1_795_392_000
const vendor = await createSampleVendor({ at })
const { certificates } = await vendor.export()
const issuers = { root: 'root', platformCa: 'root', tcbSigning: 'root', pck: 'platformCa' } as const
const names = Object.keys(issuers) as (keyof typeof issuers)[]

/** Intel's, every one once. */
const captured = [
  ...new Map(
    readCapturedVectors('sgx')
      .flatMap(({ endorsements }) => [
        endorsements?.pck_crl_issuer_chain,
        endorsements?.tcb_info_issuer_chain,
        endorsements?.pck_certificate_chain,
      ])
      .flatMap((pem) => pem?.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [])
      .map((pem) => [pem.replace(/\s/g, ''), pem]),
  ).values(),
]
process.stdout.write(
  hasSharedVectors ? `${captured.length} captured certificates read\n` : `${absentVectors}\n`,
)

describe.each(names)('the sample certificate %s', (name) => {
  const ours = parsed(name)

  test('says to a general library what it says to us', () => {
    const theirs = new X509Certificate(bufferSourceOf(ours.der))
    expect(theirs.subject).toBe(`CN=${ours.subjectCommonName}, O=Sealward Sample`)
    expect(theirs.issuer).toBe(`CN=${ours.issuerCommonName}, O=Sealward Sample`)
    expect(theirs.serialNumber).toBe(ours.serialNumber)
    expect(theirs.notBefore.getTime() / 1000).toBe(ours.notBefore)
    expect(theirs.notAfter.getTime() / 1000).toBe(ours.notAfter)
    expect(hexOf(new Uint8Array(theirs.publicKey.rawData))).toBe(hexOf(ours.spki))
    expect(theirs.extensions.some(({ type }) => type === sgxExtensionOid)).toBe(name === 'pck')
    expect(ours.sgx !== undefined).toBe(name === 'pck')
  })

  test('is signed by its issuer, and by nobody else, in the eyes of three', async () => {
    for (const other of names) {
      const isIssuer = other === issuers[name]
      const issuer = parsed(other)
      expect(await isSignedBy(ours, issuer)).toBe(isIssuer)
      const publicKey = createPublicKey({
        key: Buffer.from(issuer.spki),
        format: 'der',
        type: 'spki',
      })
      expect(new NodeCertificate(ours.der).verify(publicKey)).toBe(isIssuer)
      const theirs = new X509Certificate(bufferSourceOf(ours.der))
      const theirIssuer = new X509Certificate(bufferSourceOf(issuer.der))
      expect(await theirs.verify({ publicKey: theirIssuer.publicKey, signatureOnly: true })).toBe(
        isIssuer,
      )
    }
  })

  test('is an authority exactly when it issues', () => {
    const issues = name === 'root' || name === 'platformCa'
    expect(ours.isCa).toBe(issues)
    expect(new NodeCertificate(ours.der).ca).toBe(issues)
    expect(ours.keyUsage).toEqual({
      digitalSignature: !issues,
      keyCertSign: issues,
      crlSign: issues,
    })
  })
})

test('a sample revocation list says to a general library what it says to us', async () => {
  const { pck_crl } = await vendor.endorsements({ at, lifetimeSeconds: 60, revoked: ['pck'] })
  const der = bytesOfHex(pck_crl) ?? new Uint8Array()
  const ours = parseCrl(der)
  if (!ours.ok) throw new Error(ours.problem.code)
  const theirs = new X509Crl(bufferSourceOf(der))
  expect(theirs.entries.map(({ serialNumber }) => serialNumber)).toEqual([
    parsed('pck').serialNumber,
  ])
  expect([...ours.value.revoked]).toEqual([parsed('pck').serialNumber])
  expect(theirs.thisUpdate.getTime() / 1000).toBe(ours.value.thisUpdate)
  expect((theirs.nextUpdate?.getTime() ?? 0) / 1000).toBe(ours.value.nextUpdate)
  const issuer = new X509Certificate(bufferSourceOf(parsed('platformCa').der))
  expect(await theirs.verify({ publicKey: issuer.publicKey })).toBe(true)
  expect(await isSignedBy(ours.value, parsed('platformCa'))).toBe(true)
  expect(await isSignedBy(ours.value, parsed('root'))).toBe(false)
})

test.each(captured)("Intel's certificates are read as Node reads them: %#", (pem) => {
  const chain = parseCertificateChain(pem)
  const ours = chain.ok ? chain.value[0] : undefined
  if (ours === undefined) throw new Error('not read')
  const theirs = new NodeCertificate(pem)
  expect(ours.serialNumber.replace(/^00/, '')).toBe(theirs.serialNumber.toLowerCase())
  expect(ours.notBefore).toBe(Date.parse(theirs.validFrom) / 1000)
  expect(ours.notAfter).toBe(Date.parse(theirs.validTo) / 1000)
  expect(theirs.subject.split('\n')).toContain(`CN=${ours.subjectCommonName}`)
  expect(theirs.issuer.split('\n')).toContain(`CN=${ours.issuerCommonName}`)
  expect(ours.isCa).toBe(theirs.ca)
  expect(hexOf(ours.spki)).toBe(
    theirs.publicKey.export({ format: 'der', type: 'spki' }).toString('hex'),
  )
})

function parsed(name: keyof typeof issuers): Certificate {
  const certificate = parseCertificate(bytesOfBase64(certificates[name]) ?? new Uint8Array())
  if (!certificate.ok) throw new Error(certificate.problem.code)
  return certificate.value
}

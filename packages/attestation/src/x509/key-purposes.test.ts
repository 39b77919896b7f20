import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { certificate, der, oid } from '../evidence/cose-sign1.fixtures.ts'
import { isSignedBy, parseCertificate } from './index.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const fields = { name: 'A', issuer: 'A', key: privateKey, signer: privateKey }
const withPurposes = (...purposes: readonly string[]): Uint8Array =>
  certificate({
    ...fields,
    extensions: [['2.5.29.37', der(0x30, ...purposes.map((purpose) => oid(purpose)))]],
  })

test('purposes are read; without the extension there are none to compare', () => {
  expect(
    parseCertificate(withPurposes('1.3.6.1.5.5.7.3.3', '1.3.6.1.4.1.311.76.59.1.2')),
  ).toMatchObject({
    ok: true,
    value: { extendedKeyUsage: ['1.3.6.1.5.5.7.3.3', '1.3.6.1.4.1.311.76.59.1.2'] },
  })
  expect(parseCertificate(certificate(fields))).toMatchObject({
    ok: true,
    value: { extendedKeyUsage: undefined },
  })
})

test('no purpose, and more than sixteen, are refused', () => {
  const many = Array.from({ length: 17 }, (_, number) => `1.2.3.${number}`)
  for (const refused of [withPurposes(), withPurposes(...many)]) {
    expect(parseCertificate(refused)).toMatchObject({
      ok: false,
      problem: { code: 'certificate-malformed' },
    })
  }
  expect(parseCertificate(withPurposes(...many.slice(1)))).toMatchObject({ ok: true })
})

test('a key of P-384 may sign with SHA-256', async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const parsed = parseCertificate(certificate({ ...fields, key, signer: key }))
  expect(parsed).toMatchObject({
    ok: true,
    value: { signature: { algorithm: 'ecdsa-p384-sha256' }, publicKey: { kind: 'p384' } },
  })
  expect(parsed.ok && (await isSignedBy(parsed.value, parsed.value))).toBe(true)
  const other = parseCertificate(certificate({ ...fields, signer: key }))
  expect(other.ok && (await isSignedBy(other.value, other.value))).toBe(false)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hclWorld, tpmtSignatureOf } from './hcl-report.fixtures.ts'
import { parseHclReport, parseTpmQuote, parseTpmSignature } from './index.ts'

const world = hclWorld()

test('a report gives the key, the configuration and what the guest asked to have bound', () => {
  expect(parseHclReport(world.hclReport)).toMatchObject({
    ok: true,
    value: {
      hardwareReport: { kind: 'snp', report: new Uint8Array(1184).fill(5) },
      hashAlgorithm: 'SHA-256',
      attestationKey: { kind: 'rsa' },
      endorsementKey: undefined,
      configuration: { secureBoot: true, tpmEnabled: true, consoleEnabled: false, vmUniqueId: 'A' },
      userData: new Uint8Array(64).fill(7),
      trailingBytes: 40,
    },
  })
})

test('a report of TDX gives 1024 bytes of the area', () => {
  expect(parseHclReport(hclWorld({ reportType: 4, hashType: 3 }).hclReport)).toMatchObject({
    ok: true,
    value: {
      hardwareReport: { kind: 'tdx', tdReport: new Uint8Array(1024).fill(5) },
      hashAlgorithm: 'SHA-512',
    },
  })
})

test.each([
  ['another magic number', 0, 'hcl-not-a-report'],
  ['another version', 4, 'unsupported-version'],
  ['another length', 8, 'hcl-length-mismatch'],
  ['a reserved field', 20, 'reserved-not-zero'],
  ['another length of the request', 1216, 'hcl-length-mismatch'],
  ['another version of the request', 1220, 'unsupported-version'],
  ['another report type', 1224, 'hcl-unsupported-report-type'],
  ['another hash', 1228, 'hcl-unsupported-hash-type'],
  ['JSON that ends early', 1232, 'hcl-length-mismatch'],
])('%s is refused', (_, offset, code) => {
  const changed = new Uint8Array(world.hclReport)
  changed[offset] = (changed[offset] ?? 0) ^ 0x10
  expect(parseHclReport(changed)).toMatchObject({ ok: false, problem: { code } })
})

test.each([
  ['no key', { keys: [] }, 'hcl-key-malformed'],
  [
    'a key of 16 bits',
    { keys: [{ kid: 'HCLAkPub', kty: 'RSA', e: 'AQAB', n: 'AQAB' }] },
    'hcl-key-malformed',
  ],
  ['a key of another type', { keys: [{ kid: 'HCLAkPub', kty: 'EC' }] }, 'wrong-value'],
  ['no list of keys', {}, 'field-missing'],
  ['a list', [], 'wrong-type'],
  [
    'text that is not base64url',
    { keys: [{ kid: 'HCLAkPub', kty: 'RSA', e: '=', n: '' }] },
    'wrong-value',
  ],
])('%s is refused', (_, data, code) => {
  expect(parseHclReport(hclWorld({ variableData: () => data }).hclReport)).toMatchObject({
    ok: false,
    problem: { code },
  })
})

test('the attestation key twice is refused', () => {
  const twice = hclWorld({
    variableData: (data) => ({ ...data, keys: [data['keys'], data['keys']].flat() }),
  })
  expect(parseHclReport(twice.hclReport)).toMatchObject({
    ok: false,
    problem: { code: 'hcl-key-malformed' },
  })
})

test('every prefix that ends before the report does is refused', () => {
  for (let length = 0; length < world.hclReport.length - 40; length++) {
    expect(parseHclReport(world.hclReport.subarray(0, length))).toMatchObject({ ok: false })
  }
  expect(parseHclReport(new Uint8Array(16_385))).toMatchObject({
    ok: false,
    problem: { code: 'hcl-report-too-large' },
  })
})

test('a quote gives nonce, clock, registers and their digest', () => {
  expect(parseTpmQuote(world.message)).toMatchObject({
    ok: true,
    value: {
      extraData: world.nonce,
      clock: 256n,
      resetCount: 3,
      restartCount: 4,
      isClockSafe: true,
      firmwareVersion: 0x2020_0312_0012_0003n,
      selections: [{ bank: 'SHA-256', pcrs: [0, 1, 9] }],
    },
  })
})

test.each([
  ['not made by a TPM', 0, 'tpm-not-generated'],
  ['attests something else', 5, 'tpm-not-a-quote'],
  ['a name that is longer than all', 6, 'truncated'],
  ['a clock neither safe nor not', 37, 'tpm-value-malformed'],
  ['many banks', 48, 'tpm-value-malformed'],
  ['a bank of another hash', 51, 'tpm-unsupported-algorithm'],
])('a quote that is %s is refused', (_, offset, code) => {
  const changed = new Uint8Array(world.message)
  changed[offset] = (changed[offset] ?? 0) ^ 0x22
  expect(parseTpmQuote(changed)).toMatchObject({ ok: false, problem: { code } })
})

test('every proper prefix of a quote is refused, and so is one byte more', () => {
  for (let length = 0; length < world.message.length; length++) {
    expect(parseTpmQuote(world.message.subarray(0, length))).toMatchObject({ ok: false })
  }
  expect(parseTpmQuote(new Uint8Array([...world.message, 0]))).toMatchObject({
    ok: false,
    problem: { code: 'trailing-bytes' },
  })
})

test('a TPMT_SIGNATURE names its algorithm', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  expect(parseTpmSignature(tpmtSignatureOf(bytes))).toEqual({
    ok: true,
    value: { algorithm: 'rsa-pkcs1-sha256', bytes },
  })
  expect(parseTpmSignature(tpmtSignatureOf(bytes, 0x16))).toMatchObject({
    ok: true,
    value: { algorithm: 'rsa-pss-sha256' },
  })
  expect(parseTpmSignature(tpmtSignatureOf(bytes, 0x18))).toMatchObject({
    ok: false,
    problem: { code: 'tpm-unsupported-algorithm' },
  })
})

test('no bytes make them throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), fc.nat(), (bytes, offset) => {
      const changed = new Uint8Array(world.hclReport)
      changed.set(bytes.subarray(0, 64), offset % (changed.length - 64))
      parseHclReport(changed)
      parseHclReport(bytes)
      parseTpmQuote(bytes)
      parseTpmSignature(bytes)
    }),
  )
})

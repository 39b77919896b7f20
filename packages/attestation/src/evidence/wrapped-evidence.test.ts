import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64UrlOf, bytesOfHex, concat, hexOf, utf8Of } from '../bytes/index.ts'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
} from '../verification/shared-vectors.fixtures.ts'
import { pemOf } from '../x509/index.ts'
import { certificate } from './cose-sign1.fixtures.ts'
import {
  parseAmdCertificateTable,
  parseAzureVtpmEvidence,
  parseMaaSnpReport,
  parseOpenEnclaveReport,
  parseSnpReport,
  parseThimCertificates,
  parseTsmReport,
} from './index.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const certificateOf = (name: string): Uint8Array =>
  certificate({ name, issuer: name, key: privateKey, signer: privateKey })
const [vcek, ask, ark] = ['VCEK', 'ASK', 'ARK'].map(certificateOf) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const json = (value: unknown): Uint8Array => utf8Of(JSON.stringify(value))
const bytes = Uint8Array.of(1, 2, 3)

const trustee = {
  version: 2,
  hcl_report: base64UrlOf(bytes),
  tpm_quote: { message: '0a', signature: '0b0c', pcrs: ['00', '01'] },
  vcek: base64UrlOf(vcek),
}
const parts = {
  hclReport: bytes,
  tpmQuote: {
    message: Uint8Array.of(10),
    signature: Uint8Array.of(11, 12),
    pcrs: [Uint8Array.of(0), Uint8Array.of(1)],
  },
}
const listed = { message: [10], signature: [11, 12], pcrs: [[0], [1]] }

test.each([
  ['version 0', { quote: listed, report: [1, 2, 3], vcek: pemOf(vcek) }, { kind: 'snp', vcek }],
  ['version 1', { ...trustee, version: 1 }, { kind: 'snp', vcek }],
  ['version 2', trustee, { kind: 'snp', vcek }],
  ['version 1 of TDX', { ...trustee, version: 1, td_quote: 'AQID' }, { kind: 'tdx', quote: bytes }],
  [
    'attested-tls',
    { tdx_quote_base64: 'AQID', hcl_report_base64: 'AQID', tpm_attestation: { quote: listed } },
    { kind: 'tdx', quote: bytes },
  ],
])('a collector’s %s gives the same parts', (_, value, hardware) => {
  expect(parseAzureVtpmEvidence(json(value))).toEqual({ ok: true, value: { ...parts, hardware } })
})

test('padding is read where a collector writes it, and only the right one', () => {
  const read = (hcl_report: string): unknown =>
    parseAzureVtpmEvidence(json({ ...trustee, hcl_report }))
  expect(read('AQIDBA==')).toMatchObject({ ok: true })
  for (const text of ['AQIDBA=', 'AQID=', 'AQIDBA===', 'AQ ID', 'AQ+/']) {
    expect(read(text)).toMatchObject({ ok: false, problem: { code: 'wrong-value' } })
  }
})

test.each([
  ['another version', { ...trustee, version: 3 }, 'wrong-value'],
  ['no quote', { ...trustee, tpm_quote: undefined }, 'field-missing'],
  ['no hardware', { ...trustee, vcek: undefined }, 'field-missing'],
  ['a certificate that is none', { ...trustee, vcek: 'AQID' }, 'der-malformed'],
  [
    'too many registers',
    { ...trustee, tpm_quote: { ...trustee.tpm_quote, pcrs: Array(25).fill('') } },
    'too-many',
  ],
  ['a number that is no byte', { quote: listed, report: [256], vcek: '' }, 'wrong-value'],
  ['a list', [], 'wrong-type'],
])('%s is refused', (_, value, code) => {
  expect(parseAzureVtpmEvidence(json(value))).toMatchObject({ ok: false, problem: { code } })
})

test('a report for Azure Attestation gives report, certificates and endorsements', () => {
  const chain = [vcek, ask, ark].map(pemOf).join('').replaceAll('\n', '\r\n')
  const report = {
    SnpReport: 'AQID',
    VcekCertChain: base64UrlOf(utf8Of(chain)),
    Endorsements: base64UrlOf(json({ Uvm: ['BA'] })),
  }
  const parsed = parseMaaSnpReport(json(report))
  expect(parsed).toMatchObject({
    ok: true,
    value: { report: bytes, uvmEndorsements: [Uint8Array.of(4)] },
  })
  expect(parsed.ok && parsed.value.certificates.map(({ der }) => der)).toEqual([vcek, ask, ark])
  const without = { ...report, Endorsements: undefined }
  expect(parseMaaSnpReport(json(without))).toMatchObject({
    ok: true,
    value: { uvmEndorsements: [] },
  })
  const broken = { ...report, Endorsements: base64UrlOf(json({ Uvm: 'BA' })) }
  expect(parseMaaSnpReport(json(broken))).toMatchObject({
    ok: false,
    problem: { code: 'wrong-type' },
  })
  const noChain = { ...report, VcekCertChain: 'AQID' }
  expect(parseMaaSnpReport(json(noChain))).toMatchObject({
    ok: false,
    problem: { code: 'pem-malformed' },
  })
})

test('what THIM serves gives certificates in order and the TCB that they are of', () => {
  const served = {
    vcekCert: pemOf(vcek),
    certificateChain: pemOf(ask) + pemOf(ark),
    tcbm: 'DB18000000000004',
    cacheControl: '86400',
  }
  const parsed = parseThimCertificates(json(served))
  expect(parsed).toMatchObject({ ok: true, value: { tcbm: 'db18000000000004' } })
  expect(parsed.ok && parsed.value.certificates.map(({ der }) => der)).toEqual([vcek, ask, ark])
  expect(parseThimCertificates(json({ ...served, tcbm: 'x' }))).toMatchObject({
    ok: false,
    problem: { code: 'wrong-value' },
  })
  expect(parseThimCertificates(json({ ...served, vcekCert: '' }))).toMatchObject({
    ok: false,
    problem: { code: 'pem-malformed' },
  })
})

const guids = {
  vcek: '63da758de6644564adc5f4b93be8accd',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
  other: '00112233445566778899aabbccddeeff',
}

/** A table whose contents follow in order. */
function tableOf(...entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  let offset = 24 * (entries.length + 1)
  const heads = entries.map(([guid, content]) => {
    const numbers = new Uint8Array(Uint32Array.of(offset, content.length).buffer)
    offset += content.length
    return concat(bytesOfHex(guid) ?? new Uint8Array(), numbers)
  })
  return concat(...heads, new Uint8Array(24), ...entries.map(([, content]) => content))
}

test('a certificate table gives certificates, DER or PEM, and the revocation list', () => {
  const table = tableOf(
    [guids.vcek, vcek],
    [guids.ark, utf8Of(pemOf(ark))],
    [guids.other, bytes],
    [guids.crl, bytes],
  )
  const parsed = parseAmdCertificateTable(table)
  expect(parsed).toMatchObject({ ok: true, value: { crl: bytes } })
  if (!parsed.ok) return
  const { certificates } = parsed.value
  expect([...certificates].map(([kind, { der }]) => [kind, der])).toEqual([
    ['vcek', vcek],
    ['ark', ark],
  ])
})

test.each([
  ['no end', tableOf([guids.ask, ask]).subarray(0, 24), 'truncated'],
  ['content beyond the end', tableOf([guids.ask, ask]).subarray(0, -1), 'truncated'],
  ['an entry twice', tableOf([guids.ask, ask], [guids.ask, ask]), 'amd-table-malformed'],
  ['a list twice', tableOf([guids.crl, bytes], [guids.crl, bytes]), 'amd-table-malformed'],
  [
    'two certificates in one entry',
    tableOf([guids.ask, utf8Of(pemOf(ask) + pemOf(ark))]),
    'pem-malformed',
  ],
  ['something else in an entry', tableOf([guids.ask, Uint8Array.of(5, 0)]), 'der-malformed'],
  [
    'many entries',
    tableOf(...Array.from({ length: 33 }, () => [guids.other, bytes] as const)),
    'amd-table-malformed',
  ],
  ['many bytes', new Uint8Array(131_073), 'amd-table-too-large'],
])('a certificate table with %s is refused', (_, table, code) => {
  expect(parseAmdCertificateTable(table)).toMatchObject({ ok: false, problem: { code } })
})

test('an Open Enclave report gives its quote', () => {
  const header = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0)
  const report = concat(header, bytes)
  expect(parseOpenEnclaveReport(report)).toEqual({ ok: true, value: bytes })
  const changed = (offset: number, value: number): Uint8Array => {
    const copy = new Uint8Array(report)
    copy[offset] = value
    return copy
  }
  const cases = [
    [changed(0, 2), 'unsupported-version'],
    [changed(4, 1), 'oe-unsupported-report-type'],
    [changed(8, 4), 'truncated'],
    [changed(15, 0xff), 'truncated'],
    [changed(8, 2), 'trailing-bytes'],
    [new Uint8Array(32_785), 'quote-too-large'],
  ] as const
  for (const [input, code] of cases) {
    expect(parseOpenEnclaveReport(input)).toMatchObject({ ok: false, problem: { code } })
  }
})

test('what configfs-tsm gave is read', () => {
  const report = { provider: 'sev_guest\n', outblob: 'AQID', auxblob: 'BA', generation: '1' }
  expect(parseTsmReport(json(report))).toEqual({
    ok: true,
    value: { provider: 'sev_guest', outblob: bytes, auxblob: Uint8Array.of(4) },
  })
  expect(parseTsmReport(json({ provider: 'tdx_guest', outblob: 'AQID' }))).toMatchObject({
    ok: true,
    value: { auxblob: undefined },
  })
  expect(parseTsmReport(json({ ...report, provider: 'arm_cca_guest' }))).toMatchObject({
    ok: false,
    problem: { code: 'wrong-value' },
  })
})

test('no bytes and no JSON make them throw', () => {
  const all = [
    parseAzureVtpmEvidence,
    parseMaaSnpReport,
    parseThimCertificates,
    parseTsmReport,
    parseAmdCertificateTable,
    parseOpenEnclaveReport,
  ]
  const names = ['version', 'report', 'vcek', 'SnpReport', 'vcekCert', 'outblob', 'provider']
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 96 }),
      fc.dictionary(fc.constantFrom(...names), fc.jsonValue()),
      (input, value) => {
        for (const parse of all) {
          parse(input)
          parse(json(value))
        }
      },
    ),
  )
})

test.skipIf(hasSharedVectors)(`captured files: ${absentVectors}`, () => {
  expect(hasSharedVectors).toBe(false)
})

describe.runIf(hasSharedVectors)('captured files', () => {
  const file = (name: string, of: string): Uint8Array =>
    readCapturedVectors('snp')
      .find((vector) => vector.name === name)
      ?.file(of) ?? new Uint8Array()

  test('azure-maa-sevsnp-request: report and certificates are those that the vector names', () => {
    const name = 'azure-maa-sevsnp-request'
    const parsed = parseMaaSnpReport(file(name, 'maa_report.json'))
    expect(parsed).toMatchObject({ ok: true })
    if (!parsed.ok) return
    expect(hexOf(parsed.value.report)).toBe(hexOf(file(name, 'report.bin')))
    expect(parsed.value.certificates.map(({ der }) => hexOf(der))).toEqual(
      ['vcek.der', 'ask.der', 'ark.der'].map((of) => hexOf(file(name, of))),
    )
  })

  test('veraison-genoa-v3: report and certificate table are those that the vector names', () => {
    const name = 'veraison-genoa-v3'
    const parsed = parseTsmReport(file(name, 'tsm-report.json'))
    expect(parsed).toMatchObject({ ok: true, value: { provider: 'sev_guest' } })
    if (!parsed.ok) return
    expect(hexOf(parsed.value.outblob)).toBe(hexOf(file(name, 'report.bin')))
    expect(parseSnpReport(parsed.value.outblob)).toMatchObject({ ok: true })
    const table = parseAmdCertificateTable(parsed.value.auxblob ?? new Uint8Array())
    expect(table).toMatchObject({ ok: true })
    if (!table.ok) return
    for (const kind of ['vcek', 'ask', 'ark'] as const) {
      const found = table.value.certificates.get(kind)?.der ?? new Uint8Array()
      expect(hexOf(found)).toBe(hexOf(file(name, `${kind}.der`)))
    }
  })
})

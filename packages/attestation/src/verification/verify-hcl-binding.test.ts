import { describe, expect, test } from 'vitest'
import { hexOf } from '../bytes/index.ts'
import { hclWorld, tpmtSignatureOf } from '../evidence/hcl-report.fixtures.ts'
import {
  parseAzureVtpmEvidence,
  parseHclReport,
  parseTpmQuote,
  parseTpmSignature,
  rawTpmSignatureOf,
} from '../evidence/index.ts'
import type { Signature } from '../x509/index.ts'
import { type HclBindingInput, type HclHardwareEvidence, verifyHclBinding } from './index.ts'
import { absentVectors, hasSharedVectors, readCapturedVectors } from './shared-vectors.fixtures.ts'
import type { Verified } from './verified.ts'

const world = hclWorld()

function inputOf(
  of: Omit<ReturnType<typeof hclWorld>, 'signature'> & { readonly signature: Signature },
  kind: 'snp' | 'tdx' = 'snp',
): HclBindingInput {
  const { hclReport, reportData, message, signature, pcrs, nonce } = of
  return {
    evidence: { kind, reportData, vmpl: 0 } as HclHardwareEvidence as Verified<HclHardwareEvidence>,
    hclReport,
    tpmQuote: { message, signature, pcrs: { 'SHA-256': pcrs } },
    nonce,
  }
}

const good = inputOf({ ...world, signature: rawTpmSignatureOf(world.signature) })

test('what the paravisor bound is believed, and of the registers the quoted ones only', async () => {
  const verified = await verifyHclBinding(good)
  expect(verified).toMatchObject({
    ok: true,
    value: { configuration: { secureBoot: true }, userData: '07'.repeat(64) },
  })
  if (!verified.ok) return
  expect([...(verified.value.pcrs.get('SHA-256') ?? [])]).toEqual([
    [0, '01'.repeat(32)],
    [1, '02'.repeat(32)],
    [9, '0a'.repeat(32)],
  ])
})

test.each([1, 2, 3])('hash type %i binds', async (hashType) => {
  const of = hclWorld({ hashType, reportType: 4 })
  const input = inputOf({ ...of, signature: rawTpmSignatureOf(of.signature) }, 'tdx')
  expect(await verifyHclBinding(input)).toMatchObject({ ok: true })
})

test('a TPMT_SIGNATURE verifies as the bare one does', async () => {
  const signature = parseTpmSignature(tpmtSignatureOf(world.signature))
  expect(
    signature.ok && (await verifyHclBinding(inputOf({ ...world, signature: signature.value }))),
  ).toMatchObject({ ok: true })
})

const flipped = (bytes: Uint8Array, offset: number): Uint8Array => {
  const changed = new Uint8Array(bytes)
  const at = offset < 0 ? changed.length + offset : offset
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

test.each<readonly [string, string, (input: HclBindingInput) => HclBindingInput]>([
  [
    'another REPORT_DATA',
    'hcl-report-data-binding',
    (input) => ({
      ...input,
      evidence: {
        ...input.evidence,
        reportData: `${input.evidence.reportData.startsWith('00') ? 'ff' : '00'}${input.evidence.reportData.slice(2)}`,
      } as HclBindingInput['evidence'],
    }),
  ],
  [
    'something in the upper half of REPORT_DATA',
    'hcl-report-data-binding',
    (input) => ({
      ...input,
      evidence: {
        ...input.evidence,
        reportData: `${input.evidence.reportData.slice(0, -1)}1`,
      } as HclBindingInput['evidence'],
    }),
  ],
  [
    'a REPORT_DATA that is no hex',
    'hcl-report-data-binding',
    (input) => ({
      ...input,
      evidence: { ...input.evidence, reportData: 'x' } as HclBindingInput['evidence'],
    }),
  ],
  [
    'a report from below the paravisor',
    'hcl-vmpl',
    (input) => ({
      ...input,
      evidence: { ...input.evidence, vmpl: 2 } as unknown as HclBindingInput['evidence'],
    }),
  ],
  [
    'evidence of the other TEE',
    'hcl-tee-mismatch',
    (input) => ({
      ...input,
      evidence: { ...input.evidence, kind: 'tdx' } as HclBindingInput['evidence'],
    }),
  ],
  [
    'other variable data',
    'hcl-report-data-binding',
    (input) => ({ ...input, hclReport: flipped(input.hclReport, -50) }),
  ],
  [
    'half a report',
    'hcl-report-malformed',
    (input) => ({ ...input, hclReport: input.hclReport.subarray(0, 1300) }),
  ],
  [
    'another nonce',
    'tpm-nonce-mismatch',
    (input) => ({ ...input, nonce: flipped(input.nonce, 0) }),
  ],
  ['no nonce', 'tpm-nonce-mismatch', (input) => ({ ...input, nonce: new Uint8Array() })],
  [
    'another clock',
    'tpm-quote-signature',
    (input) => ({
      ...input,
      tpmQuote: { ...input.tpmQuote, message: flipped(input.tpmQuote.message, 24) },
    }),
  ],
  [
    'half a quote',
    'tpm-quote-malformed',
    (input) => ({
      ...input,
      tpmQuote: { ...input.tpmQuote, message: input.tpmQuote.message.subarray(0, 40) },
    }),
  ],
  [
    'another signature',
    'tpm-quote-signature',
    (input) => ({
      ...input,
      tpmQuote: {
        ...input.tpmQuote,
        signature: {
          ...input.tpmQuote.signature,
          bytes: flipped(input.tpmQuote.signature.bytes, 9),
        },
      },
    }),
  ],
  [
    'another quoted register',
    'tpm-pcr-digest-mismatch',
    (input) => ({
      ...input,
      tpmQuote: {
        ...input.tpmQuote,
        pcrs: {
          'SHA-256': (input.tpmQuote.pcrs['SHA-256'] ?? []).map((value, pcr) =>
            pcr === 1 && value ? flipped(value, 3) : value,
          ),
        },
      },
    }),
  ],
  [
    'a register that is missing',
    'tpm-pcr-digest-mismatch',
    (input) => ({
      ...input,
      tpmQuote: {
        ...input.tpmQuote,
        pcrs: { 'SHA-256': (input.tpmQuote.pcrs['SHA-256'] ?? []).slice(0, 9) },
      },
    }),
  ],
  [
    'no registers',
    'tpm-pcr-digest-mismatch',
    (input) => ({ ...input, tpmQuote: { ...input.tpmQuote, pcrs: {} } }),
  ],
])('%s is refused', async (_, code, change) => {
  expect(await verifyHclBinding(change(good))).toMatchObject({ ok: false, problem: { code } })
})

test('a border between registers cannot be moved', async () => {
  const pcrs = [...world.pcrs]
  pcrs[0] = new Uint8Array(31).fill(1)
  pcrs[1] = Uint8Array.of(1, ...new Uint8Array(32).fill(2))
  const input = { ...good, tpmQuote: { ...good.tpmQuote, pcrs: { 'SHA-256': pcrs } } }
  expect(await verifyHclBinding(input)).toMatchObject({
    ok: false,
    problem: { code: 'tpm-pcr-digest-mismatch' },
  })
})

interface Captured {
  readonly folder: 'snp' | 'tdx'
  readonly name: string
  readonly file: string
}

const captured: readonly Captured[] = [
  { folder: 'snp', name: 'trustee-azure-v3-evidence-v1', file: 'evidence-v0.json' },
  { folder: 'snp', name: 'trustee-azure-v3-evidence-v1', file: 'evidence-v1.json' },
  { folder: 'snp', name: 'trustee-azure-milan-v3-evidence-v2', file: 'evidence.json' },
  { folder: 'tdx', name: 'trustee-azure-vtpm', file: 'evidence-v1.json' },
  { folder: 'tdx', name: 'attested-tls-azure-2026-06', file: 'azure_evidence.json' },
]

test.skipIf(hasSharedVectors)(`captured evidence: ${absentVectors}`, () => {
  expect(hasSharedVectors).toBe(false)
})

describe.runIf(hasSharedVectors).each(captured)('$name/$file', ({ folder, name, file }) => {
  const vector = readCapturedVectors(folder).find((one) => one.name === name)
  const parsed = parseAzureVtpmEvidence(vector?.file(file) ?? new Uint8Array())
  const parts = parsed.ok ? parsed.value : undefined
  const nonce = (): Uint8Array => {
    const quote = parseTpmQuote(parts?.tpmQuote.message ?? new Uint8Array())
    return quote.ok ? quote.value.extraData : new Uint8Array()
  }
  const input = (): HclBindingInput =>
    inputOf(
      {
        hclReport: parts?.hclReport ?? new Uint8Array(),
        reportData: vector?.expected.parsed?.report_data ?? '',
        message: parts?.tpmQuote.message ?? new Uint8Array(),
        signature: rawTpmSignatureOf(parts?.tpmQuote.signature ?? new Uint8Array()),
        pcrs: parts?.tpmQuote.pcrs ?? [],
        nonce: nonce(),
      },
      folder,
    )

  test('is bound by the hardware and quoted by the TPM', async () => {
    expect(parsed).toMatchObject({ ok: true, value: { hardware: { kind: folder } } })
    expect(await verifyHclBinding(input())).toMatchObject({ ok: true })
  })

  // Version 0 carries another report of the same machine.
  test.skipIf(file === 'evidence-v0.json')(
    'carries the hardware evidence that the vector names',
    () => {
      const report = parseHclReport(parts?.hclReport ?? new Uint8Array())
      const inside = report.ok && report.value.hardwareReport
      const expected =
        vector?.file(folder === 'snp' ? 'report.bin' : 'quote.bin') ?? new Uint8Array()
      const found =
        inside && inside.kind === 'snp'
          ? inside.report
          : parts?.hardware.kind === 'tdx'
            ? parts.hardware.quote
            : new Uint8Array()
      // One vector was cut at the length that the quote states.
      expect(expected.length).toBeGreaterThan(1000)
      expect(hexOf(found.subarray(0, expected.length))).toBe(hexOf(expected))
    },
  )

  test('is of its nonce and its registers only', async () => {
    const changed = input()
    expect(await verifyHclBinding({ ...changed, nonce: flipped(changed.nonce, 0) })).toMatchObject({
      ok: false,
      problem: { code: 'tpm-nonce-mismatch' },
    })
    const pcrs = (changed.tpmQuote.pcrs['SHA-256'] ?? []).map((value, pcr) =>
      pcr === 7 && value ? flipped(value, 0) : value,
    )
    const tpmQuote = { ...changed.tpmQuote, pcrs: { 'SHA-256': pcrs } }
    expect(await verifyHclBinding({ ...changed, tpmQuote })).toMatchObject({
      ok: false,
      problem: { code: 'tpm-pcr-digest-mismatch' },
    })
  })
})

test.runIf(hasSharedVectors)(
  'trustee-azure-hcl-milan-v2: the report is bound, the quote is of another machine',
  async () => {
    const vector = readCapturedVectors('snp').find(
      (one) => one.name === 'trustee-azure-hcl-milan-v2',
    )
    const message = vector?.file('tpm-quote.msg') ?? new Uint8Array()
    const quote = parseTpmQuote(message)
    const input = inputOf({
      hclReport: vector?.file('hcl-report.bin') ?? new Uint8Array(),
      reportData: vector?.expected.parsed?.report_data ?? '',
      message,
      signature: rawTpmSignatureOf(vector?.file('tpm-quote.sig') ?? new Uint8Array()),
      pcrs: [],
      nonce: quote.ok ? quote.value.extraData : new Uint8Array(),
    })
    expect(await verifyHclBinding(input)).toMatchObject({
      ok: false,
      problem: { code: 'tpm-quote-signature' },
    })
  },
)

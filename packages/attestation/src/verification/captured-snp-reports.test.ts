import { describe, expect, test } from 'vitest'
import { hexOf, type UnixSeconds } from '../bytes/index.ts'
import { guestPolicyOf, parseSnpReport, type SnpReport, snpReportBytes } from '../evidence/index.ts'
import { webCryptography } from '../x509/index.ts'
import { amdRootSpkis, createSnpMemory, verifySnpEvidence } from './index.ts'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
} from './shared-vectors.fixtures.ts'
import type { SnpVerificationInput } from './verify-snp-evidence.ts'

const vectors = readCapturedVectors('snp')
process.stdout.write(
  hasSharedVectors ? `${vectors.length} captured SNP reports read\n` : `${absentVectors}\n`,
)
const roots = Object.values(amdRootSpkis)
const complete = vectors.filter(({ expected }) => 'ark_self_signed' in checkOf(expected))

test.runIf(hasSharedVectors)('there are captured reports to examine', () => {
  expect(vectors.length).toBeGreaterThan(15)
  expect(complete.length).toBeGreaterThan(15)
  expect(new Set(complete.map(({ expected }) => productOf(expected)))).toEqual(
    new Set(['Milan', 'Genoa', 'Turin']),
  )
})

describe.each(vectors)('$name', (vector) => {
  test('is read as an independent parser reads it', () => {
    const report = reportOf(vector)
    const { parsed } = vector.expected as unknown as { parsed: Readonly<Record<string, unknown>> }
    const found = {
      version: report.version,
      guest_svn: report.guestSvn,
      policy: `0x${report.guestPolicy.toString(16)}`,
      vmpl: report.vmpl,
      current_tcb: hexOf(report.currentTcb),
      platform_info: `0x${report.platformInfo.toString(16)}`,
      report_data: hexOf(report.reportData),
      measurement: hexOf(report.measurement),
      host_data: hexOf(report.hostData),
      id_key_digest: hexOf(report.idKeyDigest),
      report_id: hexOf(report.reportId),
      reported_tcb: hexOf(report.reportedTcb),
      chip_id: hexOf(report.chipId),
      committed_tcb: hexOf(report.committedTcb),
      launch_tcb: hexOf(report.launchTcb),
      signing_key: report.signingKey.toUpperCase(),
      debug: guestPolicyOf(report).debug,
      cpuid: hexOf(
        report.cpuid === undefined
          ? new Uint8Array(3)
          : Uint8Array.of(report.cpuid.family, report.cpuid.model, report.cpuid.stepping),
      ),
    }
    expect(found).toEqual(
      Object.fromEntries(Object.keys(found).map((name) => [name, parsed[name]])),
    )
  })

  test('every truncation of it, and one byte more, is refused', () => {
    const bytes = vector.file('report.bin') ?? new Uint8Array()
    expect(bytes).toHaveLength(snpReportBytes)
    for (let length = 0; length < bytes.length; length++) {
      expect(parseSnpReport(bytes.subarray(0, length)).ok).toBe(false)
    }
    expect(parseSnpReport(new Uint8Array([...bytes, 0]))).toMatchObject({
      problem: { code: 'trailing-bytes' },
    })
  })
})

describe.each(complete)('$name', (vector) => {
  test('verifies as an independent library says', async () => {
    const verified = await verifySnpEvidence(inputOf(vector))
    const { parsed } = vector.expected as unknown as { parsed: Readonly<Record<string, unknown>> }
    const { reported_tcb: tcb } = checkOf(vector.expected) as {
      reported_tcb: Readonly<Record<string, number>>
    }
    expect(verified).toMatchObject({
      ok: true,
      value: {
        product: productOf(vector.expected)?.toLowerCase(),
        measurement: parsed['measurement'],
        debug: parsed['debug'],
        revocation: 'unchecked',
        reportedTcb: tcb,
      },
    })
  })

  test('is nothing without its list, its root, its certificates, or at another time', async () => {
    const input = inputOf(vector)
    const codeOf = async (changed: Partial<SnpVerificationInput>): Promise<string> => {
      const verified = await verifySnpEvidence({ ...input, ...changed })
      return verified.ok ? 'verified' : verified.problem.code
    }
    expect(await codeOf({ revocation: 'required' })).toBe('missing-endorsements')
    expect(await codeOf({ roots: [] })).toBe('root-not-trusted')
    expect(await codeOf({ certificates: [] })).toBe('missing-endorsements')
    expect(await codeOf({ certificates: input.certificates.slice(0, 1) })).toBe(
      'missing-endorsements',
    )
    expect(await codeOf({ at: 0 })).toBe('certificate-not-yet-valid')
    expect(await codeOf({ at: 4_000_000_000 })).toBe('certificate-expired')
  })

  test('a bit flipped anywhere in it is never verified, remembered key or not', async () => {
    const input = inputOf(vector)
    const tools = { cryptography: webCryptography, memory: createSnpMemory(4) }
    expect((await verifySnpEvidence(input, tools)).ok).toBe(true)
    expect((await verifySnpEvidence(input, tools)).ok).toBe(true)
    let flips = 0
    for (let bit = 0; bit < 8 * snpReportBytes; bit += strideBits) {
      const report = input.report.slice()
      report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect((await verifySnpEvidence({ ...input, report }, tools)).ok, `bit ${bit}`).toBe(false)
      flips += 1
    }
    expect(flips).toBeGreaterThan(5)
  })
})

/** Every how many bits one is flipped; SEALWARD_BIT_FLIP_STRIDE=1 flips all of them. */
const strideBits = Number(process.env['SEALWARD_BIT_FLIP_STRIDE'] ?? 397)

describe.runIf(hasSharedVectors)('certificates that do not belong to the report', () => {
  test('of another product line are refused', async () => {
    const milan = inputOf(named('ms-milan'))
    const turin = inputOf(named('ms-turin'))
    expect((await verifySnpEvidence({ ...milan, certificates: turin.certificates })).ok).toBe(false)
    expect((await verifySnpEvidence({ ...turin, certificates: milan.certificates })).ok).toBe(false)
  })

  test('are passed over where the right ones are there too', async () => {
    const milan = inputOf(named('ms-milan'))
    const others = ['ms-turin', 'virtee-milan-v2', 'oak-genoa-v5'].flatMap(
      (name) => inputOf(named(name)).certificates,
    )
    const certificates = [...others, ...milan.certificates].reverse()
    expect(await verifySnpEvidence({ ...milan, certificates })).toMatchObject({ ok: true })
  })

  test.each(['negative-vcek-invalid-legacy.der', 'negative-vcek-invalid-new.der'])(
    '%s is refused',
    async (file) => {
      const vector = named('trustee-milan-v2-vcek')
      const { certificates, ...input } = inputOf(vector)
      const forged = vector.file(file) ?? new Uint8Array()
      expect(
        await verifySnpEvidence({ ...input, certificates: [forged, ...certificates.slice(1)] }),
      ).toMatchObject({ ok: false, problem: { code: 'chain' } })
    },
  )

  test('a certificate that AMD issued again for the same key is as good', async () => {
    const vector = named('attestation-rs-genoa-v5')
    const { certificates, ...input } = inputOf(vector)
    const reissued = vector.file('vcek-reissued.der') ?? new Uint8Array()
    expect(
      await verifySnpEvidence({ ...input, certificates: [reissued, ...certificates.slice(1)] }),
    ).toMatchObject({ ok: true })
  })
})

test.runIf(hasSharedVectors)('a remembered key does not outlive its certificate', async () => {
  const input = inputOf(named('trustee-milan-v3-vlek'))
  const tools = { cryptography: webCryptography, memory: createSnpMemory(4) }
  const verified = await verifySnpEvidence(input, tools)
  expect(verified).toMatchObject({ ok: true, value: { signingKey: 'vlek' } })
  if (!verified.ok) return
  const { earliestExpiry } = verified.value
  const at = async (instant: UnixSeconds): Promise<boolean> =>
    (await verifySnpEvidence({ ...input, at: instant }, tools)).ok
  expect(await at(earliestExpiry)).toBe(true)
  expect(await at(earliestExpiry + 1)).toBe(false)
  expect((await verifySnpEvidence({ ...input, roots: [] }, tools)).ok).toBe(false)
  expect((await verifySnpEvidence({ ...input, revocation: 'required' }, tools)).ok).toBe(false)
})

function named(name: string): CapturedVector {
  const vector = vectors.find((one) => one.name === name)
  if (vector === undefined) throw new Error(`no vector ${name}`)
  return vector
}

function reportOf(vector: CapturedVector): SnpReport {
  const parsed = parseSnpReport(vector.file('report.bin') ?? new Uint8Array())
  if (!parsed.ok) throw new Error(`${parsed.problem.code} ${parsed.problem.at}`)
  return parsed.value
}

function inputOf(vector: CapturedVector): SnpVerificationInput {
  const file = (...names: readonly string[]): Uint8Array =>
    names.map((name) => vector.file(name)).find((bytes) => bytes !== undefined) ?? new Uint8Array()
  return {
    report: file('report.bin'),
    certificates: [file('vcek.der', 'vlek.der'), file('ask.der', 'asvk.der'), file('ark.der')],
    crls: [],
    revocation: { unchecked: 'the vectors come without revocation lists' },
    roots,
    at: vector.expected.verification_time ?? Number.NaN,
  }
}

function checkOf(expected: object): object {
  return (expected as { readonly check?: object }).check ?? {}
}

function productOf(expected: object): string | undefined {
  return (expected as { readonly product?: string }).product
}

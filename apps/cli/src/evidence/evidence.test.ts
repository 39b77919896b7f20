import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createSampleVendor } from '@sealward/attestation/sample'
import { afterAll, describe, expect, test } from 'vitest'
import { run, type Surroundings } from '../program.ts'

const shared =
  process.env['SEALWARD_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared')
const vectorsFolder = join(shared, 'vectors')
const hasVectors = existsSync(vectorsFolder)
const scratch = mkdtempSync(join(tmpdir(), 'sealward-evidence-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Vector {
  readonly name: string
  readonly folder: string
  readonly expected: {
    readonly verification_time?: number
    readonly intel_tcb_status?: string
    readonly parsed?: Readonly<Record<string, unknown>>
    readonly check?: { readonly report_signed_by_ek?: boolean }
    readonly cases?: readonly {
      readonly time: number
      readonly expect: string
      readonly set_byte?: { readonly offset: number; readonly value: number }
      readonly policy?: object
      readonly change?: string
    }[]
  }
}

const vectors = (tee: string): readonly Vector[] =>
  hasVectors
    ? readdirSync(join(vectorsFolder, tee)).map((name) => {
        const folder = join(vectorsFolder, tee, name)
        const expected = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8'))
        return { name: `${tee}/${name}`, folder, expected }
      })
    : []
const dcap = [...vectors('sgx'), ...vectors('tdx')]
const snp = vectors('snp')
process.stdout.write(
  hasVectors
    ? `${dcap.length + snp.length} vectors read by the command line\n`
    : 'No captured evidence: put the vectors into ../shared/vectors.\n',
)

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function sealward(...commandLine: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const surroundings: Surroundings = {
    effects: { clock: { now: () => 1_795_392_000 } } as Surroundings['effects'],
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  }
  const code = await run(commandLine, surroundings)
  return { code, out, err }
}

async function verifyJson(...parameters: readonly string[]): Promise<{
  readonly code: number
  readonly json: Readonly<Record<string, unknown>>
}> {
  const { code, out } = await sealward('evidence', 'verify', ...parameters, '--json')
  return { code, json: JSON.parse(out) as Readonly<Record<string, unknown>> }
}

const rfc3339 = (seconds: number): string => new Date(1000 * seconds).toISOString()

function rootOf({ folder }: Vector): readonly string[] {
  const pem = join(folder, 'trusted_root_ca.pem')
  return existsSync(pem) ? ['--root', pem] : []
}

let files = 0
function written(content: string | Uint8Array): string {
  files += 1
  const file = join(scratch, `${files}.bin`)
  writeFileSync(file, content)
  return file
}

const refusals = ['(no matching TCB level)', 'TDX_MODULE_MISMATCH']

describe.each(dcap.filter(({ expected }) => expected.intel_tcb_status))('$name', (vector) => {
  const { folder, expected } = vector
  const quote = join(folder, 'quote.bin')
  const options = [
    '--endorsements',
    join(folder, 'collateral.json'),
    '--at',
    rfc3339(expected.verification_time ?? 0),
    ...rootOf(vector),
  ]

  test('is judged as Intel’s library does, raw, in hex and in base64', async () => {
    const status = expected.intel_tcb_status ?? ''
    const bytes = readFileSync(quote)
    const forms = [quote, written(bytes.toString('hex')), written(bytes.toString('base64'))]
    for (const file of forms) {
      const { code, json } = await verifyJson(file, ...options)
      if (refusals.includes(status)) {
        expect({ code, verdict: json['verdict'] }).toEqual({ code: 1, verdict: 'contraindicated' })
        continue
      }
      expect(code).toBe(0)
      expect(json).toMatchObject({
        kind: vector.name.slice(0, 3),
        tcbStatus: status,
        debug: expected.parsed?.['debug'],
        problem: null,
        claims: vector.name.startsWith('sgx')
          ? { mrEnclave: expected.parsed?.['mrenclave'] }
          : { mrTd: expected.parsed?.['mrtd'], rtmr: { length: 4 } },
      })
      expect(Date.parse(String(json['expires'])) / 1000).toBeGreaterThanOrEqual(
        expected.verification_time ?? 0,
      )
    }
  })

  test('is nothing without endorsements, and contraindicated under another root', async () => {
    const at = ['--at', rfc3339(expected.verification_time ?? 0)]
    const alone = await verifyJson(quote, ...at, ...rootOf(vector))
    expect([1, 3]).toContain(alone.code)
    if (alone.code === 3) {
      expect(alone.json).toMatchObject({
        verdict: 'none',
        problem: { code: 'missing-endorsements' },
      })
    }
    const ark = join(vectorsFolder, 'snp', 'ms-milan', 'ark.der')
    const other = await verifyJson(quote, ...options.slice(0, 4), '--root', ark)
    expect(other.code).toBe(1)
  })
})

describe.each(dcap.filter(({ expected }) => expected.cases?.some(({ set_byte }) => set_byte)))(
  '$name',
  ({ folder, expected }) => {
    test.each(expected.cases ?? [])('at $time: $name $reason', async ({ time, set_byte }) => {
      const bytes = readFileSync(join(folder, 'quote.bin'))
      if (set_byte !== undefined) bytes[set_byte.offset] = set_byte.value
      const { code } = await verifyJson(
        written(bytes),
        '--endorsements',
        join(folder, 'collateral.json'),
        '--at',
        rfc3339(time),
      )
      expect([1, 2]).toContain(code)
    })
  },
)

describe.each(snp)('$name', ({ folder, expected }) => {
  test('is judged by the certificates that come with it, as DER and as PEM', async () => {
    const report = join(folder, 'report.bin')
    const names = ['vcek.der', 'vlek.der', 'ask.der', 'asvk.der', 'ark.der']
    const ders = names.map((name) => join(folder, name)).filter((file) => existsSync(file))
    const at = ['--at', rfc3339(expected.verification_time ?? 1_795_392_000)]
    if (ders.length === 0) {
      const { code, json } = await verifyJson(report, ...at)
      expect({ code, verdict: json['verdict'] }).toEqual({ code: 3, verdict: 'none' })
      return
    }
    const pem = ders
      .map(
        (file) =>
          `-----BEGIN CERTIFICATE-----\n${readFileSync(file, 'base64')}\n-----END CERTIFICATE-----\n`,
      )
      .join('')
    const forms = [
      ['--endorsements', written(Buffer.concat(ders.map((file) => readFileSync(file))))],
      ['--endorsements', written(pem)],
      ders.flatMap((file) => ['--endorsements', file]),
    ]
    for (const endorsements of forms) {
      const { code, json } = await verifyJson(report, ...at, ...endorsements)
      expect(code).toBe(0)
      expect(json).toMatchObject({
        kind: 'snp',
        verdict: 'warning',
        tcbStatus: null,
        debug: expected.parsed?.['debug'],
        claims: {
          measurement: expected.parsed?.['measurement'],
          reportedTcb: expected.parsed?.['reported_tcb'],
          guestPolicy: expected.parsed?.['policy'],
        },
      })
    }
    const changed = readFileSync(report)
    changed[0x90] = (changed[0x90] ?? 0) ^ 1
    expect((await verifyJson(written(changed), ...at, ...(forms[0] ?? []))).code).toBe(1)
  })
})

describe.runIf(hasVectors)('evidence in other wrappings', () => {
  const file = (path: string): string => join(vectorsFolder, path)

  test('is read out of certificates, reports and JSON', async () => {
    for (const [path, kind] of [
      ['sgx/ratls-gramine-cert/certificate.der', 'sgx'],
      ['sgx/azure-sdk-oe-debug/report.bin', 'sgx'],
      ['snp/trustee-azure-hcl-milan-v2/hcl-report.bin', 'snp'],
      ['snp/azure-maa-sevsnp-request/maa_report.json', 'snp'],
      ['snp/veraison-genoa-v3/tsm-report.json', 'snp'],
    ] as const) {
      const { code, out } = await sealward('evidence', 'inspect', file(path), '--json')
      expect({ path, code }).toEqual({ path, code: 0 })
      expect(JSON.parse(out)).toMatchObject({ kind, verified: false })
    }
  })

  test('what an Azure host sends brings its certificates', async () => {
    const { code, json } = await verifyJson(
      file('snp/azure-maa-sevsnp-request/maa_report.json'),
      '--at',
      '2026-11-21T15:01:42Z',
    )
    expect({ code, verdict: json['verdict'] }).toEqual({ code: 0, verdict: 'warning' })
  })

  test('a broken report and a broken certificate are refused', async () => {
    for (const path of [
      'sgx/openenclave-bad-report/report.bin',
      'sgx/openenclave-bad-cert-ec/certificate.der',
      'sgx/fortanix-corrupted-signature/quote.bin',
    ]) {
      const { code } = await verifyJson(file(path), '--at', '2022-01-01T00:00:00Z')
      expect({ path, refused: code === 1 || code === 2 }).toEqual({ path, refused: true })
    }
  })

  test('what Intel will change is foretold', async () => {
    const { code, out } = await sealward(
      'evidence',
      'forecast',
      file('sgx/automata-v3-ev17/quote.bin'),
      '--json',
      '--endorsements',
      file('sgx/automata-v3-ev17/collateral.json'),
      '--early',
      file('sgx/automata-v3-ev18/collateral.json'),
      '--at',
      '2025-06-20T10:55:00Z',
    )
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      changes: true,
      today: { tcbStatus: 'SWHardeningNeeded' },
      early: { tcbStatus: 'OutOfDate' },
    })
  })
})

describe('sample evidence', async () => {
  const at = 1_795_392_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 1,
    isvSvn: 2,
    debug: false,
    reportData: new Uint8Array(64),
  })
  const file = written(quote)
  const collateral = written(
    JSON.stringify(await vendor.endorsements({ at, lifetimeSeconds: 86_400 })),
  )
  const root = written(vendor.rootCertificatePem)
  const good = [file, '--endorsements', collateral, '--root', root, '--at', rfc3339(at)]

  test('verifies under its own root, and under no vendor’s', async () => {
    expect(await verifyJson(...good)).toMatchObject({
      code: 0,
      json: { kind: 'sgx', verdict: 'affirming', tcbStatus: 'UpToDate', advisoryIds: [] },
    })
    expect(await verifyJson(...good.slice(0, 3), '--at', rfc3339(at))).toMatchObject({
      code: 1,
      json: { verdict: 'contraindicated', problem: { code: 'root-not-trusted' } },
    })
  })

  test('meets the policy that was made of it, and no other', async () => {
    const made = await sealward('evidence', 'verify', ...good, '--skeleton')
    const policy = written(made.out)
    expect(await verifyJson(...good, '--policy', policy)).toMatchObject({ code: 0 })
    const other = written(made.out.replace('01'.repeat(32), '03'.repeat(32)))
    expect(await verifyJson(...good, '--policy', other)).toMatchObject({
      code: 1,
      json: { tcbStatus: 'UpToDate', problem: { code: 'wrong-mr-enclave', at: 'mrEnclave' } },
    })
    const lacking = written(made.out.replace('"mrSigner"', '"mrsigner"'))
    expect(await verifyJson(...good, '--policy', lacking)).toMatchObject({
      code: 2,
      json: { problem: { code: 'field-missing' } },
    })
  })

  test('runtime data is the file whose digest it binds', async () => {
    expect(await verifyJson(...good, '--runtime-data', written('something'))).toMatchObject({
      code: 1,
      json: { problem: { code: 'runtime-data-binding' } },
    })
  })

  test('every truncation is unreadable, and says so in JSON too', async () => {
    for (let length = 0; length < quote.length; length += 211) {
      const { code, json } = await verifyJson(written(quote.subarray(0, length)), ...good.slice(1))
      expect(code).toBe(2)
      expect(json['problem']).not.toBe(null)
    }
  })

  test('a person reads the verdict first', async () => {
    const { out } = await sealward('evidence', 'verify', ...good)
    expect(out.startsWith('AFFIRMING')).toBe(true)
    expect(out).toContain('01'.repeat(32))
  })

  test.each([
    [['evidence', 'verify']],
    [['evidence', 'verify', 'no-such-file']],
    [['evidence', 'verify', file, '--at', 'yesterday']],
    [['evidence', 'verify', file, '--endorsements', file]],
    [['evidence', 'verify', file, '--unknown']],
  ])('%j is wrong usage', async (commandLine) => {
    expect((await sealward(...commandLine)).code).toBe(2)
  })
})

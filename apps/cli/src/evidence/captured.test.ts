import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { at, now, openScratch, pemOf, sealward, verifyJson } from './command.fixtures.ts'

// Evidence of real platforms, which is not part of this repository.
const shared =
  process.env['SEALWARD_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared')
const vectorsFolder = join(shared, 'vectors')
const hasVectors = existsSync(vectorsFolder)
const scratch = openScratch()
afterAll(() => scratch.remove())

interface VectorCase {
  readonly time: number
  /** `accept`, `reject`, or the TCB status that follows. */
  readonly expect: string
  readonly set_byte?: { readonly offset: number; readonly value: number }
  readonly policy?: {
    readonly tcbBaselineDate?: number
    readonly minTcbEvaluationDataNumber?: number
  }
  readonly change?: string
}

interface Vector {
  readonly name: string
  readonly tee: string
  file(name: string): string
  has(name: string): boolean
  readonly expected: {
    readonly verification_time?: number
    readonly intel_tcb_status?: string
    readonly parsed?: Readonly<Record<string, unknown>>
    readonly source_verdict?: { readonly verdict?: string }
    readonly matched_levels?: Readonly<Record<string, { readonly advisoryIDs?: readonly string[] }>>
    readonly cases?: readonly VectorCase[]
  }
}

const vectors: readonly Vector[] = hasVectors
  ? ['sgx', 'tdx', 'snp'].flatMap((tee) =>
      readdirSync(join(vectorsFolder, tee)).map((name) => {
        const file = (one: string): string => join(vectorsFolder, tee, name, one)
        const has = (one: string): boolean => existsSync(file(one))
        const expected = JSON.parse(readFileSync(file('expect.json'), 'utf8'))
        return { name: `${tee}/${name}`, tee, file, has, expected }
      }),
    )
  : []
const judged = vectors.filter(({ expected }) => expected.intel_tcb_status !== undefined)
const withCases = vectors.filter(({ expected }) => (expected.cases ?? []).length > 0)
const snp = vectors.filter(({ tee }) => tee === 'snp')
process.stdout.write(
  hasVectors
    ? `${vectors.length} captured vectors read by the command line, ${judged.length} of them judged by Intel's library\n`
    : 'No captured evidence: put the vectors into ../shared/vectors.\n',
)

test.skipIf(hasVectors)('captured evidence is not here: sample evidence is verified alone', () => {
  expect(vectors).toEqual([])
})

const chipCertificates = ['vcek.der', 'vlek.der', 'ask.der', 'asvk.der', 'ark.der']

function optionsOf({ file, has, expected }: Vector, time = expected.verification_time): string[] {
  return [
    ...(has('collateral.json') ? ['--endorsements', file('collateral.json')] : []),
    ...chipCertificates.filter(has).flatMap((name) => ['--endorsements', file(name)]),
    ...(has('trusted_root_ca.pem') ? ['--root', file('trusted_root_ca.pem')] : []),
    ...at(time ?? now),
  ]
}

const rawOf = (vector: Vector): string | undefined =>
  ['quote.bin', 'report.bin', 'certificate.der']
    .filter((name) => vector.has(name))
    .map((name) => vector.file(name))[0]

/** The same bytes as people send them around. */
function formsOf(bytes: Buffer): Readonly<Record<string, string>> {
  const lines = (text: string): string => text.replace(/(.{76})/g, '$1\r\n')
  return {
    raw: scratch.written(bytes),
    hex: scratch.written(`0x${bytes.toString('hex').toUpperCase()}\n`),
    'hex in lines': scratch.written(lines(bytes.toString('hex'))),
    base64: scratch.written(bytes.toString('base64')),
    'base64 in lines': scratch.written(`\n${lines(bytes.toString('base64'))}\n`),
    base64url: scratch.written(bytes.toString('base64url')),
  }
}

describe.each(judged)('$name', (vector) => {
  const { tee, expected } = vector
  const status = expected.intel_tcb_status ?? ''
  const refusal = new Map([
    ['(no matching TCB level)', 'tcb-level-not-found'],
    ['TDX_MODULE_MISMATCH', 'tdx-module-mismatch'],
    ['Revoked', 'tcb-revoked'],
  ]).get(status)

  test('is judged as Intel’s library does, in every form', async () => {
    const { parsed } = expected
    const claims =
      tee === 'sgx'
        ? {
            mrEnclave: expected.parsed?.['mrenclave'],
            mrSigner: expected.parsed?.['mrsigner'],
            isvProdId: expected.parsed?.['isvprodid'],
            isvSvn: expected.parsed?.['isvsvn'],
            reportData: expected.parsed?.['report_data'],
          }
        : { rtmr: { length: 4 }, ...(parsed?.['mrtd'] ? { mrTd: parsed['mrtd'] } : {}) }
    const debug = parsed?.['debug'] ?? false
    const bytes = readFileSync(vector.file('quote.bin'))
    for (const [form, file] of Object.entries(formsOf(bytes))) {
      const { code, json } = await verifyJson(file, ...optionsOf(vector))
      const said = { form, kind: json['kind'], debug: json['debug'], claims: json['claims'] }
      // What is refused is still shown.
      expect(said).toMatchObject({ form, kind: tee, debug, claims })
      if (refusal !== undefined) {
        expect({ form, code, json }).toMatchObject({
          code: 1,
          json: {
            verdict: 'contraindicated',
            tcbStatus: refusal === 'tcb-revoked' ? 'Revoked' : null,
            problem: { code: refusal },
          },
        })
        continue
      }
      expect({ form, code, json }).toMatchObject({
        code: 0,
        json: { tcbStatus: status, problem: null },
      })
      const advisories = json['advisoryIds'] as readonly string[]
      const isGood = status === 'UpToDate' && !debug && advisories.length === 0
      expect(json['verdict']).toBe(isGood ? 'affirming' : 'warning')
      expect(Date.parse(String(json['expires'])) / 1000).toBeGreaterThanOrEqual(
        expected.verification_time ?? 0,
      )
    }
  })

  test('is none without endorsements, contraindicated when forged, and refused under another root', async () => {
    const quote = vector.file('quote.bin')
    const [root, time] = [
      vector.has('trusted_root_ca.pem') ? ['--root', vector.file('trusted_root_ca.pem')] : [],
      at(expected.verification_time ?? now),
    ]
    // Where its certificate chain should be is something else; the chain comes with the collateral.
    const hasNoChain = vector.name === 'tdx/intel-qvl-sample-testroot'
    expect(await verifyJson(quote, ...root, ...time)).toMatchObject(
      hasNoChain
        ? { code: 1, json: { verdict: 'contraindicated', problem: { code: 'quote-malformed' } } }
        : { code: 3, json: { verdict: 'none', problem: { code: 'missing-endorsements' } } },
    )
    if (hasNoChain) return
    const changed = readFileSync(quote)
    changed[100] = (changed[100] ?? 0) ^ 1
    expect(await verifyJson(scratch.written(changed), ...root, ...time)).toMatchObject({
      code: 1,
      json: { verdict: 'contraindicated', problem: { code: 'quote-signature' } },
    })
    const ark = join(vectorsFolder, 'snp', 'ms-milan', 'ark.der')
    const options = ['--endorsements', vector.file('collateral.json'), '--root', ark, ...time]
    expect(await verifyJson(quote, ...options)).toMatchObject({
      code: 1,
      json: { problem: { code: 'root-not-trusted' } },
    })
  })
})

describe.each(withCases)('$name', (vector) => {
  const collateral = (): Record<string, string> =>
    JSON.parse(readFileSync(vector.file('collateral.json'), 'utf8'))

  test.each(vector.expected.cases ?? [])(
    'at $time, $name $reason $policy: $expect',
    async ({ time, expect: outcome, set_byte, policy, change }) => {
      const bytes = readFileSync(vector.file('quote.bin'))
      if (set_byte !== undefined) bytes[set_byte.offset] = set_byte.value
      const options = optionsOf(vector, time)
      if (change !== undefined) {
        const changed = collateral()
        const text = changed['tcb_info'] ?? ''
        changed['tcb_info'] = text.replace(
          /"tcbEvaluationDataNumber":(\d)/,
          (_, digit) => `"tcbEvaluationDataNumber":${(Number(digit) + 1) % 10}`,
        )
        expect(changed['tcb_info']).not.toBe(text)
        options.push('--endorsements', scratch.written(JSON.stringify(changed)))
      }
      if (policy !== undefined) {
        const made = await sealward(
          'evidence',
          'verify',
          scratch.written(bytes),
          ...options,
          '--skeleton',
        )
        // Without both revocation lists nothing is believed, and there is nothing to appraise.
        if (made.code === 3) return expect(collateral()['root_ca_crl']).toBe('')
        const values = JSON.parse(made.out)
        values.advisories = { kind: 'unchecked', reason: 'the vector is about dates' }
        values.tcbBaselineDate = {
          kind: 'at-least',
          value: new Date(1000 * (policy.tcbBaselineDate ?? 0)).toISOString().replace('.000', ''),
        }
        options.push('--policy', scratch.written(JSON.stringify(values)))
      }
      const { code, json } = await verifyJson(scratch.written(bytes), ...options)
      if (policy !== undefined) {
        // The skeleton accepts UpToDate and nothing else; Intel's own status stays what it is.
        expect([code, json['tcbStatus']]).toEqual([
          outcome === 'UpToDate' ? 0 : 1,
          vector.expected.intel_tcb_status,
        ])
      } else if (outcome === 'accept') {
        // The source has no revocation lists for it and does not ask.
        expect([code, json['problem']]).toMatchObject([3, { code: 'missing-endorsements' }])
      } else {
        expect([1, 2]).toContain(code)
        expect(json['problem']).not.toBe(null)
      }
    },
  )
})

test.runIf(hasVectors)('nothing that its own source rejects is accepted', async () => {
  const rejected = vectors.filter(({ expected }) => expected.source_verdict?.verdict === 'reject')
  expect(rejected.length).toBeGreaterThan(0)
  for (const vector of rejected) {
    const { code, json } = await verifyJson(
      rawOf(vector) ?? '',
      ...optionsOf(vector, 1_640_995_200),
    )
    expect({ name: vector.name, refused: code === 1 || code === 2 }).toEqual({
      name: vector.name,
      refused: true,
    })
    expect(json['problem']).not.toBe(null)
  }
})

describe.each(snp)('$name', (vector) => {
  const { expected, file, has } = vector

  test('is judged by the certificates that come with it, in every form of both', async () => {
    const ders = chipCertificates.filter(has).map((name) => readFileSync(file(name)))
    const time = at(expected.verification_time ?? now)
    if (ders.length === 0) {
      expect(await verifyJson(file('report.bin'), ...time)).toMatchObject({
        code: 3,
        json: { kind: 'snp', verdict: 'none', problem: { code: 'missing-endorsements' } },
      })
      return
    }
    const bundles = [
      ['--endorsements', scratch.written(Buffer.concat(ders))],
      ['--endorsements', scratch.written(pemOf(...ders))],
      chipCertificates.filter(has).flatMap((name) => ['--endorsements', file(name)]),
      // The folder, with the report and what is expected of it in it.
      ['--endorsements', file('.')],
    ]
    for (const endorsements of bundles) {
      const { code, json, err } = await verifyJson(file('report.bin'), ...time, ...endorsements)
      expect({ code, json }).toMatchObject({
        code: 0,
        json: {
          kind: 'snp',
          verdict: 'warning',
          tcbStatus: null,
          advisoryIds: [],
          debug: expected.parsed?.['debug'],
          claims: {
            measurement: expected.parsed?.['measurement'],
            reportedTcb: expected.parsed?.['reported_tcb'],
            guestPolicy: expected.parsed?.['policy'],
            revocation: 'unchecked',
          },
          problem: null,
        },
      })
      expect(err).toContain('No revocation list')
    }
    const [first = []] = bundles
    for (const form of Object.values(formsOf(readFileSync(file('report.bin'))))) {
      expect((await verifyJson(form, ...time, ...first)).code).toBe(0)
    }
    const changed = readFileSync(file('report.bin'))
    changed[0x90] = (changed[0x90] ?? 0) ^ 1
    expect(await verifyJson(scratch.written(changed), ...time, ...first)).toMatchObject({
      code: 1,
      json: { problem: { code: 'report-signature' } },
    })
  })
})

describe.each(vectors.filter((vector) => rawOf(vector) !== undefined))('$name', (vector) => {
  test('is unreadable when it ends early, raw, in hex and in base64', async () => {
    const bytes = readFileSync(rawOf(vector) ?? '')
    const stated = vector.expected.parsed?.['quote_length_by_header']
    // What follows the quote is nobody's.
    const length = typeof stated === 'number' ? stated : bytes.length
    const lengths = Array.from({ length: 12 }, (_, index) => Math.floor((index * length) / 12))
    for (const cut of [...lengths, length - 1]) {
      const short = bytes.subarray(0, cut)
      for (const content of [short, short.toString('hex'), short.toString('base64')]) {
        const { code, json } = await verifyJson(scratch.written(content), ...at(now))
        expect({ cut, code, json }).toMatchObject({
          cut,
          code: 2,
          json: { kind: null, verdict: 'none', problem: { at: expect.anything() } },
        })
      }
    }
  })
})

describe.runIf(hasVectors)('evidence in other wrappings', () => {
  const file = (path: string): string => join(vectorsFolder, path)
  const vectorOf = (path: string): Vector => {
    const found = vectors.find(({ name }) => path.startsWith(`${name}/`))
    if (found === undefined) throw new Error(path)
    return found
  }

  test.each([
    ['sgx/ratls-gramine-cert/certificate.der', 'sgx', 3],
    ['sgx/azure-sdk-oe-debug/report.bin', 'sgx', 0],
    ['sgx/maa-sample-post-2020/request.json', 'sgx', 0],
    ['tdx/dstack-quote-report/report.json', 'tdx', 0],
    ['tdx/trustee-azure-vtpm/evidence-v1.json', 'tdx', 0],
    ['tdx/attested-tls-azure-2026-06/azure_evidence.json', 'tdx', 0],
    ['snp/trustee-azure-hcl-milan-v2/hcl-report.bin', 'snp', 0],
    ['snp/trustee-azure-v3-evidence-v1/evidence-v0.json', 'snp', 0],
    ['snp/trustee-azure-v3-evidence-v1/evidence-v1.json', 'snp', 0],
    ['snp/trustee-azure-milan-v3-evidence-v2/evidence.json', 'snp', 0],
    ['snp/azure-maa-sevsnp-request/maa_report.json', 'snp', 0],
    ['snp/veraison-genoa-v3/tsm-report.json', 'snp', 0],
  ])('%s is inspected and verified as %s', async (path, kind, expected) => {
    const { code, out } = await sealward('evidence', 'inspect', file(path), '--json')
    expect({ code, said: JSON.parse(out) }).toMatchObject({
      code: 0,
      said: { kind, verified: false },
    })
    expect(JSON.parse(out).forms.length).toBeGreaterThan(1)
    const verified = await verifyJson(file(path), ...optionsOf(vectorOf(path)))
    expect(verified).toMatchObject({ code: expected, json: { kind } })
  })

  test('a certificate is read as PEM, too, with words before it', async () => {
    const der = readFileSync(file('sgx/ratls-gramine-cert/certificate.der'))
    const { code, out } = await sealward(
      'evidence',
      'inspect',
      scratch.written(`subject=CN=RATLS\n${pemOf(der)}`),
      '--json',
    )
    expect([code, JSON.parse(out).kind]).toEqual([0, 'sgx'])
  })

  test('what hosts send brings its certificates', async () => {
    for (const path of [
      'snp/azure-maa-sevsnp-request/maa_report.json',
      'snp/veraison-genoa-v3/tsm-report.json',
    ]) {
      const time = at(vectorOf(path).expected.verification_time ?? now)
      expect((await verifyJson(file(path), ...time)).code).toBe(0)
    }
    const report = file('snp/azure-aci-milan-v2-uvm/report.bin')
    const thim = file('snp/azure-aci-milan-v2-uvm/host_amd_certificate.json')
    const time = at(vectorOf('snp/azure-aci-milan-v2-uvm/').expected.verification_time ?? now)
    expect((await verifyJson(report, '--endorsements', thim, ...time)).code).toBe(0)
  })

  test('a report with AMD’s certificate table behind it is a report; with anything else, not', async () => {
    const tsm = JSON.parse(readFileSync(file('snp/veraison-genoa-v3/tsm-report.json'), 'utf8'))
    const [report, table] = [tsm.outblob, tsm.auxblob].map((text) => Buffer.from(text, 'base64'))
    if (report === undefined || table === undefined) throw new Error('two blobs')
    const time = at(vectorOf('snp/veraison-genoa-v3/').expected.verification_time ?? now)
    const extended = scratch.written(Buffer.concat([report, table]))
    expect((await verifyJson(extended, ...time)).code).toBe(0)
    const longer = scratch.written(Buffer.concat([report, Buffer.alloc(64, 7)]))
    expect(await verifyJson(longer, ...time)).toMatchObject({
      code: 2,
      json: { problem: { code: 'trailing-bytes' } },
    })
  })

  test('what the paravisor, its TPM or a request says is held to what the hardware binds', async () => {
    const changedText = (path: string, change: (text: string) => string): string => {
      const text = readFileSync(file(path), 'utf8')
      const changed = change(text)
      expect(changed).not.toBe(text)
      return scratch.written(changed)
    }
    const hcl = readFileSync(file('snp/trustee-azure-hcl-milan-v2/hcl-report.bin'))
    const name = hcl.indexOf('vmUniqueId":"') + 'vmUniqueId":"'.length
    hcl[name] = hcl[name] === 0x30 ? 0x31 : 0x30
    const tdx = 'tdx/trustee-azure-vtpm/evidence-v1.json'
    const old = 'sgx/maa-sample-post-2020/request.json'
    for (const [changed, path, problem] of [
      [scratch.written(hcl), 'snp/trustee-azure-hcl-milan-v2/', 'hcl-report-data-binding'],
      [
        changedText(tdx, (text) => text.replace(/("signature": ?")(..)/, '$100')),
        tdx,
        'tpm-quote-signature',
      ],
      [
        changedText(tdx, (text) => text.replace(/("pcrs": ?\[\s*")../, '$100')),
        tdx,
        'tpm-pcr-digest-mismatch',
      ],
      [
        changedText(old, (text) => text.replace(/("EnclaveHeldData": ?"...)./, '$1B')),
        old,
        'runtime-data-binding',
      ],
    ] as const) {
      expect(await verifyJson(changed, ...optionsOf(vectorOf(path)))).toMatchObject({
        code: 1,
        json: { verdict: 'contraindicated', problem: { code: problem } },
      })
    }
  })

  test('runtime data is the file whose digest report data starts with', async () => {
    for (const [path, data] of [
      ['sgx/azure-sdk-oe-debug/', 'runtime_data.bin'],
      ['sgx/maa-sample-isdk-release/', 'enclave_held_data.bin'],
    ] as const) {
      const options = [file(`${path}quote.bin`), ...optionsOf(vectorOf(path))]
      expect((await verifyJson(...options, '--runtime-data', file(path + data))).code).toBe(0)
      const line = scratch.written(`${readFileSync(file(path + data), 'latin1')}\n`)
      const digests = ['sha384', 'sha512'].map((name) => [
        '--runtime-data',
        file(path + data),
        '--runtime-data-digest',
        name,
      ])
      for (const other of [['--runtime-data', line], ...digests]) {
        expect(await verifyJson(...options, ...other)).toMatchObject({
          code: 1,
          json: { problem: { code: 'runtime-data-binding' } },
        })
      }
    }
  })

  test('bytes behind a quote are told of, and nothing more', async () => {
    const path = 'tdx/attested-tls-gcp-2026-01/'
    const { code, err } = await verifyJson(`${file(path)}quote.bin`, ...optionsOf(vectorOf(path)))
    expect(code).toBe(0)
    expect(err).toContain('3065 bytes follow the quote')
  })

  test('a PCK chain may come in a file of its own', async () => {
    const vector = vectorOf('sgx/intel-qvl-sample-testroot/')
    const collateral = JSON.parse(readFileSync(vector.file('collateral.json'), 'utf8'))
    const { pck_certificate_chain: chain, ...others } = collateral
    const without = ['--endorsements', scratch.written(JSON.stringify(others))]
    const options = [
      vector.file('quote.bin'),
      '--root',
      vector.file('trusted_root_ca.pem'),
      ...at(vector.expected.verification_time ?? now),
    ]
    expect((await verifyJson(...options, ...without)).code).toBe(3)
    const beside = ['--endorsements', scratch.written(chain)]
    expect(await verifyJson(...options, ...without, ...beside)).toMatchObject({
      code: 0,
      json: { tcbStatus: 'UpToDate' },
    })
  })

  test('what Intel will change is foretold, and what a policy makes of it', async () => {
    const today = file('sgx/automata-v3-ev17/collateral.json')
    const early = file('sgx/automata-v3-ev18/collateral.json')
    const quote = file('sgx/automata-v3-ev17/quote.bin')
    const command = [quote, '--endorsements', today, ...at(1_750_416_900)]
    const foretold = await sealward('evidence', 'forecast', ...command, '--early', early, '--json')
    expect(foretold.code).toBe(0)
    expect(JSON.parse(foretold.out)).toMatchObject({
      changes: true,
      today: { tcbStatus: 'SWHardeningNeeded', tcbEvaluationDataNumber: 17 },
      early: { tcbStatus: 'OutOfDate', tcbEvaluationDataNumber: 18 },
    })
    const made = await sealward('evidence', 'verify', ...command, '--skeleton')
    const values = JSON.parse(made.out)
    values.tcbStatus = { kind: 'one-of', values: ['UpToDate', 'SWHardeningNeeded'] }
    values.advisories = { kind: 'unchecked', reason: 'the test is about the status' }
    const policy = scratch.written(JSON.stringify(values))
    const broken = await sealward(
      'evidence',
      'forecast',
      ...command,
      '--early',
      early,
      '--policy',
      policy,
    )
    expect(broken.code).toBe(1)
    expect(broken.out).toContain('wrong-tcb-status')
  })
})

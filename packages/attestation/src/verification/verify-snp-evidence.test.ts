import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf, type UnixSeconds } from '../bytes/index.ts'
import { octetString, unsignedInteger } from '../sample/der-writer.ts'
import {
  type AmdInputChanges,
  type AmdLine,
  amdExtensions,
  amdWorld,
  ia5String,
  instant,
  milanChip,
  milanTcb,
  turinTcb,
} from './amd-world.fixtures.ts'
import {
  type SnpVerificationInput,
  snpCertificatesMax,
  snpCrlsMax,
  verifySnpEvidence,
} from './index.ts'

const milan = await amdWorld('Milan')
const genoa = await amdWorld('Genoa')
const turin = await amdWorld('Turin')
const lines: readonly AmdLine[] = ['Milan', 'Genoa', 'Turin']
const worlds = { Milan: milan, Genoa: genoa, Turin: turin } as const
const good = await milan.input()

async function outcomeOf(input: SnpVerificationInput): Promise<string> {
  const verified = await verifySnpEvidence(input)
  return verified.ok ? 'verified' : verified.problem.code
}

/** Of Milan. */
async function outcomeWith(changes: AmdInputChanges): Promise<string> {
  return outcomeOf(await milan.input(changes))
}

describe.each(lines)('%s', (line) => {
  const { input, rootSpkiSha256 } = worlds[line]

  test.each([2, 3, 4, 5])('a report of version %i verifies', async (version) => {
    const tcb = line === 'Turin' ? turinTcb : { fmc: undefined, ...milanTcb }
    expect(await verifySnpEvidence(await input({ report: { version } }))).toMatchObject({
      ok: true,
      value: {
        kind: 'snp',
        report: { version },
        product: line.toLowerCase(),
        signingKey: 'vcek',
        cspId: undefined,
        measurement: '44'.repeat(48),
        hostData: '55'.repeat(32),
        reportData: '33'.repeat(64),
        vmpl: 0,
        guestPolicy: 0x3_0000n,
        debug: false,
        reportedTcb: tcb,
        currentTcb: tcb,
        committedTcb: tcb,
        launchTcb: tcb,
        revocation: 'good',
        rootSpkiSha256,
      },
    })
  })

  test("a report by a provider's key verifies, and says whose it is", async () => {
    expect(await verifySnpEvidence(await input({ kind: 'vlek' }))).toMatchObject({
      ok: true,
      value: { signingKey: 'vlek', cspId: 'CN=provider.example', chipId: '00'.repeat(64) },
    })
  })

  test.each(lines.filter((other) => other !== line))(
    'certificates of %s are refused',
    async (other) => {
      const { report } = await input()
      const { certificates, crls, roots } = await worlds[other].input()
      const outcome = await outcomeOf({ ...good, report, certificates, crls, roots })
      expect(outcome).toBe('report-signature')
    },
  )
})

test('debugging is reported, not judged', async () => {
  const debugged = await milan.input({ report: { fields: [[0x0a, [0x0b]]] } })
  expect(await verifySnpEvidence(debugged)).toMatchObject({ ok: true, value: { debug: true } })
})

test('an instant that is no number is a broken program', async () => {
  await expect(verifySnpEvidence({ ...good, at: Number.NaN })).rejects.toThrow(RangeError)
})

describe('the report', () => {
  test.each([
    ['that is cut off', (report: Uint8Array) => report.subarray(0, 1183), 'report-malformed'],
    ['without a signature', (report: Uint8Array) => report.fill(0, 0x2a0), 'report-signature'],
  ])('%s is refused', async (_, change, code) => {
    expect(await outcomeOf({ ...good, report: change(good.report.slice()) })).toBe(code)
  })

  test('signed by another key is refused', async () => {
    expect(await outcomeWith({ report: { signer: milan.keys.strangerEc } })).toBe(
      'report-signature',
    )
  })

  test.each([
    ['signed by none', 0b11100],
    ['of a chip whose key is masked', 0b00010],
  ])('%s by its own words is refused, whoever signed it', async (_, flags) => {
    expect(await outcomeWith({ report: { fields: [[0x48, [flags]]] } })).toBe('report-signature')
  })

  test.each(['vcek', 'vlek'] as const)(
    'that names another kind of key than the %s that signed it is refused',
    async (kind) => {
      const flags = kind === 'vcek' ? 0b100 : 0
      expect(await outcomeWith({ kind, report: { fields: [[0x48, [flags]]] } })).toBe(
        'signing-key-mismatch',
      )
    },
  )
})

describe('the TCB', () => {
  const milanBytes = { bootloader: 0, tee: 1, snp: 6, microcode: 7 } as const
  const turinBytes = { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7 } as const

  test.each([
    ...Object.entries(milanBytes).map(([name, index]) => ['Milan', name, index] as const),
    ...Object.entries(turinBytes).map(([name, index]) => ['Turin', name, index] as const),
  ])('of %s with another %s than the certificate has is refused', async (line, name, index) => {
    for (const [changed, expected] of [
      [[0x180 + index], { ok: false, problem: { code: 'tcb-mismatch' } }],
      // Only REPORTED_TCB is the certificate's.
      [[0x38 + index, 0x1e0 + index, 0x1f0 + index], { ok: true }],
    ] as const) {
      const fields = changed.map((offset) => [offset, [99]] as const)
      const verified = await verifySnpEvidence(await worlds[line].input({ report: { fields } }))
      expect(verified).toMatchObject(expected)
      if (!verified.ok) expect(verified.problem.at).toBe(`report.reportedTcb.${name}`)
    }
  })

  test.each([
    ...[2, 3, 4, 5].map((index) => ['Milan', index] as const),
    ...[4, 5, 6].map((index) => ['Turin', index] as const),
  ])('of %s with a component in byte %i, where none is known, is refused', async (line, index) => {
    const report = { fields: [[0x180 + index, [1]]] } as const
    expect(await outcomeOf(await worlds[line].input({ report }))).toBe('tcb-mismatch')
  })

  test('has no FMC before Turin, and one from then on', async () => {
    const withFmc = { ...amdExtensions('Milan', 'vcek'), '3.9': unsignedInteger(0) }
    expect(await outcomeWith({ leaf: { amd: withFmc } })).toBe('tcb-mismatch')
    const withoutFmc = { ...amdExtensions('Turin', 'vcek'), '3.9': undefined }
    expect(await outcomeOf(await turin.input({ leaf: { amd: withoutFmc } }))).toBe('tcb-mismatch')
  })
})

describe('the chip', () => {
  const last = 0x1a0 + 63

  test('of another name is refused', async () => {
    expect(await outcomeWith({ report: { fields: [[last, [0]]] } })).toBe('chip-id-mismatch')
    const none = Array<number>(64).fill(0)
    expect(await outcomeWith({ report: { fields: [[0x1a0, none]] } })).toBe('chip-id-mismatch')
  })

  test('of Turin has zeros after its 8 bytes', async () => {
    for (const offset of [0x1a0, 0x1a7, 0x1a8, last]) {
      const input = await turin.input({ report: { fields: [[offset, [1]]] } })
      expect(await outcomeOf(input), `0x${offset.toString(16)}`).toBe('chip-id-mismatch')
    }
  })

  test('stands in every VCEK, as it is or in an OCTET STRING', async () => {
    const amd = amdExtensions('Milan', 'vcek')
    expect(await outcomeWith({ leaf: { amd: { ...amd, '4': undefined } } })).toBe(
      'chip-id-mismatch',
    )
    expect(await outcomeWith({ leaf: { amd: { ...amd, '4': octetString(milanChip) } } })).toBe(
      'verified',
    )
  })

  test('does not matter to a VLEK', async () => {
    const named = await milan.input({
      kind: 'vlek',
      report: { fields: [[0x1a0, [...milanChip]]] },
    })
    expect(await outcomeOf(named)).toBe('verified')
  })
})

test('a VLEK without a provider is refused', async () => {
  const amd = { ...amdExtensions('Milan', 'vlek'), '5': undefined }
  expect(await outcomeWith({ kind: 'vlek', leaf: { amd } })).toBe('endorsements-malformed')
})

describe('the product', () => {
  const outcomeOfCpuid = async (line: AmdLine, family: number, model: number): Promise<string> =>
    outcomeOf(await worlds[line].input({ report: { fields: [[0x188, [family, model]]] } }))

  test.each([
    ['Milan', 0x19, 0x00],
    ['Milan', 0x19, 0x0f],
    ['Genoa', 0x19, 0x10],
    ['Genoa', 0x19, 0x1f],
    ['Genoa', 0x19, 0xa0],
    ['Genoa', 0x19, 0xaf],
    ['Turin', 0x1a, 0x00],
    ['Turin', 0x1a, 0x11],
  ] as const)('%s has processors of family %i, model %i', async (line, family, model) => {
    expect(await outcomeOfCpuid(line, family, model)).toBe('verified')
    const [other] = lines.filter((one) => one !== line)
    expect(await outcomeOfCpuid(other ?? line, family, model)).toBe('product-mismatch')
  })

  test.each([
    ['Milan', 0x17, 0x01],
    ['Genoa', 0x19, 0x20],
    ['Genoa', 0x19, 0x9f],
    ['Genoa', 0x19, 0xb0],
    ['Turin', 0x1a, 0x20],
    ['Turin', 0x1b, 0x00],
  ] as const)('%s has none of family %i, model %i', async (line, family, model) => {
    expect(await outcomeOfCpuid(line, family, model)).toBe('product-mismatch')
  })

  test.each(['Genoa', 'Turin', 'Naples', 'milan', '', 'Milano', 'constructor'])(
    'that the certificate calls %j is not Milan',
    async (name) => {
      const amd = { ...amdExtensions('Milan', 'vcek'), '2': ia5String(name) }
      expect(await outcomeWith({ leaf: { amd } })).toBe('product-mismatch')
    },
  )
})

describe('the chain', () => {
  const { stranger, strangerEc } = milan.keys

  test.each<readonly [string, AmdInputChanges]>([
    ['a leaf that its issuer did not sign', { leaf: { signer: stranger } }],
    ['an ASK that the root did not sign', { intermediate: { signer: stranger } }],
    ['a root that did not sign itself', { root: { signer: stranger } }],
    ['another key under the name of the ASK', { intermediate: { key: stranger } }],
    ['an ASK that is no authority', { intermediate: { isCa: false, pathLength: undefined } }],
    ['an ASK whose key is not for certificates', { intermediate: { keyUsage: 0x80 } }],
    ['an ASK that says nothing of its key', { intermediate: { keyUsage: undefined } }],
    ['an ASK that allows authorities below it', { intermediate: { pathLength: 1 } }],
    ['an ASK that allows any depth below it', { intermediate: { pathLength: undefined } }],
    ['a root that is no authority', { root: { isCa: false } }],
    ['a root whose key is not for certificates', { root: { keyUsage: 0x02 } }],
    ['a leaf that is an authority', { leaf: { isCa: true } }],
    ['a leaf with a key of RSA', { leaf: { key: stranger } }],
    [
      'an ASK of another line',
      { leaf: { issuer: 'SEV-Genoa' }, intermediate: { commonName: 'SEV-Genoa' } },
    ],
    [
      'the ASVK above a VCEK',
      { leaf: { issuer: 'SEV-VLEK-Milan' }, intermediate: { commonName: 'SEV-VLEK-Milan' } },
    ],
    [
      'a root of a line that is not known',
      {
        intermediate: { issuer: 'ARK-Naples' },
        root: { commonName: 'ARK-Naples', issuer: 'ARK-Naples' },
      },
    ],
    [
      'a root that has no name of a root',
      { intermediate: { issuer: 'Milan' }, root: { commonName: 'Milan', issuer: 'Milan' } },
    ],
    [
      'the ASK above a VLEK',
      {
        kind: 'vlek',
        leaf: { issuer: 'SEV-Milan' },
        intermediate: { commonName: 'SEV-Milan' },
      },
    ],
    ['a root that names another as its issuer', { root: { issuer: 'ARK-Genoa' } }],
  ])('with %s is refused', async (_, changes) => {
    expect(await outcomeWith({ crl: {}, ...changes })).toBe('chain')
  })

  test('of one who took all the names is refused for its root', async () => {
    const impostor = await amdWorld('Milan')
    const forged = await impostor.input()
    expect(await outcomeOf(forged)).toBe('verified')
    expect(await outcomeOf({ ...forged, roots: good.roots })).toBe('root-not-trusted')
    expect(await outcomeOf({ ...good, roots: [] })).toBe('root-not-trusted')
  })

  test.each([0, 1, 2])('without certificate %i misses an endorsement', async (index) => {
    const certificates = good.certificates.toSpliced(index, 1)
    expect(await outcomeOf({ ...good, certificates })).toBe('missing-endorsements')
  })

  test.each<readonly [string, AmdInputChanges]>([
    ['leaf', { leaf: { notAfter: instant - 1 } }],
    ['ASK', { intermediate: { notAfter: instant - 1 } }],
    ['root', { root: { notAfter: instant - 1 } }],
  ])('whose %s has expired is refused', async (_, changes) => {
    expect(await outcomeWith(changes)).toBe('certificate-expired')
  })

  test('is in force up to the last second of what ends first, from the first of what begins last', async () => {
    const from = instant - 10
    const until = instant + 10
    const cases: readonly AmdInputChanges[] = [
      { leaf: { notBefore: from, notAfter: until } },
      { intermediate: { notBefore: from, notAfter: until } },
      { root: { notBefore: from, notAfter: until } },
      { crl: { thisUpdate: from, nextUpdate: until } },
    ]
    for (const changes of cases) {
      const input = await milan.input(changes)
      const what = changes.crl === undefined ? 'certificate' : 'crl'
      const outcomeAt = (at: UnixSeconds): Promise<string> => outcomeOf({ ...input, at })
      expect(await outcomeAt(from - 1)).toBe(`${what}-not-yet-valid`)
      expect(await outcomeAt(from)).toBe('verified')
      expect(await outcomeAt(until + 1)).toBe(`${what}-expired`)
      expect(await verifySnpEvidence({ ...input, at: until })).toMatchObject({
        ok: true,
        value: { earliestExpiry: until },
      })
    }
  })

  test('is found in a heap of other certificates, in any order', async () => {
    const others = await Promise.all([
      genoa.input(),
      turin.input(),
      milan.input({ kind: 'vlek' }),
      milan.input({
        leaf: { amd: { ...amdExtensions('Milan', 'vcek'), '3.3': unsignedInteger(1) } },
      }),
    ])
    // A VLEK names no chip: the processor tells those of two lines apart.
    const providers = await Promise.all([milan, genoa].map((one) => one.input({ kind: 'vlek' })))
    for (const input of providers) {
      const certificates = providers.flatMap((one) => one.certificates)
      expect(await outcomeOf({ ...input, certificates })).toBe('verified')
    }
    const heap = [...others.flatMap(({ certificates }) => certificates), ...good.certificates]
    expect(await outcomeOf({ ...good, certificates: heap })).toBe('verified')
    expect(await outcomeOf({ ...good, certificates: heap.toReversed() })).toBe('verified')
  })

  test('is found beside authorities of the same names', async () => {
    const longer = { notAfter: instant + 9_000_000, signer: stranger, key: stranger }
    const impostors = [
      await milan.certificate('ask', { ...longer, signer: stranger }),
      await milan.certificate('ark', longer),
    ]
    expect(await outcomeOf({ ...good, certificates: [...impostors, ...good.certificates] })).toBe(
      'verified',
    )
  })

  test('ends with the certificate of the same key that lasts longest', async () => {
    const expired = await milan.certificate('vcek', { notAfter: instant - 1 })
    for (const certificates of [
      [expired, ...good.certificates],
      [...good.certificates, expired],
    ]) {
      expect(await outcomeOf({ ...good, certificates })).toBe('verified')
    }
  })

  test('does not begin with a key that signed another report', async () => {
    const leaf = await milan.certificate('vcek', { key: strangerEc })
    const certificates = good.certificates.with(0, leaf)
    expect(await outcomeOf({ ...good, certificates })).toBe('report-signature')
  })
})

describe('revocation', () => {
  const ark = 0x1_0000
  const ask = 0x1_0001
  const asvk = 0x1_0101

  test('without a list is missing, or unchecked where that is said', async () => {
    expect(await outcomeOf({ ...good, crls: [] })).toBe('missing-endorsements')
    const revocation = { unchecked: 'no list at hand' } as const
    expect(await verifySnpEvidence({ ...good, crls: [], revocation })).toMatchObject({
      ok: true,
      value: { revocation: 'unchecked' },
    })
    expect(await verifySnpEvidence({ ...good, revocation })).toMatchObject({
      ok: true,
      value: { revocation: 'good' },
    })
  })

  test('by a list of another root does not count', async () => {
    const { crls } = await genoa.input()
    expect(await outcomeOf({ ...good, crls })).toBe('missing-endorsements')
    expect(await outcomeOf({ ...good, crls: [...crls, ...good.crls] })).toBe('verified')
  })

  test.each([
    ['the ASK', 'vcek', ask, 'revoked'],
    ['the ASVK', 'vlek', asvk, 'revoked'],
    ['the root', 'vcek', ark, 'revoked'],
    ['the ASVK', 'vcek', asvk, 'verified'],
    ['the ASK', 'vlek', ask, 'verified'],
  ] as const)('of %s, for a report by a %s', async (_, kind, serialNumber, outcome) => {
    expect(await outcomeWith({ kind, crl: { revoked: [7, serialNumber] } })).toBe(outcome)
  })

  test('counts in every list, also where none is asked for', async () => {
    const revoking = await milan.crl({ revoked: [ask] })
    for (const crls of [[revoking], [revoking, ...good.crls], [...good.crls, revoking]]) {
      expect(await outcomeOf({ ...good, crls })).toBe('revoked')
      expect(await outcomeOf({ ...good, crls, revocation: { unchecked: 'not asked' } })).toBe(
        'revoked',
      )
    }
  })

  test('is not believed of a list that the root did not sign, or may not sign', async () => {
    expect(await outcomeWith({ crl: { signer: milan.keys.stranger } })).toBe('crl-signature')
    expect(await outcomeWith({ crl: { signer: milan.keys.ask } })).toBe('crl-signature')
    expect(await outcomeWith({ root: { keyUsage: 0x04 } })).toBe('crl-signature')
    const forged = await milan.crl({ signer: milan.keys.stranger })
    expect(await outcomeOf({ ...good, crls: [...good.crls, forged] })).toBe('crl-signature')
  })

  test('needs every list to be in force', async () => {
    const expired = await milan.crl({ nextUpdate: instant - 1 })
    const early = await milan.crl({ thisUpdate: instant + 1 })
    expect(await outcomeOf({ ...good, crls: [...good.crls, expired] })).toBe('crl-expired')
    expect(await outcomeOf({ ...good, crls: [...good.crls, early] })).toBe('crl-not-yet-valid')
  })
})

describe('limits', () => {
  const [, , root = new Uint8Array()] = good.certificates
  const [crl = new Uint8Array()] = good.crls

  test('of how many certificates there may be', async () => {
    const some = Array<Uint8Array>(snpCertificatesMax - good.certificates.length).fill(root)
    const certificates = [...some, ...good.certificates]
    expect(await outcomeOf({ ...good, certificates })).toBe('verified')
    expect(await outcomeOf({ ...good, certificates: [root, ...certificates] })).toBe(
      'endorsements-malformed',
    )
  })

  test('of how many revocation lists there may be', async () => {
    const crls = Array<Uint8Array>(snpCrlsMax).fill(crl)
    expect(await outcomeOf({ ...good, crls })).toBe('verified')
    expect(await outcomeOf({ ...good, crls: [crl, ...crls] })).toBe('endorsements-malformed')
  })

  test('what is no certificate, and no list, is refused', async () => {
    const nothing = new Uint8Array()
    for (const changed of [
      { certificates: [...good.certificates, nothing] },
      { certificates: [...good.certificates, crl] },
      { certificates: [...good.certificates, new Uint8Array(1_000_000)] },
      { crls: [...good.crls, nothing] },
      { crls: [...good.crls, root] },
    ]) {
      expect(await outcomeOf({ ...good, ...changed })).toBe('endorsements-malformed')
    }
  })
})

/** Every how many bits one is flipped; SEALWARD_BIT_FLIP_STRIDE=1 flips all of them. */
const strideBits = Number(process.env['SEALWARD_BIT_FLIP_STRIDE'] ?? 61)

describe('a flipped bit is never verified', () => {
  const [leaf, ask, root] = good.certificates
  const [crl] = good.crls

  test.each<readonly [string, Uint8Array | undefined, (flipped: Uint8Array) => object]>([
    ['the report', good.report, (report) => ({ report })],
    ['the VCEK', leaf, (one) => ({ certificates: good.certificates.with(0, one) })],
    ['the ASK', ask, (one) => ({ certificates: good.certificates.with(1, one) })],
    ['the ARK', root, (one) => ({ certificates: good.certificates.with(2, one) })],
    ['the list', crl, (one) => ({ crls: [one] })],
  ])('in %s', async (what, bytes = new Uint8Array(), changeOf) => {
    let flips = 0
    for (let bit = 0; bit < 8 * bytes.length; bit += strideBits) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await outcomeOf({ ...good, ...changeOf(flipped) }), `bit ${bit}`).not.toBe('verified')
      flips += 1
    }
    expect(flips).toBeGreaterThan(50)
    process.stdout.write(`${flips} bits of ${what} flipped\n`)
  })
})

test('no bytes make it throw', async () => {
  const bytes = fc.uint8Array({ maxLength: 1300 })
  const lists = fc.array(fc.oneof(bytes, fc.constantFrom(...good.certificates, ...good.crls)), {
    maxLength: 6,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(bytes, fc.constant(good.report)),
      lists,
      lists,
      async (report, certificates, crls) => {
        const verified = await verifySnpEvidence({ ...good, report, certificates, crls })
        expect(verified.ok && hexOf(report) !== hexOf(good.report)).toBe(false)
      },
    ),
  )
})

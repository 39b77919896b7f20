import { createHash, createPublicKey } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf, utf8Of } from '../bytes/index.ts'
import {
  cborArray,
  cborBytes,
  cborInteger,
  cborMap,
  cborText,
} from '../evidence/cose-sign1.fixtures.ts'
import {
  encodeRaTlsClaims,
  parseDcapQuote,
  parseOpenEnclaveReport,
  parseRaTlsCertificate,
  parseRaTlsClaims,
} from '../evidence/index.ts'
import {
  hashEntryOf,
  type RaTlsWorld,
  type RaTlsWorldChanges,
  raTlsWorld,
} from '../evidence/ra-tls.fixtures.ts'
import { type RaTlsHardwareEvidence, verifyRaTlsBinding } from './index.ts'
import { absentVectors, hasSharedVectors, readCapturedVectors } from './shared-vectors.fixtures.ts'
import type { Verified } from './verified.ts'

const believed = (evidence: RaTlsHardwareEvidence): Verified<RaTlsHardwareEvidence> =>
  evidence as Verified<RaTlsHardwareEvidence>
const verify = (
  { evidence, der }: RaTlsWorld,
  change: Partial<RaTlsHardwareEvidence> = {},
): ReturnType<typeof verifyRaTlsBinding> =>
  verifyRaTlsBinding(believed({ ...evidence, ...change }), der)

test.each<readonly [string, string, RaTlsWorldChanges]>([
  ['interoperable', 'dice', {}],
  ['interoperable, with SHA-384', 'dice', { hash: 'sha384' }],
  ['interoperable, with SHA-512', 'dice', { hash: 'sha512', key: 'rsa' }],
  ["Gramine's", 'legacy', { form: 'gramine', key: 'p384' }],
  ["Intel's", 'legacy', { form: 'intel' }],
  ["Open Enclave's", 'open-enclave', { form: 'open-enclave' }],
])('a certificate of the form %s is its enclave’s', async (_, form, changes) => {
  expect(await verify(raTlsWorld(changes))).toMatchObject({ ok: true, value: { form } })
})

const workload = {
  runtimeData: utf8Of('{"version":1}'),
  initTimeData: utf8Of('{"version":2}'),
  notBefore: 1_700_000_000,
  notAfter: 1_700_007_200,
}

test('claims of a workload are read as they were written, and leave the others what they are', async () => {
  const spki = Uint8Array.of(1, 2, 3)
  const nonce = new Uint8Array(32).fill(9)
  const claims = await encodeRaTlsClaims(spki, nonce, workload)
  const value = new Uint8Array(createHash('sha256').update(spki).digest())
  expect(parseRaTlsClaims(claims)).toEqual({
    ok: true,
    value: { publicKeyHash: { algorithm: 'SHA-256', value }, nonce, workload },
  })
})

test('claims that say a part of a workload only, or in another form, are refused', () => {
  const entry = hashEntryOf(1, new Uint8Array(32))
  const key = [cborText('pubkey-hash'), cborBytes(entry)] as const
  const parts = [
    [cborText('sealward-runtime-data'), cborBytes(workload.runtimeData)],
    [cborText('sealward-init-time-data'), cborBytes(workload.initTimeData)],
    [cborText('sealward-not-before'), cborInteger(1)],
    [cborText('sealward-not-after'), cborInteger(2)],
  ] as const
  expect(parseRaTlsClaims(cborMap(key, ...parts))).toMatchObject({ ok: true })
  for (const left of parts) {
    const others = parts.filter((part) => part !== left)
    const changed = [left[0], cborText('x')] as const
    for (const claims of [cborMap(key, ...others), cborMap(key, ...others, changed)]) {
      expect(parseRaTlsClaims(claims)).toMatchObject({
        problem: { code: 'ra-tls-claims-malformed' },
      })
    }
  }
})

test('a certificate with other dates than the claims is refused', async () => {
  const { der } = raTlsWorld()
  const read = parseRaTlsCertificate(der)
  if (!read.ok) throw new Error(read.problem.code)
  const { spki, notBefore, notAfter } = read.value.certificate
  for (const [dates, code] of [
    [{ notBefore, notAfter }, undefined],
    [{ notBefore: notBefore + 1, notAfter }, 'ra-tls-validity'],
    [{ notBefore, notAfter: notAfter - 1 }, 'ra-tls-validity'],
  ] as const) {
    const claims = await encodeRaTlsClaims(spki, Uint8Array.of(1), { ...workload, ...dates })
    const bound = await verify(raTlsWorld({ claims }))
    expect(bound.ok ? undefined : bound.problem.code).toBe(code)
  }
})

test('the nonce is handed on, and the endorsements as they stand', async () => {
  const nonce = Uint8Array.of(1, 2, 3)
  const world = raTlsWorld({ nonce, endorsements: Uint8Array.of(4) })
  expect(await verify(world)).toMatchObject({ ok: true, value: { nonce } })
  expect(parseRaTlsCertificate(world.der)).toMatchObject({
    ok: true,
    value: { endorsements: Uint8Array.of(4), quote: world.quote },
  })
  expect(await verify(raTlsWorld())).toMatchObject({ ok: true, value: { nonce: undefined } })
})

const zeros = '0'.repeat(128)

test.each<readonly [string, string, RaTlsWorldChanges, Partial<RaTlsHardwareEvidence>]>([
  ['another quote than was verified', 'ra-tls-quote-mismatch', {}, { hashes: { quote: '00' } }],
  ['another signer', 'ra-tls-self-signature', { signer: 'other' }, {}],
  ['claims about another key', 'ra-tls-public-key-binding', { bound: 'other' }, {}],
  ['other claims', 'ra-tls-claims-binding', {}, { reportData: zeros }],
  ['no REPORTDATA', 'ra-tls-claims-binding', {}, { reportData: 'x' }],
  ["another key (Gramine's)", 'ra-tls-public-key-binding', { form: 'gramine', bound: 'other' }, {}],
  [
    "another key (Open Enclave's)",
    'ra-tls-public-key-binding',
    { form: 'open-enclave', bound: 'other' },
    {},
  ],
  ['no evidence', 'ra-tls-malformed', { form: 'none' }, {}],
])('%s: refused', async (_, code, changes, evidence) => {
  expect(await verify(raTlsWorld(changes), evidence)).toMatchObject({
    ok: false,
    problem: { code },
  })
})

test('something in the upper half of REPORTDATA is refused', async () => {
  for (const form of ['dice', 'gramine', 'open-enclave'] as const) {
    const world = raTlsWorld({ form })
    const reportData = `${world.evidence.reportData.slice(0, -1)}1`
    expect(await verify(world, { reportData })).toMatchObject({ ok: false })
  }
})

const entry = hashEntryOf(1, new Uint8Array(32))

test.each<readonly [string, string, RaTlsWorldChanges]>([
  ['a report of TDX', 'ra-tls-not-a-quote', { tag: 60_001 }],
  ['a report of SGX', 'ra-tls-not-a-quote', { tag: 60_002 }],
  ['a tag of something else', 'cbor-malformed', { tag: 60_003 }],
  ['a quote without claims', 'ra-tls-evidence-malformed', { content: cborArray(cborBytes(entry)) }],
  [
    'a quote that is text',
    'ra-tls-evidence-malformed',
    { content: cborArray(cborText('quote'), cborBytes(entry)) },
  ],
  ['a list of claims', 'ra-tls-claims-malformed', { claims: cborArray() }],
  ['claims without a key', 'ra-tls-claims-malformed', { claims: cborMap() }],
  [
    'a hash that is text',
    'ra-tls-claims-malformed',
    { claims: cborMap([cborText('pubkey-hash'), cborText('x')]) },
  ],
  [
    'a hash without algorithm',
    'ra-tls-claims-malformed',
    { claims: cborMap([cborText('pubkey-hash'), cborBytes(cborArray(cborInteger(1)))]) },
  ],
  [
    'a hash of another algorithm',
    'ra-tls-unsupported-hash',
    { claims: cborMap([cborText('pubkey-hash'), cborBytes(hashEntryOf(2, entry))]) },
  ],
  [
    'a nonce that is text',
    'ra-tls-claims-malformed',
    {
      claims: cborMap(
        [cborText('pubkey-hash'), cborBytes(entry)],
        [cborText('nonce'), cborText('x')],
      ),
    },
  ],
  [
    'a claim twice',
    'cbor-malformed',
    {
      claims: cborMap(
        [cborText('pubkey-hash'), cborBytes(entry)],
        [cborText('pubkey-hash'), cborBytes(entry)],
      ),
    },
  ],
  ['no evidence', 'ra-tls-no-evidence', { form: 'none' }],
])('%s is refused', (_, code, changes) => {
  expect(parseRaTlsCertificate(raTlsWorld(changes).der)).toMatchObject({
    ok: false,
    problem: { code },
  })
})

test('no changed byte of a certificate is believed, and no part of one', async () => {
  const world = raTlsWorld()
  for (let offset = 0; offset < world.der.length; offset += 3) {
    const der = new Uint8Array(world.der)
    der[offset] = (der[offset] ?? 0) ^ 1
    expect(await verify({ ...world, der })).toMatchObject({ ok: false })
    expect(parseRaTlsCertificate(world.der.subarray(0, offset))).toMatchObject({ ok: false })
  }
})

test('no bytes make it throw', () => {
  const { der } = raTlsWorld()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(), (bytes, offset) => {
      const changed = new Uint8Array(der)
      changed.set(bytes, offset % (changed.length - 64))
      parseRaTlsCertificate(changed)
      parseRaTlsCertificate(bytes)
      parseOpenEnclaveReport(bytes)
    }),
  )
})

test.skipIf(hasSharedVectors)(`captured certificates: ${absentVectors}`, () => {
  expect(hasSharedVectors).toBe(false)
})

describe.runIf(hasSharedVectors)('captured certificates', () => {
  const file = (name: string, of: string): Uint8Array =>
    readCapturedVectors('sgx')
      .find((vector) => vector.name === name)
      ?.file(of) ?? new Uint8Array()

  test('ratls-gramine-cert: the enclave holds the key, and no other quote says so', async () => {
    const der = file('ratls-gramine-cert', 'certificate.der')
    const parsed = parseRaTlsCertificate(der)
    expect(parsed).toMatchObject({
      ok: true,
      value: { form: 'dice', claims: { publicKeyHash: { algorithm: 'SHA-256' } } },
    })
    if (!parsed.ok || parsed.value.form !== 'dice') return
    const { quote, claimsBytes } = parsed.value
    const reportData = reportDataOf(quote)
    expect(reportData).toBe(sha256Of(claimsBytes).padEnd(128, '0'))
    const evidence = believed({ reportData, hashes: { quote: sha256Of(quote) } })
    expect(await verifyRaTlsBinding(evidence, der)).toMatchObject({
      ok: true,
      value: { form: 'dice', spki: parsed.value.certificate.spki },
    })
    // The other extension has a quote of its own, over the key itself.
    const other = parsed.value.certificate.extensions.find(({ oid }) => oid.startsWith('0.6.'))
    const legacy = other?.value ?? new Uint8Array()
    expect(reportDataOf(legacy)).toBe(sha256Of(parsed.value.certificate.spki).padEnd(128, '0'))
    for (let offset = 0; offset < der.length; offset += 211) {
      const changed = new Uint8Array(der)
      changed[offset] = (changed[offset] ?? 0) ^ 1
      expect(await verifyRaTlsBinding(evidence, changed)).toMatchObject({ ok: false })
      expect(parseRaTlsCertificate(der.subarray(0, offset))).toMatchObject({ ok: false })
    }
  })

  test('openenclave-bad-cert-ec: the quote is found, and the certificate refused', async () => {
    const der = file('openenclave-bad-cert-ec', 'certificate.der')
    const parsed = parseRaTlsCertificate(der)
    expect(parsed).toMatchObject({ ok: true, value: { form: 'open-enclave' } })
    if (!parsed.ok) return
    const { quote, certificate } = parsed.value
    // What it binds is right; a byte of it was changed after it was signed.
    const key = createPublicKey({ key: Buffer.from(certificate.spki), format: 'der', type: 'spki' })
    const pem = String(key.export({ type: 'spki', format: 'pem' }))
    expect(reportDataOf(quote)).toBe(sha256Of(utf8Of(`${pem}\0`)).padEnd(128, '0'))
    const evidence = believed({
      reportData: reportDataOf(quote),
      hashes: { quote: sha256Of(quote) },
    })
    expect(await verifyRaTlsBinding(evidence, der)).toMatchObject({
      ok: false,
      problem: { code: 'ra-tls-self-signature' },
    })
  })

  test('openenclave-bad-report: the quote inside is found', () => {
    const quote = parseOpenEnclaveReport(file('openenclave-bad-report', 'report.bin'))
    expect(quote.ok && quote.value.length).toBe(4580)
  })
})

function reportDataOf(quote: Uint8Array): string {
  const parsed = parseDcapQuote(quote)
  return parsed.ok && parsed.value.kind === 'sgx' ? hexOf(parsed.value.reportBody.reportData) : ''
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

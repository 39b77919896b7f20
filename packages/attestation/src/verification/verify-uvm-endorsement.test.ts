import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CoseWorldChanges,
  cborArray,
  cborBytes,
  cborInteger,
  cborMap,
  cborText,
  coseInstants,
  coseWorld,
} from '../evidence/cose-sign1.fixtures.ts'
import { parseCoseSign1, parseThimCertificates } from '../evidence/index.ts'
import {
  microsoftUvmFeed,
  microsoftUvmIssuer,
  type UvmEndorsement,
  type UvmEndorsementInput,
  verifyEndorsedMeasurement,
  verifySecurityPolicyBinding,
  verifyUvmEndorsement,
} from './index.ts'
import { absentVectors, hasSharedVectors, readCapturedVectors } from './shared-vectors.fixtures.ts'
import type { Verified } from './verified.ts'

const world = coseWorld()
const good: UvmEndorsementInput = {
  endorsement: world.message,
  issuers: [world.did],
  feeds: [world.feed],
  guestSvnMin: 22,
  instant: coseInstants.signed,
}
const changedTo = (changes: CoseWorldChanges): UvmEndorsementInput => ({
  ...good,
  endorsement: coseWorld(changes).message,
})

test('what a trusted issuer signed is believed', async () => {
  expect(await verifyUvmEndorsement(good)).toEqual({
    ok: true,
    value: {
      launchMeasurement: world.measurement,
      guestSvn: 22,
      issuer: world.did,
      feed: 'Feed',
      signedAt: coseInstants.signed,
      earliestExpiry: coseInstants.until,
    },
  })
})

test.each(['ES256', 'ES384', 'PS256', 'PS384', 'PS512'] as const)(
  '%s verifies',
  async (algorithm) => {
    expect(await verifyUvmEndorsement(changedTo({ algorithm }))).toMatchObject({ ok: true })
  },
)

test('the tag may be left out', async () => {
  expect(await verifyUvmEndorsement(changedTo({ untagged: true }))).toMatchObject({ ok: true })
})

const malformedPayload = (payload: unknown): UvmEndorsementInput => changedTo({ payload })

test.each<readonly [string, string, UvmEndorsementInput]>([
  [
    'an issuer that is not trusted',
    'uvm-issuer-not-trusted',
    { ...good, issuers: [microsoftUvmIssuer] },
  ],
  ['a feed that is not trusted', 'uvm-feed-not-trusted', { ...good, feeds: ['Other'] }],
  [
    'a trusted name over other certificates',
    'uvm-issuer-mismatch',
    { ...changedTo({ did: microsoftUvmIssuer }), issuers: [microsoftUvmIssuer] },
  ],
  [
    'a name of another form',
    'uvm-issuer-mismatch',
    { ...changedTo({ did: 'did:web:example' }), issuers: ['did:web:example'] },
  ],
  [
    'a certificate for another purpose',
    'uvm-issuer-mismatch',
    changedTo({ leafPurpose: '1.3.6.1.5.5.7.3.3' }),
  ],
  ['an authority as signer', 'uvm-chain', changedTo({ leafIsCa: true })],
  [
    'a path without its middle',
    'uvm-chain',
    changedTo({ certificates: ([leaf, , root]) => (leaf && root ? [leaf, root] : []) }),
  ],
  [
    'a path that is not in order',
    'uvm-chain',
    changedTo({
      certificates: ([leaf, middle, root]) => (leaf && middle && root ? [leaf, root, middle] : []),
    }),
  ],
  [
    'an instant before',
    'uvm-certificate-not-yet-valid',
    { ...good, instant: coseInstants.from - 1 },
  ],
  ['an instant after', 'uvm-certificate-expired', { ...good, instant: coseInstants.until + 1 }],
  ['an older version than accepted', 'uvm-svn-too-old', { ...good, guestSvnMin: 23 }],
  [
    'an upper-case measurement',
    'uvm-malformed',
    malformedPayload({
      'x-ms-sevsnpvm-guestsvn': '22',
      'x-ms-sevsnpvm-launchmeasurement': 'AB'.repeat(48),
    }),
  ],
  [
    'a version that is no number',
    'uvm-malformed',
    malformedPayload({
      'x-ms-sevsnpvm-guestsvn': '022',
      'x-ms-sevsnpvm-launchmeasurement': world.measurement,
    }),
  ],
  ['a payload without fields', 'uvm-malformed', malformedPayload({})],
  [
    'a critical header',
    'uvm-malformed',
    changedTo({ protectedHeaders: [[cborInteger(2), cborArray(cborInteger(99))]] }),
  ],
  [
    'a header twice',
    'uvm-malformed',
    changedTo({ protectedHeaders: [[cborText('iss'), cborText('other')]] }),
  ],
  ['bytes that are no CBOR', 'uvm-malformed', { ...good, endorsement: Uint8Array.of(0xff) }],
])('%s is refused', async (_, code, input) => {
  expect(await verifyUvmEndorsement(input)).toMatchObject({ ok: false, problem: { code } })
})

const inClaims: CoseWorldChanges = {
  claimsSvn: cborInteger(104),
  rawPayload: new Uint8Array(48).fill(0xab),
}

test('claims in one header, with the measurement as payload, are believed as well', async () => {
  const input = { ...changedTo(inClaims), guestSvnMin: 104 }
  expect(await verifyUvmEndorsement(input)).toMatchObject({
    ok: true,
    value: {
      launchMeasurement: world.measurement,
      guestSvn: 104,
      feed: 'Feed',
      signedAt: coseInstants.signed,
    },
  })
  expect(await verifyUvmEndorsement({ ...input, guestSvnMin: 105 })).toMatchObject({
    ok: false,
    problem: { code: 'uvm-svn-too-old' },
  })
})

test.each<readonly [string, CoseWorldChanges]>([
  ['a version that is text', { ...inClaims, claimsSvn: cborText('104') }],
  ['a version below zero', { ...inClaims, claimsSvn: cborInteger(-1) }],
  ['a measurement of another length', { ...inClaims, rawPayload: new Uint8Array(47) }],
  [
    'an issuer in two places',
    { ...inClaims, protectedHeaders: [[cborText('iss'), cborText('x')]] },
  ],
  ['a measurement without claims', { rawPayload: new Uint8Array(48) }],
])('%s is refused', async (_, changes) => {
  expect(await verifyUvmEndorsement(changedTo(changes))).toMatchObject({
    ok: false,
    problem: { code: 'uvm-malformed' },
  })
})

test('the word of the signer for the time is taken only where one says so', async () => {
  expect(await verifyUvmEndorsement({ ...good, instant: 'signing-time' })).toMatchObject({
    ok: true,
  })
  expect(await verifyUvmEndorsement({ ...good, instant: 1_900_000_000 })).toMatchObject({
    ok: false,
    problem: { code: 'uvm-certificate-expired' },
  })
})

test('no single changed byte of the statement is believed', async () => {
  for (let offset = 0; offset < world.message.length; offset += 41) {
    const endorsement = new Uint8Array(world.message)
    endorsement[offset] = (endorsement[offset] ?? 0) ^ 1
    expect(await verifyUvmEndorsement({ ...good, endorsement })).toMatchObject({ ok: false })
  }
})

test('every proper prefix is refused, and so is one byte more', () => {
  for (let length = 0; length < world.message.length; length += 7) {
    expect(parseCoseSign1(world.message.subarray(0, length))).toMatchObject({ ok: false })
  }
  expect(parseCoseSign1(new Uint8Array([...world.message, 0]))).toMatchObject({ ok: false })
})

test.each([
  ['a map', cborMap(), 'cose-malformed'],
  [
    'a list of three',
    cborArray(cborBytes(cborMap()), cborMap(), cborBytes(new Uint8Array())),
    'cose-malformed',
  ],
  [
    'no algorithm',
    cborArray(
      cborBytes(cborMap()),
      cborMap(),
      cborBytes(new Uint8Array()),
      cborBytes(new Uint8Array()),
    ),
    'cose-unsupported-algorithm',
  ],
  [
    'no certificates',
    cborArray(
      cborBytes(cborMap([cborInteger(1), cborInteger(-38)])),
      cborMap(),
      cborBytes(new Uint8Array()),
      cborBytes(new Uint8Array()),
    ),
    'cose-malformed',
  ],
  ['deep nesting', new Uint8Array(20_000).fill(0x81), 'cbor-too-deep'],
])('%s is no statement', (_, input, code) => {
  expect(parseCoseSign1(input)).toMatchObject({ ok: false, problem: { code } })
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 96 }), fc.nat(), (bytes, offset) => {
      const changed = new Uint8Array(world.message)
      changed.set(bytes, offset % (changed.length - bytes.length))
      parseCoseSign1(changed)
      parseCoseSign1(bytes)
    }),
  )
})

test.skipIf(hasSharedVectors)(`a captured container group: ${absentVectors}`, () => {
  expect(hasSharedVectors).toBe(false)
})

describe.runIf(hasSharedVectors)('azure-aci-milan-v2-uvm', () => {
  const vector = readCapturedVectors('snp').find(({ name }) => name === 'azure-aci-milan-v2-uvm')
  const file = (name: string): Uint8Array => vector?.file(name) ?? new Uint8Array()
  const parsed = (vector?.expected.parsed ?? {}) as unknown as {
    readonly measurement: string
    readonly host_data: string
  }
  const evidence = { measurement: parsed.measurement, hostData: parsed.host_data } as Verified<{
    readonly measurement: string
    readonly hostData: string
  }>
  const input: UvmEndorsementInput = {
    endorsement: file('uvm_reference_info.cose'),
    issuers: [microsoftUvmIssuer],
    feeds: [microsoftUvmFeed],
    guestSvnMin: 22,
    instant: 'signing-time',
  }

  test("Microsoft's endorsement is believed, and is of the machine that was measured", async () => {
    const verified = await verifyUvmEndorsement(input)
    expect(verified).toMatchObject({
      ok: true,
      value: { guestSvn: 22, issuer: microsoftUvmIssuer, signedAt: 1_675_834_943 },
    })
    if (!verified.ok) return
    expect(verifyEndorsedMeasurement(evidence, verified.value)).toMatchObject({ ok: true })
    const other = {
      ...verified.value,
      launchMeasurement: '00'.repeat(48),
    } as Verified<UvmEndorsement>
    expect(verifyEndorsedMeasurement(evidence, other)).toMatchObject({
      ok: false,
      problem: { code: 'uvm-measurement-mismatch' },
    })
  })

  test('its certificate ran out in 2024', async () => {
    expect(await verifyUvmEndorsement({ ...input, instant: 1_704_300_000 })).toMatchObject({
      ok: true,
    })
    expect(await verifyUvmEndorsement({ ...input, instant: 1_704_400_000 })).toMatchObject({
      ok: false,
      problem: { code: 'uvm-certificate-expired' },
    })
  })

  test('no changed byte of it is believed, and no part of it', async () => {
    // What is not protected, a time stamp, is not signed by who signed the rest, and not read.
    const { signedBytes, signature } = signedPartsOf(input.endorsement)
    for (const part of [signedBytes, signature]) {
      for (let offset = part.start; offset < part.end; offset += 211) {
        const endorsement = new Uint8Array(input.endorsement)
        endorsement[offset] = (endorsement[offset] ?? 0) ^ 1
        expect(await verifyUvmEndorsement({ ...input, endorsement })).toMatchObject({ ok: false })
      }
    }
    for (let length = 0; length < input.endorsement.length; length += 97) {
      expect(parseCoseSign1(input.endorsement.subarray(0, length))).toMatchObject({ ok: false })
    }
  })

  test('HOST_DATA is of its security policy and of no other', async () => {
    const policy = file('security_policy.bin')
    expect(await verifySecurityPolicyBinding(evidence, policy)).toMatchObject({ ok: true })
    policy[0] = (policy[0] ?? 0) ^ 1
    expect(await verifySecurityPolicyBinding(evidence, policy)).toMatchObject({
      ok: false,
      problem: { code: 'security-policy-binding' },
    })
  })

  test('the certificates of the host are the chip and its issuers', () => {
    const thim = parseThimCertificates(file('host_amd_certificate.json'))
    expect(thim).toMatchObject({ ok: true, value: { tcbm: '7308000000000003' } })
    if (!thim.ok) return
    expect(thim.value.certificates.map(({ der }) => der)).toEqual(
      ['vcek.der', 'ask.der', 'ark.der'].map(file),
    )
  })
})

interface Part {
  readonly start: number
  readonly end: number
}

/** Where protected header and signature stand. */
function signedPartsOf(message: Uint8Array): {
  readonly signedBytes: Part
  readonly signature: Part
} {
  const parsed = parseCoseSign1(message)
  const signatureBytes = parsed.ok ? parsed.value.signature.bytes.length : 0
  return {
    signedBytes: { start: 5, end: 4000 },
    signature: { start: message.length - signatureBytes, end: message.length },
  }
}

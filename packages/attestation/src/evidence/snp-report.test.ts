import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { guestPolicyOf, parseSnpReport, snpReportBytes } from './index.ts'

type Version = 2 | 3 | 4 | 5
const versions: readonly Version[] = [2, 3, 4, 5]

/** Each field holds bytes of its own; what is reserved is zero. */
function reportOf(version: Version): Uint8Array {
  const bytes = new Uint8Array(snpReportBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0x000, version, true)
  view.setUint32(0x004, 7, true)
  view.setBigUint64(0x008, 0x3_0133n, true)
  bytes.fill(0x11, 0x010, 0x020)
  bytes.fill(0x12, 0x020, 0x030)
  view.setUint32(0x030, 2, true)
  view.setUint32(0x034, 1, true)
  bytes.fill(0x13, 0x038, 0x040)
  view.setBigUint64(0x040, 0x25n, true)
  view.setUint32(0x048, 0b00101, true)
  bytes.fill(0x14, 0x050, 0x090)
  bytes.fill(0x15, 0x090, 0x0c0)
  bytes.fill(0x16, 0x0c0, 0x0e0)
  bytes.fill(0x17, 0x0e0, 0x110)
  bytes.fill(0x18, 0x110, 0x140)
  bytes.fill(0x19, 0x140, 0x160)
  bytes.fill(0x1a, 0x160, 0x180)
  bytes.fill(0x1b, 0x180, 0x188)
  if (version >= 3) bytes.set([0x19, 0xa0, 0x02], 0x188)
  bytes.fill(0x1c, 0x1a0, 0x1e0)
  bytes.fill(0x1d, 0x1e0, 0x1e8)
  bytes.set([21, 55, 1], 0x1e8)
  bytes.set([20, 54, 1], 0x1ec)
  bytes.fill(0x1e, 0x1f0, 0x1f8)
  if (version === 5) {
    view.setBigUint64(0x1f8, 5n, true)
    view.setBigUint64(0x200, 6n, true)
  }
  bytes.set([1, 2, 3], 0x2a0)
  bytes.set([4, 5, 6], 0x2e8)
  return bytes
}

function changed(version: Version, ...changes: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = reportOf(version)
  for (const [offset, value] of changes) bytes[offset] = value
  return bytes
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value)
}

const refusedWith = (code: string): object => ({ ok: false, problem: { code } })

test.each(versions)('every field of version %i is read from its place', (version) => {
  expect(parseSnpReport(reportOf(version))).toEqual({
    ok: true,
    value: {
      version,
      guestSvn: 7,
      guestPolicy: 0x3_0133n,
      familyId: filled(16, 0x11),
      imageId: filled(16, 0x12),
      vmpl: 2,
      currentTcb: filled(8, 0x13),
      platformInfo: 0x25n,
      hasAuthorKey: true,
      isChipKeyMasked: false,
      signingKey: 'vlek',
      reportData: filled(64, 0x14),
      measurement: filled(48, 0x15),
      hostData: filled(32, 0x16),
      idKeyDigest: filled(48, 0x17),
      authorKeyDigest: filled(48, 0x18),
      reportId: filled(32, 0x19),
      reportIdMa: filled(32, 0x1a),
      reportedTcb: filled(8, 0x1b),
      cpuid: version === 2 ? undefined : { family: 0x19, model: 0xa0, stepping: 2 },
      chipId: filled(64, 0x1c),
      committedTcb: filled(8, 0x1d),
      currentVersion: { major: 1, minor: 55, build: 21 },
      committedVersion: { major: 1, minor: 54, build: 20 },
      launchTcb: filled(8, 0x1e),
      mitigations: version === 5 ? { launch: 5n, current: 6n } : undefined,
      signedBytes: reportOf(version).subarray(0, 0x2a0),
      signature: Uint8Array.of(...filled(45, 0), 3, 2, 1, ...filled(45, 0), 6, 5, 4),
    },
  })
})

test.each(versions)('every proper prefix of version %i is refused as truncated', (version) => {
  const bytes = reportOf(version)
  for (let length = 0; length < bytes.length; length++) {
    expect(parseSnpReport(bytes.subarray(0, length))).toMatchObject(refusedWith('truncated'))
  }
})

test('one byte more is refused', () => {
  expect(parseSnpReport(Uint8Array.of(...reportOf(3), 0))).toMatchObject(
    refusedWith('trailing-bytes'),
  )
})

test.each([0, 1, 6, 0x102])('version %i is refused', (version) => {
  const bytes = changed(2, [0, version & 0xff], [1, version >> 8])
  expect(parseSnpReport(bytes)).toMatchObject(refusedWith('unsupported-version'))
})

test('another signature algorithm is refused', () => {
  expect(parseSnpReport(changed(3, [0x34, 0]))).toMatchObject(
    refusedWith('unsupported-signature-algorithm'),
  )
})

describe('flags', () => {
  test.each([
    [0b00000, { signingKey: 'vcek', isChipKeyMasked: false, hasAuthorKey: false }],
    [0b00010, { signingKey: 'vcek', isChipKeyMasked: true, hasAuthorKey: false }],
    [0b00100, { signingKey: 'vlek', isChipKeyMasked: false, hasAuthorKey: false }],
    [0b11101, { signingKey: 'none', isChipKeyMasked: false, hasAuthorKey: true }],
  ] as const)('%i are read', (flags, value) => {
    expect(parseSnpReport(changed(3, [0x48, flags]))).toMatchObject({ ok: true, value })
  })

  test.each([2, 3, 4, 5, 6])('signing key %i is refused', (key) => {
    expect(parseSnpReport(changed(3, [0x48, key << 2]))).toMatchObject(
      refusedWith('unsupported-signing-key'),
    )
  })
})

/** Offsets at the edges of what each version reserves. */
const reserved: Readonly<Record<Version, readonly number[]>> = {
  2: [0x4c, 0x4f, 0x188, 0x18a, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x1f8, 0x29f],
  3: [0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x1f8, 0x29f],
  4: [0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x1f8, 0x29f],
  5: [0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x208, 0x29f],
}

test.each(versions)('what version %i reserves is zero, or refused', (version) => {
  for (const offset of [0x49, ...reserved[version], 0x330, 0x49f]) {
    const parsed = parseSnpReport(changed(version, [offset, 1]))
    expect(parsed, `0x${offset.toString(16)}`).toMatchObject(refusedWith('reserved-not-zero'))
  }
})

test.each([0x2d0, 0x2e7, 0x318, 0x32f])(
  'a number of the signature with a byte at %i does not fit the curve',
  (offset) => {
    expect(parseSnpReport(changed(3, [offset, 1]))).toMatchObject(
      refusedWith('signature-malformed'),
    )
  },
)

test('each bit of a guest policy has its name', () => {
  const names = [
    [16, 'smt'],
    [18, 'migrateMa'],
    [19, 'debug'],
    [20, 'singleSocket'],
    [21, 'cxl'],
    [22, 'memAes256Xts'],
    [23, 'raplDis'],
    [24, 'ciphertextHiding'],
    [25, 'pageSwapDisable'],
  ] as const
  const none = guestPolicyOf({ guestPolicy: 1n << 17n })
  expect(Object.keys(none)).toHaveLength(names.length + 2)
  for (const [bit, name] of names) {
    expect(guestPolicyOf({ guestPolicy: 1n << BigInt(bit) })).toEqual({ ...none, [name]: true })
  }
  expect(guestPolicyOf({ guestPolicy: 0x0137n })).toEqual({ ...none, abiMajor: 1, abiMinor: 0x37 })
})

test('what was parsed stays what it was when the bytes it was read from change', () => {
  const bytes = reportOf(5)
  const before = parseSnpReport(reportOf(5))
  const parsed = parseSnpReport(bytes)
  bytes.fill(0xff)
  expect(parsed).toEqual(before)
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1300 }), (bytes) => {
      parseSnpReport(bytes)
    }),
  )
  const change = fc.tuple(fc.nat(snpReportBytes - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.constantFrom(...versions), fc.array(change), (version, changes) => {
      parseSnpReport(changed(version, ...changes))
    }),
  )
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, bytesOfBase64, bytesOfHex, concat, type UnixSeconds } from '../bytes/index.ts'
import { parsingDer } from '../der/index.ts'
import {
  bitString,
  boolean,
  ecdsaSignature,
  element,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from '../sample/der-writer.ts'
import { createSampleVendor } from '../sample/index.ts'
import { generateSampleKey } from '../sample/keys.ts'
import { readTime } from './fields.ts'
import {
  certificateBytesMax,
  chainCertificatesMax,
  createWebCryptography,
  p256KeyOf,
  parseCertificate,
  parseCertificateChain,
  parseCrl,
  pemCharactersMax,
  pemOf,
  rawEcdsaOf,
} from './index.ts'

const vendor = await createSampleVendor({ at: 1_795_392_000 })
const { certificates } = await vendor.export()
const pck = bytesOfBase64(certificates.pck) ?? new Uint8Array()
const { root_ca_crl } = await vendor.endorsements({
  at: 1_795_392_000,
  lifetimeSeconds: 60,
  revoked: ['platform-ca', 'tcb-signing'],
})
const crl = bytesOfHex(root_ca_crl) ?? new Uint8Array()
const key = await generateSampleKey()

describe('the extension of PCK certificates', () => {
  test('is read', () => {
    expect(parseCertificate(pck)).toMatchObject({
      ok: true,
      value: {
        sgx: {
          componentSvns: [7, 9, 3, 3, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
          pceSvn: 13,
          pceId: Uint8Array.of(0, 0),
          fmspc: Uint8Array.of(0x5e, 0xa1, 0xad, 0, 0, 1),
          sgxType: 'scalable',
          configuration: { dynamicPlatform: false, cachedKeys: false, smtEnabled: false },
        },
      },
    })
  })

  const oid = '1.2.840.113741.1.13.1'
  test.each([
    ['empty', sequence()],
    [
      'with an entry twice',
      sequence(
        sequence(objectIdentifier(`${oid}.1`), octetString(new Uint8Array(16))),
        sequence(objectIdentifier(`${oid}.1`), octetString(new Uint8Array(16))),
      ),
    ],
    [
      'with a PPID of another length',
      sequence(sequence(objectIdentifier(`${oid}.1`), octetString(new Uint8Array(15)))),
    ],
  ])('%s is refused', (_, value) => {
    const certificate = certificateWith([extension(oid, false, value)])
    expect(parseCertificate(certificate)).toMatchObject({
      ok: false,
      problem: { code: 'sgx-extension-malformed' },
    })
  })
})

describe('a certificate', () => {
  test('with an extension that is not known is read, unless it is critical', () => {
    const unknown = (critical: boolean): Uint8Array =>
      certificateWith([extension('1.2.3.4', critical, new Uint8Array())])
    expect(parseCertificate(unknown(false))).toMatchObject({ ok: true })
    expect(parseCertificate(unknown(true))).toMatchObject({
      ok: false,
      problem: { code: 'unknown-critical-extension', detail: '1.2.3.4' },
    })
  })

  test('with an extension twice is refused', () => {
    const twice = certificateWith([
      extension('1.2.3.4', false, new Uint8Array()),
      extension('1.2.3.4', false, new Uint8Array()),
    ])
    expect(parseCertificate(twice)).toMatchObject({ problem: { code: 'certificate-malformed' } })
  })

  test('without basic constraints is no authority', () => {
    expect(parseCertificate(certificateWith([]))).toMatchObject({
      ok: true,
      value: { isCa: false, pathLength: undefined, keyUsage: undefined },
    })
  })

  test('of version 1 is refused', () => {
    expect(parseCertificate(certificateWith([], { version: 0 }))).toMatchObject({
      problem: { code: 'certificate-malformed' },
    })
  })

  test('that names two signature algorithms is refused', () => {
    const other = sequence(objectIdentifier('1.2.840.10045.4.3.3'))
    expect(parseCertificate(certificateWith([], { outerAlgorithm: other }))).toMatchObject({
      problem: { code: 'certificate-malformed' },
    })
  })

  test('signed by another algorithm has no signature to verify', () => {
    const other = sequence(objectIdentifier('1.2.840.10045.4.3.4'))
    const certificate = certificateWith([], { outerAlgorithm: other, innerAlgorithm: other })
    expect(parseCertificate(certificate)).toMatchObject({
      ok: true,
      value: { signature: undefined },
    })
  })

  test('that is too large is refused before it is read', () => {
    expect(parseCertificate(new Uint8Array(certificateBytesMax + 1))).toMatchObject({
      problem: { code: 'certificate-too-large' },
    })
  })

  test('cut short anywhere is refused', () => {
    for (let length = 0; length < pck.length; length++) {
      expect(parseCertificate(pck.subarray(0, length)).ok).toBe(false)
    }
    for (let length = 0; length < crl.length; length++) {
      expect(parseCrl(crl.subarray(0, length)).ok).toBe(false)
    }
  })

  test('one byte longer is refused', () => {
    expect(parseCertificate(concat(pck, new Uint8Array(1)))).toMatchObject({
      problem: { code: 'trailing-bytes' },
    })
  })
})

describe('a revocation list', () => {
  test('names what is revoked', () => {
    expect(parseCrl(crl)).toMatchObject({ ok: true })
    const parsed = parseCrl(crl)
    expect(parsed.ok && parsed.value.revoked.size).toBe(2)
  })

  test.each([
    ['of version 1', crlWith({ version: [] })],
    ['without nextUpdate', crlWith({ nextUpdate: [] })],
  ])('%s is refused', (_, der) => {
    expect(parseCrl(der).ok).toBe(false)
  })

  test('that is partial is refused', () => {
    const delta = extension('2.5.29.27', true, unsignedInteger(1))
    expect(parseCrl(crlWith({ extensions: [delta] }))).toMatchObject({
      problem: { code: 'unknown-critical-extension' },
    })
  })

  test('that is indirect is refused', () => {
    const certificateIssuer = extension('2.5.29.29', true, sequence())
    const entry = sequence(unsignedInteger(5), time(0), sequence(certificateIssuer))
    expect(parseCrl(crlWith({ entries: [sequence(entry)] }))).toMatchObject({
      problem: { code: 'unknown-critical-extension' },
    })
  })

  test('without entries and extensions is read', () => {
    const parsed = parseCrl(crlWith({}))
    expect(parsed.ok && parsed.value.revoked.size).toBe(0)
  })
})

describe('PEM', () => {
  const pem = pemOf(pck)

  test('gives the certificate back', () => {
    expect(parseCertificateChain(pem)).toMatchObject({ ok: true, value: [{ der: pck }] })
  })

  test.each([pem.replaceAll('\n', '\r\n'), `\n\n${pem}\n\0`, pem.trimEnd()])(
    'with other white space around is read: %#',
    (text) => {
      expect(parseCertificateChain(text)).toMatchObject({ ok: true })
    },
  )

  test.each([
    '',
    'text',
    `text\n${pem}`,
    `${pem}text`,
    `${pem}text\n${pem}`,
    pem.replace('M', '!'),
  ])('with anything else is refused: %#', (text) => {
    expect(parseCertificateChain(text)).toMatchObject({ problem: { code: 'pem-malformed' } })
  })

  test('has as many certificates as allowed and no more', () => {
    expect(parseCertificateChain(pem.repeat(chainCertificatesMax))).toMatchObject({ ok: true })
    expect(parseCertificateChain(pem.repeat(chainCertificatesMax + 1))).toMatchObject({
      problem: { code: 'too-many-certificates' },
    })
  })

  test('that is too long is refused before it is read', () => {
    expect(parseCertificateChain(' '.repeat(pemCharactersMax + 1))).toMatchObject({
      problem: { code: 'pem-malformed' },
    })
  })
})

describe('times', () => {
  const read = (der: Uint8Array): unknown => parsingDer(der, (reader) => readTime(reader as never))

  test('come back, to the second, in the form their year asks for', () => {
    const instants = fc.integer({ min: -631_152_000, max: 253_402_300_799 })
    fc.assert(
      fc.property(instants, (instant: UnixSeconds) => {
        expect(read(time(instant))).toEqual({ ok: true, value: instant })
      }),
    )
    expect(time(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000)[0]).toBe(0x17)
    expect(time(Date.UTC(2050, 0, 1) / 1000)[0]).toBe(0x18)
  })

  test.each([
    [0x17, '260229000000Z'],
    [0x17, '261301000000Z'],
    [0x17, '260101240000Z'],
    [0x17, '2601010000Z'],
    [0x17, '260101000000+0100'],
    [0x18, '20260101000000.5Z'],
    [0x18, '20260101000000'],
    [0x0c, '20260101000000Z'],
  ])('tag %i with %s is no time', (tag, text) => {
    const der = element(tag, new TextEncoder().encode(text))
    expect(read(der)).toMatchObject({ ok: false, problem: { code: 'certificate-malformed' } })
  })
})

describe('signatures', () => {
  test('lose nothing between their two forms', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (raw) => {
        const bytes = bytesOf(64, raw)
        if (bytes !== undefined) expect(rawEcdsaOf(ecdsaSignature(bytes), 32)).toEqual(bytes)
      }),
    )
  })

  test.each([
    ['a negative number', '30060201ff020101'],
    ['three numbers', '3009020101020101020101'],
    ['a number too long', `3026${`0221${'01'.repeat(33)}`}020101`],
    ['a number with a zero too many', '300702020001020101'],
  ])('with %s are none', (_, hex) => {
    expect(rawEcdsaOf(bytesOfHex(hex) ?? new Uint8Array(), 32)).toBe(undefined)
  })

  test('verify with their key and message, and with no other', async () => {
    const { verify } = createWebCryptography(2)
    const message = new Uint8Array(10)
    const signature = {
      algorithm: 'ecdsa-p256-sha256',
      bytes: await key.sign(message),
    } as const
    const publicKey = p256KeyOf(key.coordinates)
    expect(await verify({ publicKey, signature, message })).toBe(true)
    expect(await verify({ publicKey, signature, message: new Uint8Array(11) })).toBe(false)
    for (let other = 0; other < 4; other++) {
      const otherKey = p256KeyOf((await generateSampleKey()).coordinates)
      expect(await verify({ publicKey: otherKey, signature, message })).toBe(false)
    }
    expect(await verify({ publicKey, signature, message })).toBe(true)
  })

  test('of a key that is no point verify nothing', async () => {
    const publicKey = p256KeyOf(new Uint8Array(64).fill(1))
    const signature = {
      algorithm: 'ecdsa-p256-sha256',
      bytes: new Uint8Array(64).fill(1),
    } as const
    const { verify } = createWebCryptography(2)
    expect(await verify({ publicKey, signature, message: new Uint8Array() })).toBe(false)
  })
})

test('no bytes make the readers throw', () => {
  const readers = [parseCertificate, parseCrl]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of readers) read(bytes)
    }),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(pck, crl),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      (original, changes) => {
        const changed = original.slice()
        for (const [place, byte] of changes) changed[place % changed.length] = byte
        for (const read of readers) read(changed)
        parseCertificateChain(pemOf(changed))
      },
    ),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      parseCertificateChain(text)
    }),
  )
})

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value))
}

function name(): Uint8Array {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String('Sealward Sample'))))
}

function algorithm(): Uint8Array {
  return sequence(objectIdentifier('1.2.840.10045.4.3.2'))
}

function anySignature(): Uint8Array {
  return bitString(sequence(unsignedInteger(1), unsignedInteger(1)))
}

function certificateWith(
  extensions: readonly Uint8Array[],
  {
    version = 2,
    innerAlgorithm = algorithm(),
    outerAlgorithm = algorithm(),
  }: { version?: number; innerAlgorithm?: Uint8Array; outerAlgorithm?: Uint8Array } = {},
): Uint8Array {
  const tbs = sequence(
    explicit(0, unsignedInteger(version)),
    unsignedInteger(1),
    innerAlgorithm,
    name(),
    sequence(time(0), time(1)),
    name(),
    key.spki,
    ...(extensions.length === 0 ? [] : [explicit(3, sequence(...extensions))]),
  )
  return sequence(tbs, outerAlgorithm, anySignature())
}

function crlWith({
  version = [unsignedInteger(1)],
  nextUpdate = [time(1)],
  entries = [],
  extensions = [],
}: {
  version?: readonly Uint8Array[]
  nextUpdate?: readonly Uint8Array[]
  entries?: readonly Uint8Array[]
  extensions?: readonly Uint8Array[]
}): Uint8Array {
  const tbs = sequence(
    ...version,
    algorithm(),
    name(),
    time(0),
    ...nextUpdate,
    ...entries,
    ...(extensions.length === 0 ? [] : [explicit(0, sequence(...extensions))]),
  )
  return sequence(tbs, algorithm(), anySignature())
}

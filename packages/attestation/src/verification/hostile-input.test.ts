import { describe, expect, test } from 'vitest'
import { bytesOfHex, concat, hexOf, sha256, utf8Of } from '../bytes/index.ts'
import { type DerReader, derTag, parsingDer } from '../der/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import { parseDcapQuote } from '../evidence/index.ts'
import { writeCertificate } from '../sample/certificates.ts'
import {
  bitString,
  element,
  explicit,
  objectIdentifier,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from '../sample/der-writer.ts'
import { generateSampleKey, type SampleKey } from '../sample/keys.ts'
import {
  parseCertificate,
  parseCertificateChain,
  parseCrl,
  pemOf,
  publicKeyOf,
  webCryptography,
} from '../x509/index.ts'
import { createDcapMemory, type DcapTools, intelSgxRootSpki, verifyDcapEvidence } from './index.ts'
import { instant, sampleWorld } from './sample-world.fixtures.ts'
import { absentVectors, hasSharedVectors, readCapturedVectors } from './shared-vectors.fixtures.ts'

const { vendor, quote, endorsements, verify } = await sampleWorld()
const captured = [...readCapturedVectors('sgx'), ...readCapturedVectors('tdx')].filter(
  (vector) => vector.quote !== undefined,
)
process.stdout.write(
  hasSharedVectors ? `${captured.length} captured quotes cut and flipped\n` : `${absentVectors}\n`,
)
const refusedWith = (code: string): object => ({ ok: false, problem: { code } })

describe.each([
  { name: 'a sample', quote },
  ...captured.map((one) => ({ name: one.name, quote: one.quote ?? new Uint8Array() })),
])('$name', ({ quote: whole }) => {
  test('is refused wherever it is cut', () => {
    const parsed = parseDcapQuote(whole)
    if (!parsed.ok) throw new Error(parsed.problem.code)
    const stated = whole.length - parsed.value.trailingBytes
    for (let length = 0; length < stated; length++) {
      expect(parseDcapQuote(whole.subarray(0, length)).ok).toBe(false)
    }
    expect(parseDcapQuote(whole.subarray(0, stated)).ok).toBe(true)
  })
})

/** Every how many bits one is flipped; SEALWARD_BIT_FLIP_STRIDE=1 flips all of them. */
const strideBits = Number(process.env['SEALWARD_BIT_FLIP_STRIDE'] ?? 1777)

describe.each(
  captured.filter(({ endorsements: texts, expected }) => texts && expected.intel_tcb_status),
)('$name', (vector) => {
  test('is never verified with a bit flipped, remembered platform or not', async () => {
    const { quote: whole = new Uint8Array(), endorsements: texts, expected } = vector
    const parsed = parseDcapQuote(whole)
    if (!parsed.ok || texts === undefined) throw new Error('incomplete')
    const forgetful = { cryptography: webCryptography }
    const remembering = {
      cryptography: webCryptography,
      memory: createDcapMemory({ endorsementsMax: 2, platformsMax: 4 }),
    }
    const roots = [intelSgxRootSpki.sha256]
    const at = expected.verification_time ?? Number.NaN
    const verified = (
      changed: Uint8Array,
      tools: DcapTools,
    ): ReturnType<typeof verifyDcapEvidence> =>
      verifyDcapEvidence({ quote: changed, endorsements: texts, roots, at }, tools)
    await verified(whole, remembering)
    // The chain is text, in which white space and more means nothing; what it stands for is flipped elsewhere.
    const { certificationData, trailingBytes } = parsed.value
    const text = certificationData.type === 5 ? certificationData.pem.length : 0
    const fixed = whole.length - trailingBytes - text
    let flips = 0
    for (let bit = 0; bit < 8 * fixed; bit += strideBits) {
      const changed = whole.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      for (const tools of [forgetful, remembering]) {
        expect((await verified(changed, tools)).ok, `bit ${bit}`).toBe(false)
      }
      flips += 1
    }
    expect(flips).toBeGreaterThan(4)
  })
})

describe('more than there should be is a typed problem', () => {
  test('a quote of 20 MB', async () => {
    const large = concat(quote, new Uint8Array(20_000_000))
    expect(parseDcapQuote(large)).toMatchObject(refusedWith('quote-too-large'))
    expect(await verify({ quote: large })).toMatchObject(refusedWith('quote-malformed'))
  })

  test('a chain of 10,000 certificates, in a quote and beside it', async () => {
    const chain = vendor.rootCertificatePem.repeat(10_000)
    expect(parseCertificateChain(chain)).toMatchObject(refusedWith('pem-malformed'))
    expect(parseCertificateChain(vendor.rootCertificatePem.repeat(7))).toMatchObject(
      refusedWith('too-many-certificates'),
    )
    expect(await withEndorsements({ tcb_info_issuer_chain: chain })).toMatchObject(
      refusedWith('endorsements-malformed'),
    )
    expect(await verify({ quote: withChain(chain) })).toMatchObject(refusedWith('quote-malformed'))
    const seven = withChain(vendor.rootCertificatePem.repeat(7))
    expect(await verify({ quote: seven })).toMatchObject(refusedWith('quote-malformed'))
  })

  test.each([
    ['nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['of 40,000 names', `{${Array.from({ length: 40_000 }, (_, n) => `"${n}":0`).join()}}`],
    ['of two million names', `{${Array.from({ length: 2_000_000 }, (_, n) => `"${n}":0`).join()}}`],
    ['of a number beyond all numbers', '{"version":1e999999999}'],
    ['of one name twice', '{"id":"SGX","id":"TDX"}'],
    ['of a number without end', `{"version":${'9'.repeat(100_000)}}`],
    ['of half a megabyte and more', `"${'x'.repeat(600_000)}"`],
    ['of half a character', '{"id":"\ud800"}'],
  ])('JSON %s', async (_, text) => {
    for (const name of ['tcb_info', 'qe_identity'] as const) {
      expect(await withEndorsements({ [name]: text })).toMatchObject(
        refusedWith('endorsements-malformed'),
      )
    }
  })

  test('revocation lists that are too large, or no lists', async () => {
    const real = bytesOfHex(captured[0]?.endorsements?.pck_crl ?? endorsements.pck_crl)
    if (real === undefined) throw new Error('no list')
    expect(parseCrl(concat(real, Uint8Array.of(0)))).toMatchObject(refusedWith('trailing-bytes'))
    const padded = concat(real, new Uint8Array(1_048_576))
    expect(parseCrl(padded)).toMatchObject(refusedWith('crl-too-large'))
    const hundredThousand = crlOf(100_000)
    expect(parseCrl(hundredThousand)).toMatchObject(refusedWith('crl-too-large'))
    for (const bytes of [hundredThousand, padded, new Uint8Array(1_000_000), utf8Of('{}')]) {
      for (const name of ['root_ca_crl', 'pck_crl'] as const) {
        expect(await withEndorsements({ [name]: hexOf(bytes) })).toMatchObject(
          refusedWith('endorsements-malformed'),
        )
      }
    }
  })

  test('a revocation list as long as lists may be, which nobody signed', async () => {
    const entries = 29_000
    const list = crlOf(entries)
    const parsed = parseCrl(list)
    expect(parsed.ok && parsed.value.revoked.size).toBe(entries)
    for (const name of ['root_ca_crl', 'pck_crl'] as const) {
      expect(await withEndorsements({ [name]: hexOf(list) })).toMatchObject(
        refusedWith('crl-signature'),
      )
    }
  })

  test('certificates of RSA keys of 16,384 bits, even of a root that is trusted', async () => {
    const { leaf, root, spki } = await chainOfRsa16384()
    expect(parseCertificate(root)).toMatchObject({ ok: true })
    expect(publicKeyOf(spki)).toBe(undefined)
    const chain = pemOf(leaf) + pemOf(root)
    const roots = [vendor.rootSpkiSha256, hexOf(await sha256(spki))]
    for (const name of ['tcb_info_issuer_chain', 'pck_crl_issuer_chain'] as const) {
      const changed = { ...endorsements, [name]: chain }
      expect(await verify({ endorsements: changed, roots })).toMatchObject(refusedWith('chain'))
    }
    expect(await verify({ quote: withChain(chain), roots })).toMatchObject(refusedWith('chain'))
  })

  test('DER that nests without end', async () => {
    const deep = nested(4000)
    const walk = (reader: DerReader): void => {
      while (reader.hasMore()) reader.inside(derTag.sequence, walk)
    }
    expect(parsingDer(deep, walk)).toMatchObject(refusedWith('der-too-deep'))
    expect(parseCertificate(deep)).toMatchObject(refusedWith('certificate-malformed'))
    expect(parseCrl(deep)).toMatchObject(refusedWith('der-malformed'))
    expect(await verify({ quote: withChain(pemOf(deep)) })).toMatchObject(
      refusedWith('quote-malformed'),
    )
  })
})

function withEndorsements(changed: Partial<Endorsements>): ReturnType<typeof verify> {
  return verify({ endorsements: { ...endorsements, ...changed }, at: instant })
}

/** The sample quote with another certificate chain in it, the lengths put right. */
function withChain(chain: string): Uint8Array {
  const parsed = parseDcapQuote(quote)
  if (!parsed.ok || parsed.value.certificationData.type !== 5) throw new Error('quote')
  const { pem } = parsed.value.certificationData
  const text = utf8Of(chain)
  const changed = concat(quote.subarray(0, quote.length - pem.length), text)
  const view = new DataView(changed.buffer)
  view.setUint32(changed.length - text.length - 4, text.length, true)
  view.setUint32(432, changed.length - 436, true)
  return changed
}

/** A well-formed list of so many serial numbers, under a signature of zeros. */
function crlOf(entries: number): Uint8Array {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  const [from, until] = [time(instant), time(instant + 3600)]
  const revoked = Array.from({ length: entries }, (_, index) => {
    const serialNumber = new Uint8Array(16).fill(0x40)
    new DataView(serialNumber.buffer).setUint32(12, index)
    return sequence(unsignedInteger(serialNumber), from)
  })
  // A function takes no hundred thousand arguments.
  const bytes = new Uint8Array(revoked.flatMap((entry) => [...entry]))
  const name = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String('A long list'))))
  const number = sequence(objectIdentifier('2.5.29.20'), element(0x04, unsignedInteger(1)))
  const extensions = explicit(0, sequence(number))
  return sequence(
    sequence(unsignedInteger(1), algorithm, name, from, until, sequence(bytes), extensions),
    algorithm,
    bitString(sequence(unsignedInteger(1), unsignedInteger(1))),
  )
}

/** A leaf, and a root whose key is larger than any that is verified with. */
async function chainOfRsa16384(): Promise<{
  readonly leaf: Uint8Array
  readonly root: Uint8Array
  readonly spki: Uint8Array
}> {
  const key = await generateSampleKey()
  const modulus = unsignedInteger(new Uint8Array(2048).fill(0xc5))
  const numbers = bitString(sequence(modulus, unsignedInteger(65_537)))
  const rsaEncryption = sequence(objectIdentifier('1.2.840.113549.1.1.1'), Uint8Array.of(5, 0))
  const spki = sequence(rsaEncryption, numbers)
  const issuer = { commonName: 'A large key', key }
  const validity = { notBefore: instant - 60, notAfter: instant + 60 }
  const publicKey: SampleKey = { ...key, spki }
  return {
    leaf: await writeCertificate({ commonName: 'Leaf', publicKey: key, issuer, ...validity }),
    root: await writeCertificate({
      commonName: 'A large key',
      publicKey,
      issuer,
      pathLength: 1,
      ...validity,
    }),
    spki,
  }
}

function nested(depth: number): Uint8Array {
  let inner = new Uint8Array()
  for (let level = 0; level < depth; level++) inner = new Uint8Array(sequence(inner))
  return inner
}

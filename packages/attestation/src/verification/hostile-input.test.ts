import { describe, expect, test } from 'vitest'
import { concat, hexOf, utf8Of } from '../bytes/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import { parseDcapQuote } from '../evidence/index.ts'
import { parseCertificateChain, webCryptography } from '../x509/index.ts'
import { createDcapMemory, intelSgxRootSpki, verifyDcapEvidence } from './index.ts'
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
    const tools = {
      cryptography: webCryptography,
      memory: createDcapMemory({ endorsementsMax: 2, platformsMax: 4 }),
    }
    const roots = [intelSgxRootSpki.sha256]
    const at = expected.verification_time ?? Number.NaN
    const verified = (changed: Uint8Array): ReturnType<typeof verifyDcapEvidence> =>
      verifyDcapEvidence({ quote: changed, endorsements: texts, roots, at }, tools)
    await verified(whole)
    // The chain is text, in which white space and more means nothing; what it stands for is flipped elsewhere.
    const { certificationData, trailingBytes } = parsed.value
    const text = certificationData.type === 5 ? certificationData.pem.length : 0
    const fixed = whole.length - trailingBytes - text
    let flips = 0
    for (let bit = 0; bit < 8 * fixed; bit += strideBits) {
      const changed = whole.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect((await verified(changed)).ok, `bit ${bit}`).toBe(false)
      flips += 1
    }
    expect(flips).toBeGreaterThan(4)
  })
})

describe('more than there should be is a typed problem', () => {
  test('a quote of 20 MB', () => {
    expect(parseDcapQuote(concat(quote, new Uint8Array(20_000_000)))).toMatchObject(
      refusedWith('quote-too-large'),
    )
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
    const parsed = parseDcapQuote(quote)
    if (!parsed.ok || parsed.value.certificationData.type !== 5) throw new Error('quote')
    const { pem } = parsed.value.certificationData
    const text = utf8Of(chain)
    const changed = concat(quote.subarray(0, quote.length - pem.length), text)
    new DataView(changed.buffer).setUint32(changed.length - text.length - 4, text.length, true)
    expect(await verify({ quote: changed })).toMatchObject(refusedWith('quote-malformed'))
  })

  test.each([
    ['nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['of 100,000 names', `{${Array.from({ length: 100_000 }, (_, n) => `"${n}":0`).join()}}`],
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
    for (const bytes of [new Uint8Array(1_048_577), new Uint8Array(1_000_000), utf8Of('{}')]) {
      for (const name of ['root_ca_crl', 'pck_crl'] as const) {
        expect(await withEndorsements({ [name]: hexOf(bytes) })).toMatchObject(
          refusedWith('endorsements-malformed'),
        )
      }
    }
  })
})

function withEndorsements(changed: Partial<Endorsements>): ReturnType<typeof verify> {
  return verify({ endorsements: { ...endorsements, ...changed }, at: instant })
}

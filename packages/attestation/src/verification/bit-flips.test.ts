import { describe, expect, test } from 'vitest'
import { bytesOfHex, hexOf } from '../bytes/index.ts'
import { parseCertificateChain, pemOf } from '../x509/index.ts'
import { sampleWorld } from './sample-world.fixtures.ts'

const { quote, endorsements, verify } = await sampleWorld()

/** Every how many bits one is flipped; SEALWARD_BIT_FLIP_STRIDE=1 flips all of them. */
const strideBits = Number(process.env['SEALWARD_BIT_FLIP_STRIDE'] ?? 61)

/** Where the chain, which is text, begins. */
const fixedBytes = 432 + 4 + 64 + 64 + 384 + 64 + 2 + 32 + 6

describe('a flipped bit is never verified', () => {
  test('in header, reports, keys, signatures and lengths of the quote', async () => {
    const flips = flipsOf(quote.subarray(0, fixedBytes))
    for (const { flipped, bit } of flips) {
      const changed = quote.slice()
      changed.set(flipped)
      expect((await verify({ quote: changed })).ok, `bit ${bit}`).toBe(false)
    }
    report('quote', flips.length)
  })

  test('in the certificates that the quote carries', async () => {
    const text = new TextDecoder().decode(quote.subarray(fixedBytes))
    const chain = parseCertificateChain(text)
    const ders = chain.ok ? chain.value.map(({ der }) => der) : []
    let count = 0
    for (const [index, der] of ders.entries()) {
      for (const { flipped, bit } of flipsOf(der)) {
        const pem = ders.with(index, flipped).map(pemOf).join('')
        const changed = quote.slice()
        changed.set(new TextEncoder().encode(pem), fixedBytes)
        expect((await verify({ quote: changed })).ok, `certificate ${index} bit ${bit}`).toBe(false)
        count += 1
      }
    }
    report('certificates', count)
  })

  test.each(['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature'] as const)(
    'in %s',
    async (name) => {
      const flips = flipsOf(bytesOfHex(endorsements[name]) ?? new Uint8Array())
      for (const { flipped, bit } of flips) {
        const changed = { ...endorsements, [name]: hexOf(flipped) }
        expect((await verify({ endorsements: changed })).ok, `bit ${bit}`).toBe(false)
      }
      report(name, flips.length)
    },
  )

  test.each(['tcb_info', 'qe_identity'] as const)('in %s', async (name) => {
    const flips = flipsOf(new TextEncoder().encode(endorsements[name]))
    for (const { flipped, bit } of flips) {
      const changed = { ...endorsements, [name]: new TextDecoder().decode(flipped) }
      expect((await verify({ endorsements: changed })).ok, `bit ${bit}`).toBe(false)
    }
    report(name, flips.length)
  })
})

function flipsOf(
  bytes: Uint8Array,
): readonly { readonly bit: number; readonly flipped: Uint8Array }[] {
  const flips = []
  for (let bit = 0; bit < 8 * bytes.length; bit += strideBits) {
    const flipped = bytes.slice()
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    flips.push({ bit, flipped })
  }
  return flips
}

function report(what: string, count: number): void {
  expect(count).toBeGreaterThan(0)
  process.stdout.write(`${count} bits of ${what} flipped\n`)
}

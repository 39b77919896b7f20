import { expect, test } from 'vitest'
import { instant, sampleWorld } from './sample-world.fixtures.ts'
import { verifyQuoteSignatures } from './verify-quote-signatures.ts'

const { vendor, quote } = await sampleWorld()
const roots = [vendor.rootSpkiSha256]
const verify = (changed: Uint8Array, at = instant): ReturnType<typeof verifyQuoteSignatures> =>
  verifyQuoteSignatures({ quote: changed, roots, at })

test('a genuine quote passes without endorsements', async () => {
  expect(await verify(quote)).toEqual({ ok: true, value: true })
})

test.each([
  ['the report', 100, 'quote-signature'],
  ['its signature', 440, 'quote-signature'],
  ['the attestation key', 510, 'attestation-key-binding'],
  ['the report of the quoting enclave', 436 + 128 + 64, 'qe-report-signature'],
])('another byte in %s is a forgery', async (_, offset, code) => {
  const changed = quote.slice()
  changed[offset] = (changed[offset] ?? 0) ^ 1
  expect(await verify(changed)).toMatchObject({ ok: false, problem: { code } })
})

test('a chain to another root, and a chain of another time, are refused', async () => {
  expect(
    await verifyQuoteSignatures({ quote, roots: ['00'.repeat(32)], at: instant }),
  ).toMatchObject({
    problem: { code: 'root-not-trusted' },
  })
  expect(await verify(quote, 0)).toMatchObject({ problem: { code: 'certificate-not-yet-valid' } })
})

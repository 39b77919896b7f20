import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { createSampleVendor } from '@sealward/attestation/sample'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { now } from './command.fixtures.ts'
import { readEndorsements } from './read-endorsements.ts'
import { readEvidence } from './read-evidence.ts'

const vendor = await createSampleVendor({ at: now })
const quote = Buffer.from(
  await vendor.quote({
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 1,
    isvSvn: 2,
    debug: false,
    reportData: new Uint8Array(64),
  }),
)

/** What a form looks like at its start, and what may follow. */
const starts: readonly Uint8Array[] = [
  quote,
  Buffer.from(quote.toString('hex')),
  Buffer.from(quote.toString('base64')),
  Buffer.from(JSON.stringify({ quote: quote.toString('base64url'), runtimeData: { data: 'AA' } })),
  Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB'),
  Buffer.from('{"outblob":"AAAA","provider":"tdx_guest"}'),
  Buffer.from('HCLA\u0002\0\0\0'),
  Uint8Array.of(0x30, 0x82, 0x01, 0x00, 0x30, 0x82),
  Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 0xe8, 0x11, 0, 0, 0, 0, 0, 0),
  Uint8Array.of(3, 0, 0, 0, ...new Uint8Array(1200)),
  Uint8Array.of(0xef, 0xbb, 0xbf, 0x20, 0x7b),
]

const hostileBytes = fc
  .record({
    start: fc.constantFrom(...starts),
    cut: fc.nat(8000),
    flips: fc.array(fc.tuple(fc.nat(8000), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
    tail: fc.uint8Array({ maxLength: 64 }),
  })
  .map(({ start, cut, flips, tail }) => {
    const bytes = new Uint8Array([...start.subarray(0, cut), ...tail])
    for (const [at, mask] of flips) {
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ mask
    }
    return bytes
  })

test('no bytes make a reader throw, and each refusal has a code', () => {
  fc.assert(
    fc.property(fc.oneof(hostileBytes, fc.uint8Array({ maxLength: 256 })), (bytes) => {
      for (const read of [readEvidence(bytes), readEndorsements(bytes, '--endorsements')]) {
        if (!read.ok)
          expect(read.problem).toMatchObject({
            kind: 'input',
            code: expect.stringMatching(/^[a-z0-9-]+$/),
          })
      }
    }),
    { numRuns: 500 },
  )
})

test('forms say how the evidence was found', () => {
  const inHex = Buffer.from(quote.toString('hex'))
  expect(readEvidence(inHex)).toMatchObject({ ok: true, value: { forms: ['hex', 'quote'] } })
  const inJson = Buffer.from(` {"quote": "${quote.toString('base64url')}"}`)
  expect(readEvidence(inJson)).toMatchObject({
    ok: true,
    value: { kind: 'dcap', forms: ['JSON', 'base64', 'quote'] },
  })
})

test('standard input is a file like others', async () => {
  const bin = resolve(import.meta.dirname, '../../bin/sealward.js')
  const child = spawn(process.execPath, [bin, 'evidence', 'inspect', '-', '--json'])
  child.stdin.end(quote.toString('base64'))
  const [out, code] = await Promise.all([
    text(child.stdout),
    new Promise((done) => child.on('close', done)),
  ])
  expect([code, JSON.parse(out).mrEnclave]).toEqual([0, '01'.repeat(32)])
})

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { base64Of, bytesOfBase64, concat, hexOf } from '../bytes/index.ts'
import { referenceValuesOf, type SgxReferenceValues } from '../claims/index.ts'
import { certificate } from '../evidence/cose-sign1.fixtures.ts'
import { parseDcapQuote, parseSgxQuote, raTlsOids } from '../evidence/index.ts'
import {
  type RaTlsHardwareEvidence,
  type Verified,
  verifyRaTlsBinding,
} from '../verification/index.ts'
import { instant, type SampleWorld, sampleWorld } from '../verification/sample-world.fixtures.ts'
import {
  type AttestedSignerTrust,
  quoteOfSigner,
  type SigningJwk,
  signerOf,
  verifyAttestedSigner,
} from './index.ts'

const issuer = 'https://attest.example'
const [key, other] = [1, 2].map(
  () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
) as [KeyObject, KeyObject]

let world: SampleWorld
let referenceValues: SgxReferenceValues
beforeAll(async () => {
  world = await sampleWorld()
  const { mrEnclave, mrSigner, isvProdId, isvSvn } = world.enclave
  referenceValues = referenceValuesOf(
    {
      role: 'attestation-service',
      mrEnclave: [hexOf(mrEnclave)],
      mrSigner: [hexOf(mrSigner)],
      isvProdId,
      isvSvnMin: isvSvn,
      debug: 'refused',
      tcbStatuses: ['UpToDate'],
    },
    'urn:uuid:00000000-0000-0000-0000-000000000000',
  )
})

/** A key as `/certs` publishes it; the quote is of `bound`, the certificate signed by `signer`. */
async function published(
  change: { bound?: KeyObject; signer?: KeyObject; debug?: boolean; evidence?: Uint8Array } = {},
): Promise<SigningJwk> {
  const pem = createPublicKey(change.bound ?? key).export({ type: 'spki', format: 'pem' })
  const digest = createHash('sha256').update(`${pem.toString()}\0`).digest()
  const quote = await world.vendor.quote({
    ...world.enclave,
    debug: change.debug ?? false,
    reportData: concat(digest, new Uint8Array(32)),
  })
  const header = Buffer.alloc(16)
  header.set([1, 0, 0, 0, 2])
  header.writeUInt32LE(quote.length, 8)
  const der = certificate({
    name: issuer,
    issuer,
    key,
    signer: change.signer ?? key,
    extensions: [[raTlsOids.azureAttestation, change.evidence ?? concat(header, quote)]],
  })
  return jwkOf(der)
}

function jwkOf(der: Uint8Array): SigningJwk {
  const numbers = createPublicKey(key).export({ format: 'jwk' })
  return { ...(numbers as SigningJwk), kid: 'one', x5c: [base64Of(der)] }
}

async function verify(
  jwk: SigningJwk,
  change: Partial<AttestedSignerTrust> = {},
): ReturnType<typeof verifyAttestedSigner> {
  return verifyAttestedSigner({
    jwk,
    issuer,
    endorsements: world.endorsements,
    roots: [world.vendor.rootSpkiSha256],
    referenceValues,
    at: instant,
    development: true,
    ...change,
  })
}

test('a key that an accepted enclave holds is believed, by the pin that tokens are verified with', async () => {
  const jwk = await published()
  expect(await verify(jwk)).toMatchObject({
    ok: true,
    value: { signer: await signerOf(jwk), simulated: true, evidence: { isvProdId: 7 } },
  })
})

test('the quote can be had first, to ask for its endorsements', async () => {
  const quote = quoteOfSigner(await published())
  expect(quote.ok && parseDcapQuote(quote.value)).toMatchObject({ ok: true })
})

test.each<readonly [string, string, Parameters<typeof published>[0], Partial<AttestedSignerTrust>]>(
  [
    ['evidence of another key', 'ra-tls-public-key-binding', { bound: other }, {}],
    ['a certificate that the key did not sign', 'ra-tls-self-signature', { signer: other }, {}],
    ['an enclave whose memory can be read', 'signer-refused', { debug: true }, {}],
    ['evidence that is none', 'signer-malformed', { evidence: new Uint8Array(20) }, {}],
    ['another issuer', 'signer-of-another-issuer', {}, { issuer: 'https://attest.example/x' }],
    ['a simulated TEE in production', 'simulated', {}, { development: false }],
    ['a root that is not accepted', 'root-not-trusted', {}, { roots: ['ab'.repeat(32)] }],
  ],
)('%s: refused', async (_, code, made, change) => {
  expect(await verify(await published(made), change)).toMatchObject({
    ok: false,
    problem: { code },
  })
})

test('other software, an older version and a platform that is out of date are refused', async () => {
  const jwk = await published()
  for (const change of [
    { mrEnclave: { kind: 'equals', value: 'ab'.repeat(32) } },
    { mrSigner: { kind: 'equals', value: 'ab'.repeat(32) } },
    { isvSvn: { kind: 'at-least', value: 4 } },
    { configId: { kind: 'equals', value: 'ab'.repeat(64) } },
  ] as const) {
    expect(await verify(jwk, { referenceValues: { ...referenceValues, ...change } })).toMatchObject(
      {
        ok: false,
        problem: { code: 'signer-refused' },
      },
    )
  }
  const endorsements = await world.endorsementsWith({ tcbStatus: 'OutOfDate' })
  expect(await verify(jwk, { endorsements })).toMatchObject({
    ok: false,
    problem: { code: 'signer-refused' },
  })
})

test('a key without a certificate, without evidence, or of other numbers is told apart', async () => {
  const plain = certificate({ name: issuer, issuer, key, signer: key })
  const { x5c: _, ...bare } = jwkOf(plain)
  const foreign = { ...(await published()), x: createPublicKey(other).export({ format: 'jwk' }).x }
  for (const [jwk, code] of [
    [jwkOf(plain), 'signer-without-evidence'],
    [bare, 'signer-malformed'],
    [{ ...bare, x5c: [] }, 'signer-malformed'],
    [{ ...bare, x5c: ['!'] }, 'signer-malformed'],
    [foreign as SigningJwk, 'signer-malformed'],
  ] as const) {
    expect(await verify(jwk)).toMatchObject({ ok: false, problem: { code } })
  }
})

test('no bytes in the place of a certificate make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
      expect(quoteOfSigner({ kty: 'EC', x5c: [base64Of(bytes)] }).ok).toBe(false)
    }),
  )
})

const recordings = ['Aad', 'Shared'].map((name) =>
  resolve(
    process.env['SEALWARD_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared'),
    `vectors/maa/recordings/Attestation-MetadataTests.GetSigningCertificates-${name}.json`,
  ),
)

describe.runIf(recordings.every(existsSync))('what Azure Attestation publishes', () => {
  test('keys of its enclaves carry evidence that binds them as ours is bound', async () => {
    const keys = recordings.flatMap((file) => keysIn(readFileSync(file, 'utf8')))
    let bound = 0
    for (const jwk of keys) {
      const quote = quoteOfSigner(jwk)
      if (!quote.ok) {
        expect(quote.problem.code).toBe('signer-without-evidence')
        continue
      }
      const parsed = parseSgxQuote(quote.value)
      if (!parsed.ok) throw new Error(parsed.problem.code)
      // The endorsements of that day are not at hand: only the binding is looked at.
      const evidence = {
        reportData: hexOf(parsed.value.reportBody.reportData),
        hashes: { quote: createHash('sha256').update(quote.value).digest('hex') },
      } as unknown as Verified<RaTlsHardwareEvidence>
      const der = bytesOfBase64(jwk.x5c?.[0] ?? '') ?? new Uint8Array()
      expect(await verifyRaTlsBinding(evidence, der)).toMatchObject({
        ok: true,
        value: { form: 'open-enclave' },
      })
      bound += 1
    }
    process.stdout.write(`${keys.length} published keys read, ${bound} of enclaves\n`)
    expect(bound).toBeGreaterThan(2)
  })
})

/** The key sets that are somewhere in a file, as themselves or as text in a recording. */
function keysIn(text: string): readonly SigningJwk[] {
  const json: unknown = JSON.parse(text)
  const found: SigningJwk[] = []
  const walk = (value: unknown): void => {
    if (typeof value === 'string' && value.startsWith('{"keys"')) walk(JSON.parse(value))
    else if (typeof value === 'object' && value !== null) {
      if ('x5c' in value) found.push(value as unknown as SigningJwk)
      for (const inner of Object.values(value)) walk(inner)
    }
  }
  walk(json)
  return found
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64UrlOf, textOf, utf8Of } from '../bytes/index.ts'
import { sampleWorld } from '../verification/sample-world.fixtures.ts'
import { initTimeDataOf, runtimeDataOf } from './evidence-document.fixtures.ts'
import {
  encodeInitTimeData,
  encodeRuntimeData,
  initTimeDataBytesMax,
  parseEvidenceDocument,
  parseInitTimeData,
  parseRuntimeData,
  runtimeDataBytesMax,
} from './index.ts'

const { quote, endorsements } = await sampleWorld()
const runtimeData = await runtimeDataOf()
const initTimeData = initTimeDataOf()
const encryptionKey = {
  kty: 'RSA',
  n: `${'x'.repeat(511)}B`,
  e: 'AQAB',
  use: 'enc',
  alg: 'RSA-OAEP-256',
  kid: 'A'.repeat(43),
} as const
const document = {
  kind: 'sgx',
  quote: base64UrlOf(quote),
  runtimeData: base64UrlOf(encodeRuntimeData(runtimeData)),
  initTimeData: base64UrlOf(encodeInitTimeData(initTimeData)),
  endorsements,
}

test('a document is decoded', () => {
  expect(parseEvidenceDocument(document)).toEqual({
    ok: true,
    value: {
      kind: 'sgx',
      quote,
      runtimeDataBytes: encodeRuntimeData(runtimeData),
      runtimeData,
      initTimeDataBytes: encodeInitTimeData(initTimeData),
      initTimeData,
      endorsements,
    },
  })
})

test('data is encoded with sorted names and without spaces', () => {
  const text = textOf(encodeRuntimeData(runtimeData)) ?? ''
  expect(text).toMatch(
    /^\{"deployment":"urn:uuid:[^"]+","keys":\[\{"alg":"ES256","crv":"P-256","kid":/,
  )
  expect(text).not.toMatch(/[:,{] /)
})

test('what was encoded is parsed to the same', () => {
  const full = {
    ...runtimeData,
    ohttp: 'AAAA',
    tls: { 'x5t#S256': 'A'.repeat(43) },
    model: { name: 'chest', version: '1', sha256: 'ab'.repeat(32) },
  }
  expect(parseRuntimeData(encodeRuntimeData(full))).toEqual({ ok: true, value: full })
  expect(parseInitTimeData(encodeInitTimeData(initTimeData))).toEqual({
    ok: true,
    value: initTimeData,
  })
})

test('a key that keys are released to stands after the identity key', () => {
  const full = { ...runtimeData, keys: [runtimeData.keys[0], encryptionKey] as const }
  expect(parseRuntimeData(encodeRuntimeData(full))).toEqual({ ok: true, value: full })
})

describe('a document is refused', () => {
  test.each([
    ['of another kind', { kind: 'tdx' }, 'wrong-value', 'kind'],
    ['with a field too many', { extra: 1 }, 'field-unknown', ''],
    ['with padding', { quote: 'AA==' }, 'not-base64url', 'quote'],
    ['with stray bits', { runtimeData: 'AB' }, 'not-base64url', 'runtimeData'],
    ['with a quote that is too long', { quote: 'A'.repeat(50_000) }, 'too-long', 'quote'],
    ['with data that is no JSON', { runtimeData: 'AAAA' }, 'json-malformed', '@0x0'],
    [
      'with endorsements missing',
      { endorsements: {} },
      'field-missing',
      'endorsements.pck_crl_issuer_chain',
    ],
    [
      'with a signature of another form',
      { endorsements: { ...endorsements, tcb_info_signature: 'AB'.repeat(64) } },
      'wrong-value',
      'endorsements.tcb_info_signature',
    ],
  ])('%s', (_, changed, code, at) => {
    expect(parseEvidenceDocument({ ...document, ...changed })).toMatchObject({
      ok: false,
      problem: { code, at },
    })
  })

  test.each(Object.keys(document))('without %s', (name) => {
    const { [name as keyof typeof document]: _left, ...others } = document
    expect(parseEvidenceDocument(others)).toMatchObject({
      ok: false,
      problem: { code: 'field-missing', at: name },
    })
  })
})

describe('runtime data is refused', () => {
  const [key] = runtimeData.keys
  test.each([
    ['of another version', { version: 2 }, 'version'],
    ['with a nonce of another length', { nonce: 'A'.repeat(42) }, 'nonce'],
    ['with a nonce that has stray bits', { nonce: `${'A'.repeat(42)}B` }, 'nonce'],
    ['with a deployment that is no UUID', { deployment: 'hospital' }, 'deployment'],
    ['with a role that is none', { role: 'portal' }, 'role'],
    ['without a key', { keys: [] }, 'keys'],
    ['with two identity keys', { keys: [key, key] }, 'keys[1].kty'],
    ['without an identity key', { keys: [encryptionKey] }, 'keys[0].kty'],
    ['with three keys', { keys: [key, encryptionKey, encryptionKey] }, 'keys'],
    [
      'with a short RSA key',
      { keys: [key, { ...encryptionKey, n: 'x'.repeat(342) }] },
      'keys[1].n',
    ],
    [
      'with a modulus of 3071 bits',
      { keys: [key, { ...encryptionKey, n: `A${'x'.repeat(510)}B` }] },
      'keys[1].n',
    ],
    [
      'with an even modulus',
      { keys: [key, { ...encryptionKey, n: `${'x'.repeat(511)}A` }] },
      'keys[1].n',
    ],
    ['with an exponent of 3', { keys: [key, { ...encryptionKey, e: 'Aw' }] }, 'keys[1].e'],
    ['with a private RSA key', { keys: [key, { ...encryptionKey, d: 'x' }] }, 'keys[1]'],
    ['with a private key', { keys: [{ ...key, d: 'A'.repeat(43) }] }, 'keys[0]'],
    ['with a key for another use', { keys: [{ ...key, use: 'enc' }] }, 'keys[0].use'],
    ['with a field too many', { extra: 1 }, ''],
  ])('%s', (_, changed, path) => {
    const bytes = utf8Of(JSON.stringify({ ...runtimeData, ...changed }))
    expect(parseRuntimeData(bytes)).toMatchObject({
      ok: false,
      problem: { at: ['runtimeData', path].filter(Boolean).join('.') },
    })
  })

  test('that names a field twice', () => {
    const text = textOf(encodeRuntimeData(runtimeData)) ?? ''
    const twice = text.replace('{"deployment"', '{"role":"platform","deployment"')
    expect(parseRuntimeData(utf8Of(twice))).toMatchObject({
      problem: { code: 'json-duplicate-key' },
    })
  })

  test('that is too large', () => {
    expect(parseRuntimeData(new Uint8Array(runtimeDataBytesMax + 1).fill(0x20))).toMatchObject({
      problem: { code: 'json-too-large' },
    })
    expect(parseInitTimeData(new Uint8Array(initTimeDataBytesMax + 1).fill(0x20))).toMatchObject({
      problem: { code: 'json-too-large' },
    })
  })
})

describe('init-time data is refused', () => {
  const [peer] = initTimeData.peers
  const { issuer, signers } = initTimeData.attestation
  test.each([
    ['without roots', { roots: [] }, 'roots'],
    ['with a root in capitals', { roots: ['AB'.repeat(32)] }, 'roots[0]'],
    [
      'with an issuer that is no address',
      { attestation: { issuer: 'x', signers: [] } },
      'attestation.issuer',
    ],
    [
      'that says of no policy that it is accepted',
      { attestation: { issuer, signers } },
      'attestation.policyHashes',
    ],
    [
      'that accepts no policy',
      { attestation: { issuer, signers, policyHashes: [] } },
      'attestation.policyHashes',
    ],
    [
      'with a policy hash in hex',
      { attestation: { issuer, signers, policyHashes: ['ab'.repeat(32)] } },
      'attestation.policyHashes[0]',
    ],
    ['that accepts no measurement', { peers: [{ ...peer, mrEnclave: [] }] }, 'peers[0].mrEnclave'],
    ['that accepts no signer', { peers: [{ ...peer, mrSigner: [] }] }, 'peers[0].mrSigner'],
    ['that accepts no status', { peers: [{ ...peer, tcbStatuses: [] }] }, 'peers[0].tcbStatuses'],
    ['that does not say about debugging', { peers: [{ ...peer, debug: true }] }, 'peers[0].debug'],
    ['that does not say about development', { development: 'no' }, 'development'],
  ])('%s', (_, changed, path) => {
    const bytes = utf8Of(JSON.stringify({ ...initTimeData, ...changed }))
    expect(parseInitTimeData(bytes)).toMatchObject({
      ok: false,
      problem: { at: `initTimeData.${path}` },
    })
  })
})

test('no value makes the parser throw', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      parseEvidenceDocument(value)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.jsonValue(), (bytes, value) => {
      parseRuntimeData(bytes)
      parseInitTimeData(utf8Of(JSON.stringify(value)))
      for (const name of Object.keys(document))
        parseEvidenceDocument({ ...document, [name]: value })
    }),
  )
})

import { base64Of, utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { parseAttestation } from './attestation.ts'

const key = {
  kty: 'EC',
  alg: 'ECDH-ES+A256KW',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}

function parsed(changes: object, tee: 'sgx' | 'snp' = 'sgx') {
  const body = {
    'runtime-data': { nonce: 'n', 'tee-pubkey': key },
    'tee-evidence': {
      primary_evidence: { quote: base64Of(Uint8Array.of(1, 2)) },
      additional_evidence: '',
    },
    ...changes,
  }
  const session = { version: '0.4.0', tee, nonce: 'n' } as const
  return parseAttestation(utf8Of(JSON.stringify(body)), session)
}

const hashOf = (format: string, body: string): string | undefined => {
  const read = parsed({ 'init-data': { format, body } })
  return read.ok ? read.value.initData?.hashAlgorithm : read.problem.code
}

test.each([
  ['toml', 'version = "0.1.0"\nalgorithm = "sha384"\n[data]\nx = 1\n', 'SHA-384'],
  ['toml', "  algorithm='SHA-512' # said so\r\n", 'SHA-512'],
  ['toml', 'algorithm = "sha256"\n[data]\nalgorithm = "sha384"\n', 'SHA-256'],
  ['json', '{"version":1}', 'SHA-256'],
  ['json', '{"algorithm":"sha384"}', 'SHA-384'],
])('init data of %s names its hash', (format, body, hash) => {
  expect(hashOf(format, body)).toBe(hash)
})

test.each([
  ['toml', ''],
  ['toml', '[data]\nalgorithm = "sha256"\n'],
  ['toml', 'algorithm = "sha256"\nalgorithm = "sha512"\n'],
  ['toml', 'algorithm = "md5"'],
  ['toml', 'algorithm = "sha256'],
  ['json', 'algorithm = "sha256"'],
  ['json', '{"algorithm":7}'],
  ['yaml', 'algorithm: sha256'],
])('init data of %s that names none is refused: %o', (format, body) => {
  expect(hashOf(format, body)).toBe('kbs-attestation-malformed')
})

test('nobody makes us read long init data for long', () => {
  const long = 32_768
  for (const body of [
    '\n'.repeat(long),
    ' '.repeat(long),
    `algorithm${' '.repeat(long - 9)}`,
    'algorithm ="'.repeat(long / 12),
    ' \n'.repeat(long / 2),
  ]) {
    const start = performance.now()
    expect(hashOf('toml', body.slice(0, long))).toBe('kbs-attestation-malformed')
    expect(performance.now() - start).toBeLessThan(300)
  }
})

test('evidence of devices is refused, and what is in a key besides is not taken', () => {
  const evidence = { primary_evidence: { quote: 'AQI=' }, additional_evidence: '{"nvidia":{}}' }
  expect(parsed({ 'tee-evidence': evidence })).toMatchObject({
    problem: { code: 'kbs-attestation-malformed', at: 'tee-evidence.additional_evidence' },
  })
  const runtime = { nonce: 'n', 'tee-pubkey': { ...key, kid: 'x', d: 'secret' } }
  expect(parsed({ 'runtime-data': runtime })).toMatchObject({ value: { teePublicKey: key } })
})

test.each([
  [{ quote: '' }],
  [{ quote: 'AQI' }],
  [{ quote: 'AQ-_' }],
  [{ quote: 7 }],
  [{}],
  [[]],
  ['AQI='],
])('evidence of an enclave that is none is refused: %o', (primary) => {
  const evidence = { primary_evidence: primary, additional_evidence: '' }
  expect(parsed({ 'tee-evidence': evidence })).toMatchObject({
    problem: { code: 'kbs-attestation-malformed' },
  })
})

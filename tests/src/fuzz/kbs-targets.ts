/**
 * What strangers send in Trustee's protocol, before anything of it is believed.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { base64Of, type Result, utf8Of } from '@sealward/attestation/bytes'
import { runtimeDataIn } from '../../../services/key-broker/src/kbs/appraised.ts'
import { parseAttestation } from '../../../services/key-broker/src/kbs/attestation.ts'
import {
  parseAuthRequest,
  protocolVersions,
  teeNames,
} from '../../../services/key-broker/src/kbs/request.ts'
import { resourcePathOf } from '../../../services/key-broker/src/kbs/resource-path.ts'
import { runtimeDataOf } from '../../../services/key-broker/src/kbs/runtime-data.ts'
import { cookieIn, createSessions } from '../../../services/key-broker/src/kbs/session.ts'
import { keyObjectOf } from '../../../services/key-broker/src/kbs/tee-public-key.ts'
import { type Json, sevJsonOf } from '../kbs-client.fixtures.ts'

type Outcome = Pick<Result<unknown>, 'ok'>
type Parser = (input: Uint8Array) => Outcome

export const kbsParsers: Readonly<Record<string, Parser>> = {
  'kbs-request': parseAuthRequest,
  'kbs-attestation': (input) => {
    const read = protocolVersions.flatMap((version) =>
      teeNames.map((tee) => {
        const attestation = parseAttestation(input, { version, tee, nonce })
        if (!attestation.ok) return false
        runtimeDataOf(attestation.value, version)
        keyObjectOf(attestation.value.teePublicKey)
        return true
      }),
    )
    return { ok: read.includes(true) }
  },
  'kbs-cookie': (input) => {
    const header = new TextDecoder('latin1').decode(input)
    const read = sessions.read(header)
    // Whatever is made of a cookie, it is no other session's.
    if (read.ok && cookieIn(header) !== cookieIn(seedCookie)) throw new Error('a forged session')
    return read
  },
  'kbs-resource-path': (input) => {
    const text = new TextDecoder().decode(input)
    const path = resourcePathOf(text.split('/'))
    if (path.ok && (path.value !== text || /(^|\/)\.|[^\w./-]/.test(text))) {
      throw new Error('a path that leads elsewhere')
    }
    return path
  },
  'kbs-token-claims': (input) => {
    const claims: unknown = jsonIn(input)
    return typeof claims === 'object' && claims !== null
      ? runtimeDataIn(claims as Readonly<Record<string, unknown>>)
      : { ok: false }
  },
}

const nonce = base64Of(new Uint8Array(32).fill(7))

const sessions = createSessions({
  sealer: { blindIndexes: (name, value) => [{ keyId: '', value: digestOf(`${name} ${value}`) }] },
  clock: { now: () => 1_795_392_000 },
  random: { bytes: (length) => new Uint8Array(length).fill(9) },
  lifetimeSeconds: 300,
  secure: true,
})

const seedCookie = `kbs-session-id=${sessions.begin({ version: '0.4.0', tee: 'sgx', hash: 'sha384' }).cookie}`

/** Of 32 bytes, by every character. */
function digestOf(text: string): string {
  return hash('sha256', text, 'base64url')
}

function jsonIn(input: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(input))
  } catch {
    return undefined
  }
}

const ecKey = {
  kty: 'EC',
  alg: 'ECDH-ES+A256KW',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}

const rsaKey = { kty: 'RSA', alg: 'RSA-OAEP-256', e: 'AQAB', n: 'u'.repeat(342) }

/** Of evidence that its own parsers accept. */
export function kbsSeedsOf(evidence: {
  readonly quote: Uint8Array
  readonly snpReport: Uint8Array
  readonly certificate: Uint8Array
}): Readonly<Record<string, readonly Uint8Array[]>> {
  const json = (value: Json): Uint8Array => utf8Of(JSON.stringify(value))
  const quote = { quote: base64Of(evidence.quote), cc_eventlog: null }
  const snp = sevJsonOf(evidence.snpReport, [evidence.certificate])
  const composite = (primary: Json, more: { readonly [name: string]: Json } = {}): Uint8Array =>
    json({
      'runtime-data': { nonce, 'tee-pubkey': ecKey },
      'tee-evidence': { primary_evidence: primary, additional_evidence: '' },
      ...more,
    })
  return {
    'kbs-request': [
      json({ version: '0.4.0', tee: 'tdx', 'extra-params': '' }),
      json({
        version: '0.4.0',
        tee: 'snp',
        'extra-params': {
          'supported-hash-algorithms': ['sha256', 'SHA-384'],
          'tee-metadata': { primary_tee: { tee: 'snp' }, additional_tees: [] },
        },
      }),
      json({ version: '0.1.1', tee: 'sgx' }),
    ],
    'kbs-attestation': [
      composite(quote),
      composite(snp, { 'init-data': { format: 'json', body: '{"version":1}' } }),
      composite(quote, {
        'init-data': { format: 'toml', body: 'version = "0.1.0"\nalgorithm = "sha384"\n[data]\n' },
      }),
      json({ 'tee-pubkey': rsaKey, 'tee-evidence': quote }),
      json({ 'tee-pubkey': ecKey, 'tee-evidence': JSON.stringify(quote) }),
    ],
    'kbs-cookie': [utf8Of(`a=b; ${seedCookie}`)],
    'kbs-resource-path': [
      'default/key/1',
      '123--_default/1Abff-_/___-afds44BC',
      '1.ok/2ok./3...',
    ].map(utf8Of),
    'kbs-token-claims': [
      json({
        eat_profile: 'tag:github.com,2023:veraison/ear',
        submods: {
          cpu0: {
            'ear.veraison.annotated-evidence': {
              runtime_data_claims: { nonce, 'tee-pubkey': ecKey },
            },
          },
        },
      }),
    ],
  }
}

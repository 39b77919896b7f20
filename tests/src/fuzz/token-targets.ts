/**
 * What strangers send in the place of tokens, deny lists, challenges and requests about them.
 *
 * @module
 */

import { type Result, utf8Of } from '@sealward/attestation/bytes'
import { deniableOf, deniableOfEar, isChallenge } from '@sealward/attestation/token'
import { textOfToken, warningNotes } from '../../../apps/cli/src/token/print-token.ts'
import { readTokenText } from '../../../apps/cli/src/token/read-token.ts'
import { warningsAbout } from '../../../apps/cli/src/token/warnings.ts'
import { parseDenyListClaims } from '../../../packages/attestation/src/token/deny-list.ts'
import {
  deniablesOf,
  parseAccessTokenClaims,
  parseAttestationTokenClaims,
} from '../../../packages/attestation/src/token/relying-party.ts'
import { parseExchangeRequest } from '../../../services/attestation-service/src/exchange/exchange-request.ts'
import { parseDenyRequest } from '../../../services/attestation-service/src/revocation/deny-entry.ts'

type Outcome = Pick<Result<unknown>, 'ok'>
type Parser = (input: Uint8Array) => Outcome

/** A compact JWS whose claims are read as what its signature would make them. */
export const tokenParsers: Readonly<Record<string, Parser>> = {
  'token-text': (input) => {
    const token = tokenIn(input)
    if (!token.ok) return token
    textOfToken('', token.value, at, warningNotes(warningsAbout(token.value, at)))
    return token
  },
  'attestation-token': (input) =>
    claimsIn(input, (claims) => {
      deniableOf(claims, 'digest')
      deniableOfEar(claims, 'digest')
      return parseAttestationTokenClaims(claims)
    }),
  'access-token': (input) =>
    claimsIn(input, (claims) => {
      const token = parseAccessTokenClaims(claims)
      if (token.ok) deniablesOf({ ...token.value, signer: 'pin', digest: 'digest' })
      return token
    }),
  'deny-list': (input) => claimsIn(input, parseDenyListClaims),
  challenge: (input) => ({ ok: isChallenge(textIn(input)) }),
  'exchange-body': parseExchangeRequest,
  'deny-request': parseDenyRequest,
}

const at = 1_795_392_000

function claimsIn(
  input: Uint8Array,
  parse: (claims: Readonly<Record<string, unknown>>) => Outcome,
): Outcome {
  const token = tokenIn(input)
  return token.ok ? parse(token.value.claims) : token
}

function tokenIn(input: Uint8Array): ReturnType<typeof readTokenText> {
  return readTokenText(textIn(input), 'FILE')
}

function textIn(input: Uint8Array): string {
  return new TextDecoder().decode(input)
}

/** For the targets about tokens: each is accepted. */
export function tokenSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const workload = {
    role: 'platform',
    deployment: 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11',
    mrEnclave: 'e1'.repeat(32),
    mrSigner: '51'.repeat(32),
    isvProdId: 1,
    isvSvn: 2,
    debug: false,
    tcbStatus: 'UpToDate',
    configId: 'ab'.repeat(64),
    simulated: true,
    policyHash: 'A'.repeat(43),
    attestationToken: 'B'.repeat(43),
    attestationTokenId: 'c0'.repeat(32),
    platforms: ['d0'.repeat(32), '00606a000000'],
  }
  const dated = { iss: 'https://attest.example', iat: at, nbf: at, exp: at + 300, jti: 'one' }
  const access = {
    ...dated,
    aud: `${workload.deployment}:cache-gateway`,
    sub: 'platform',
    cnf: { 'x5t#S256': 'E'.repeat(43) },
    purpose: 'cache',
    sealward: workload,
  }
  const acting = { sub: 'cache-gateway', sealward: { ...workload, role: 'cache-gateway' } }
  const attestation = {
    ...dated,
    'x-ms-ver': '1.0',
    'x-ms-attestation-type': 'sgx',
    'x-ms-policy-hash': workload.policyHash,
    'x-ms-sgx-mrenclave': workload.mrEnclave,
    'x-ms-sgx-mrsigner': workload.mrSigner,
    'x-ms-sgx-product-id': 1,
    'x-ms-sgx-svn': 2,
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-report-data': '0f'.repeat(64),
    'x-sealward-tcb-status': 'UpToDate',
    'x-sealward-advisory-ids': ['INTEL-SA-00615'],
    'x-sealward-simulated': true,
    'x-sealward-evidence-root': 'aa'.repeat(32),
    'x-sealward-evidence-expires': at + 86_400,
    submods: { cpu0: { 'ear.veraison.annotated-evidence': { sgx: { fmspc: '00606a000000' } } } },
  }
  const denied = {
    measurement: ['e1'.repeat(32), 'e2'.repeat(48)],
    signer: [],
    platform: ['00606a000000'],
    token: ['a-token'],
    policy: ['A'.repeat(43)],
  }
  const tokens = {
    'attestation-token': [jws('JWT', attestation)],
    'access-token': [
      jws('at+jwt', access),
      jws('at+jwt', {
        ...access,
        act: { ...acting, act: acting },
        may_act: { sub: 'diagnostics' },
      }),
    ],
    'deny-list': [jws('deny-list+jwt', { ...dated, seq: 7, denied })],
    challenge: [jws('challenge+jwt', dated)],
  }
  const exchange = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: jws('JWT', attestation),
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: jws('JWT', dated),
    audience: access.aud,
    purpose: 'cache',
  }
  const delegated = {
    ...exchange,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    actor_token: jws('JWT', attestation),
    actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    may_act: 'diagnostics',
  }
  return {
    'token-text': Object.values(tokens).flat().map(utf8Of),
    ...Object.fromEntries(Object.entries(tokens).map(([name, list]) => [name, list.map(utf8Of)])),
    'exchange-body': [exchange, delegated].map((form) =>
      utf8Of(new URLSearchParams(form).toString()),
    ),
    'deny-request': [
      utf8Of(JSON.stringify({ kind: 'policy', value: 'A'.repeat(43), reason: 'withdrawn' })),
    ],
  }
}

function jws(typ: string, claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', kid: 'key', typ, jku: 'https://attest.example/certs' })}.${part(claims)}.AAAA`
}

import { base64UrlOf, type Result, utf8Of } from '@sealward/attestation/bytes'
import {
  readPolicyDocument,
  readResetDocument,
  readSignerDocument,
} from '../../../services/attestation-service/src/administration/policy-document.ts'
import {
  type PolicyJws,
  readPolicyJws,
} from '../../../services/attestation-service/src/administration/policy-jws.ts'
import { readJws } from '../../../services/attestation-service/src/administration/read-jws.ts'
import { namedSigner } from '../../../services/attestation-service/src/administration/signers.ts'
import {
  createTestSigner,
  policyPayload,
  signed,
  signerPayload,
  unsecured,
} from '../../../services/attestation-service/src/testing/policy-signer.fixtures.ts'
import { every } from './policy-seeds.ts'

type Parser = (input: Uint8Array) => Pick<Result<unknown>, 'ok'>

/** What administration reads of a request before anybody is believed. */
export const policyJwsParsers: Readonly<Record<string, Parser>> = {
  'policy-jws': (input) => {
    const jws = readJws(input)
    return jws.ok ? documentIn(jws.value) : jws
  },
  // A signature does not survive what fuzzing does; what it covers is read here without one.
  'policy-jws-header': (input) => {
    const jws = readPolicyJws(`${base64UrlOf(input)}.e30.`)
    return jws.ok || jws.problem.code === 'policy-jws-signature' ? { ok: true } : jws
  },
  'policy-jws-payload': (input) => documentIn({ text: '', signer: undefined, payload: input }),
}

function documentIn(jws: PolicyJws): Pick<Result<unknown>, 'ok'> {
  const signer = readSignerDocument(jws)
  const named = signer.ok ? namedSigner(signer.value.jwk) : signer
  return { ok: [readPolicyDocument(jws), readResetDocument(jws), named].some(({ ok }) => ok) }
}

/** Drawn anew each time. */
export async function policyJwsSeeds(): Promise<Readonly<Record<string, readonly Uint8Array[]>>> {
  const rsa = await createTestSigner('rsa')
  const ec = await createTestSigner('ec', { algorithm: 'ES256', issuer: rsa })
  const { n, e } = rsa.privateKey.export({ format: 'jwk' })
  const { x, y } = ec.privateKey.export({ format: 'jwk' })
  const jwks = [
    { kty: 'RSA', n, e, x5c: [rsa.x5c] },
    { kty: 'EC', crv: 'P-256', x, y },
  ]
  const payloads = [
    { ...policyPayload(every), iat: 1_795_392_000, aud: 'https://attest.example/policies/TdxVm' },
    signerPayload(rsa),
    { policyCertificate: jwks[0] },
    {},
  ]
  const json = (value: object): Uint8Array => utf8Of(JSON.stringify(value))
  return {
    'policy-jws': [
      unsecured(''),
      ` ${unsecured(policyPayload(every))}\n`,
      JSON.stringify(await signed(signerPayload(ec), rsa)),
      await signed(policyPayload(every), ec, { above: [rsa] }),
      await signed('', ec, { header: { x5c: undefined, jwk: jwks[1] } }),
    ].map(utf8Of),
    'policy-jws-header': [
      { alg: 'none' },
      { alg: 'RS256', x5c: [rsa.x5c], jwk: jwks[0], kid: 'a' },
      { alg: 'ES256', x5c: [ec.x5c, rsa.x5c] },
      { alg: 'ES256', jwk: jwks[1], jku: 'https://attest.example/certs' },
    ].map(json),
    'policy-jws-payload': payloads.map(json),
  }
}

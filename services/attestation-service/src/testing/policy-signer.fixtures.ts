/** Keys that sign policies, and what they sign. */

import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { base64Of, base64UrlOf, type UnixSeconds, utf8Of } from '@sealward/attestation/bytes'
import { parseCertificate } from '@sealward/attestation/x509'
import { systemRandom } from '@sealward/enclave/server'
import { CompactSign } from 'jose'
import { type PolicySigner, policySignerOf } from '../administration/signers.ts'

/** A key that signs policies, and its certificate. */
export interface TestSigner extends PolicySigner {
  readonly algorithm: 'RS256' | 'ES256'
  readonly privateKey: KeyObject
  readonly privateKeyPem: string
  readonly certificatePem: string
  readonly commonName: string
  /** Base64 of DER. */
  readonly x5c: string
}

export interface TestSignerOptions {
  readonly algorithm?: 'RS256' | 'ES256'
  readonly isCa?: boolean
  readonly pathLength?: number
  /** As it stands; without it, there is no such extension. */
  readonly keyUsage?: number
  readonly issuer?: TestSigner
  readonly notBefore?: UnixSeconds
  readonly notAfter?: UnixSeconds
}

export const keyUsages: typeof KeyUsageFlags = KeyUsageFlags

/** Makes one: an authority that signs itself, unless said otherwise. */
export async function createTestSigner(
  commonName: string,
  options: TestSignerOptions = {},
): Promise<TestSigner> {
  const { algorithm = 'RS256', isCa = true, issuer } = options
  const pair =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuerAlgorithm = webAlgorithms[issuer?.algorithm ?? algorithm]
  const extensions: Extension[] = [
    new BasicConstraintsExtension(isCa, options.pathLength, true),
    ...(options.keyUsage === undefined ? [] : [new KeyUsagesExtension(options.keyUsage, true)]),
  ]
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: Buffer.from(systemRandom.bytes(8)).toString('hex').replace(/^./, '4'),
      subject: `CN=${commonName}`,
      issuer: `CN=${issuer?.commonName ?? commonName}`,
      notBefore: new Date((options.notBefore ?? 1_577_836_800) * 1000),
      notAfter: new Date((options.notAfter ?? 2_524_608_000) * 1000),
      signingAlgorithm: issuerAlgorithm,
      signingKey: (issuer?.privateKey ?? pair.privateKey).toCryptoKey(issuerAlgorithm, false, [
        'sign',
      ]) as CryptoKey,
      publicKey: pair.publicKey.toCryptoKey(webAlgorithms[algorithm], true, [
        'verify',
      ]) as CryptoKey,
      extensions,
    },
    webcrypto as Crypto,
  )
  const parsed = parseCertificate(new Uint8Array(certificate.rawData))
  if (!parsed.ok) throw new Error(parsed.problem.code)
  return {
    ...policySignerOf(parsed.value),
    algorithm,
    commonName,
    privateKey: pair.privateKey,
    privateKeyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    certificatePem: certificate.toString('pem'),
    x5c: base64Of(parsed.value.der),
  }
}

const webAlgorithms = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
} as const

/** A policy's text as Azure's clients send it, without a signature. */
export function unsecured(payload: object | ''): string {
  const encoded = payload === '' ? '' : base64UrlOf(utf8Of(JSON.stringify(payload)))
  return `eyJhbGciOiJub25lIn0.${encoded}.`
}

/** The same, signed, with the signer's certificate and those above it in the header. */
export async function signed(
  payload: object | '',
  signer: TestSigner,
  { above = [], header = {} }: { above?: readonly TestSigner[]; header?: object } = {},
): Promise<string> {
  return new CompactSign(utf8Of(payload === '' ? '' : JSON.stringify(payload)))
    .setProtectedHeader({
      alg: signer.algorithm,
      x5c: [signer, ...above].map(({ x5c }) => x5c),
      ...header,
    })
    .sign(signer.privateKey)
}

export const policyPayload = (text: string): object => ({
  AttestationPolicy: base64UrlOf(utf8Of(text)),
})

/** The payload that names a signer, with the claim's name in documentation. */
export const signerPayload = ({ algorithm, x5c }: TestSigner): object => ({
  'maa-policyCertificate': { kty: algorithm === 'RS256' ? 'RSA' : 'EC', x5c: [x5c] },
})

export const permitAll = 'version=1.0; authorizationrules{=> permit();}; issuancerules{};'

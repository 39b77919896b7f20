/**
 * A whole deployment in one process, for tests: a sample vendor, an attestation service's key, and TEEs that answer
 * for themselves. Every part can be made to go wrong by name.
 */

import { calculateJwkThumbprint, exportJWK, type JWK, SignJWT } from 'jose'
import {
  base64UrlOf,
  bytesOfBase64Url,
  concat,
  hexOf,
  sha256,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import {
  type EvidenceDocument,
  encodeInitTimeData,
  encodeRuntimeData,
  type IdentityKeyJwk,
  type InitTimeData,
  type PeerExpectation,
  type RuntimeData,
  type TeeRole,
} from '../evidence/index.ts'
import { defaultPolicyFor, policyHashOf } from '../policy/index.ts'
import {
  createSampleVendor,
  type SampleEndorsementOptions,
  type SampleVendor,
} from '../sample/index.ts'
import {
  attestationClaimsOf,
  type DenyListTrust,
  deniedOf,
  denyListType,
  encodeDenyList,
  type SigningJwk,
  type SigningKeys,
  signerOf,
  tokenLimits,
  verifyDenyList,
} from '../token/index.ts'
import { verifySgxEvidence } from '../verification/index.ts'
import { encodeKeyConfigs, generateKeyConfig, type OhttpKey } from './key-config.ts'
import type { Random } from './random.ts'
import type { PeerTrust } from './verify-peer.ts'

export const at: UnixSeconds = 1_795_400_000
export const deployment = 'urn:uuid:3f0a1f6e-9f4d-4d27-8f0b-6f1f5b6c0c11'
export const issuer = 'https://sealward.example/attestation'
export const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }
export const model: { readonly name: string; readonly version: string; readonly sha256: string } = {
  name: 'chest-pneumonia',
  version: '1',
  sha256: '5a'.repeat(32),
}
export const certificateSha256: string = base64UrlOf(new Uint8Array(32).fill(9))

const isvProdIds: Readonly<Record<TeeRole, number>> = {
  platform: 1,
  'cache-gateway': 2,
  diagnostics: 3,
  'attestation-service': 4,
  'key-broker': 5,
}

/** What a TEE of this fixture is measured as. */
export const measurementOf = (role: TeeRole): Uint8Array =>
  new Uint8Array(32).fill(isvProdIds[role] + 0x10)
export const vendorKey: Uint8Array = new Uint8Array(32).fill(0xee)

export function expectationOf(
  role: TeeRole,
  changes: Partial<PeerExpectation> = {},
): PeerExpectation {
  return {
    role,
    mrEnclave: [hexOf(measurementOf(role))],
    mrSigner: [hexOf(vendorKey)],
    isvProdId: isvProdIds[role],
    isvSvnMin: 2,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    ...(role === 'diagnostics' ? { model: { sha256: model.sha256 } } : {}),
    ...changes,
  }
}

/** An attestation service's signing key, as `/certs` would publish it. */
export interface ServiceKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly jwks: SigningKeys
  readonly pin: string
}

export async function createServiceKey(kid = 'service-1'): Promise<ServiceKey> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: 'SHA-256',
    },
    true,
    ['sign', 'verify'],
  )
  const jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' }
  const pin = await signerOf(jwk as SigningJwk)
  if (pin === undefined) throw new Error('fixture: no pin')
  return { kid, privateKey, jwk, jwks: { keys: [jwk as SigningJwk] }, pin }
}

/** What can be made to go wrong with a TEE. */
export interface TeeChanges {
  readonly debug?: boolean
  readonly isvSvn?: number
  readonly mrEnclave?: Uint8Array
  readonly mrSigner?: Uint8Array
  readonly isvProdId?: number
  readonly runtimeData?: Partial<RuntimeData>
  readonly initTimeData?: Partial<InitTimeData>
  readonly endorsements?: Partial<SampleEndorsementOptions>
}

export interface Tee {
  readonly role: TeeRole
  readonly document: EvidenceDocument
  readonly initTimeData: InitTimeData
  readonly identityKey: CryptoKey
  readonly identityJwk: IdentityKeyJwk
  readonly ohttpKey: OhttpKey
}

export interface Deployment {
  readonly vendor: SampleVendor
  readonly service: ServiceKey
  tee(role: TeeRole, nonce: Uint8Array, changes?: TeeChanges): Promise<Tee>
  /** The attestation token for a TEE, with claims changed or (`undefined`) left out. */
  token(tee: Tee, changes?: Readonly<Record<string, unknown>>): Promise<string>
  trust(tee: Tee, nonce: Uint8Array, token: string | undefined): PeerTrust
}

export async function createDeployment(): Promise<Deployment> {
  const vendor = await createSampleVendor({ at })
  const service = await createServiceKey()
  const roots = [vendor.rootSpkiSha256]
  const policyHashes = [await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true }))]

  const tee: Deployment['tee'] = async (role, nonce, changes = {}) => {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['sign', 'verify'],
    )
    const { x = '', y = '', ...rest } = await exportJWK(publicKey)
    const kid = await calculateJwkThumbprint({ ...rest, x, y })
    const identityJwk = { kty: 'EC', crv: 'P-256', x, y, use: 'sig', alg: 'ES256', kid } as const
    const ohttpKey = await generateKeyConfig({ keyId: 1, random })
    const initTimeData: InitTimeData = {
      version: 1,
      deployment,
      role,
      attestation: { issuer, signers: [service.pin], policyHashes },
      peers: role === 'platform' ? [expectationOf('diagnostics')] : [expectationOf('platform')],
      development: true,
      roots,
      ...changes.initTimeData,
    }
    const runtimeData: RuntimeData = {
      version: 1,
      nonce: base64UrlOf(nonce),
      deployment,
      role,
      keys: [identityJwk],
      tls: { 'x5t#S256': certificateSha256 },
      ...(role === 'platform' ? { ohttp: base64UrlOf(encodeKeyConfigs([ohttpKey.config])) } : {}),
      ...(role === 'diagnostics' ? { model } : {}),
      ...changes.runtimeData,
    }
    const [runtimeBytes, initTimeBytes] = [
      encodeRuntimeData(runtimeData),
      encodeInitTimeData(initTimeData),
    ]
    const half = new Uint8Array(32)
    const quote = await vendor.quote({
      mrEnclave: changes.mrEnclave ?? measurementOf(role),
      mrSigner: changes.mrSigner ?? vendorKey,
      isvProdId: changes.isvProdId ?? isvProdIds[role],
      isvSvn: changes.isvSvn ?? 2,
      configId: concat(await sha256(initTimeBytes), half),
      debug: changes.debug ?? false,
      reportData: concat(await sha256(runtimeBytes), half),
    })
    const document: EvidenceDocument = {
      kind: 'sgx',
      quote: base64UrlOf(quote),
      runtimeData: base64UrlOf(runtimeBytes),
      initTimeData: base64UrlOf(initTimeBytes),
      endorsements: await vendor.endorsements({
        at,
        lifetimeSeconds: 86_400,
        ...changes.endorsements,
      }),
    }
    return { role, document, initTimeData, identityKey: privateKey, identityJwk, ohttpKey }
  }

  const token: Deployment['token'] = async ({ document }, changes = {}) => {
    const [quote, runtimeData, initTimeData] = [
      document.quote,
      document.runtimeData,
      document.initTimeData,
    ].map((text) => bytesOfBase64Url(text) ?? new Uint8Array())
    if (!quote || !runtimeData || !initTimeData) throw new Error('fixture: not base64url')
    const { endorsements } = document
    const evidence = await verifySgxEvidence({ quote, endorsements, roots, at })
    if (!evidence.ok) throw new Error(`fixture: ${evidence.problem.code}`)
    const claims = await attestationClaimsOf({
      evidence: evidence.value,
      runtimeData: { data: runtimeData, dataType: 'JSON' },
      initTimeData: { data: initTimeData, dataType: 'JSON' },
    })
    if (!claims.ok) throw new Error(`fixture: ${claims.problem.code}`)
    return signToken(service, 'JWT', {
      iss: issuer,
      iat: at,
      nbf: at,
      exp: at + 3600,
      jti: 'token-1',
      'x-ms-policy-hash': policyHashes[0],
      ...claims.value,
      ...changes,
    })
  }

  const denyList = await signToken(service, denyListType, denyListClaims())

  return {
    vendor,
    service,
    tee,
    token,
    trust: ({ role, document }, nonce, token) => ({
      document,
      token,
      nonce,
      deployment,
      expectation: expectationOf(role),
      roots,
      attestation: {
        issuer,
        jwks: service.jwks,
        signers: [service.pin],
        policyHashes,
        denyList: { text: denyList, ageSecondsMax: 300 },
      },
      at,
      development: true,
    }),
  }
}

/** The claims of a deny list of now, with these entries. */
export function denyListClaims(
  entries: Parameters<typeof deniedOf>[0] = [],
  sequence = 1,
): Readonly<Record<string, unknown>> {
  return encodeDenyList({
    issuer,
    sequence,
    issuedAt: at,
    expiresAt: at + 600,
    denied: deniedOf(entries),
  })
}

/** A deny list of the service, verified. */
export async function denyListTrustOf(
  service: ServiceKey,
  entries?: Parameters<typeof deniedOf>[0],
): Promise<Exclude<DenyListTrust, { readonly unchecked: string }>> {
  const text = await signToken(service, denyListType, denyListClaims(entries))
  const list = await verifyDenyList(text, {
    issuer,
    jwks: service.jwks,
    signers: [service.pin],
    at,
    clockSkewSeconds: 0,
  })
  if (!list.ok) throw new Error(`fixture: ${list.problem.code}`)
  return { list: list.value, ageSecondsMax: tokenLimits.denyListAgeSeconds }
}

/** A compact JWS of the service; claims that are `undefined` are left out. */
export function signToken(
  service: Pick<ServiceKey, 'kid' | 'privateKey'>,
  typ: string,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const stated = Object.entries(claims).filter(([, value]) => value !== undefined)
  return new SignJWT(Object.fromEntries(stated))
    .setProtectedHeader({ alg: 'RS256', kid: service.kid, typ, jku: `${issuer}/certs`, ...header })
    .sign(service.privateKey)
}

/** Compact parts put together without asking anybody. */
export function forged(header: unknown, payload: unknown, signature = ''): string {
  const part = (value: unknown): string => base64UrlOf(utf8Of(JSON.stringify(value)))
  return `${part(header)}.${part(payload)}.${signature}`
}

/**
 * The keys of one run of a workload, and evidence about them.
 *
 * @see docs/spec/evidence-document.md
 * @module
 */

import { createHash } from 'node:crypto'
import {
  base64UrlOf,
  concat,
  ok,
  type Problem,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  type EvidenceDocument,
  encodeRaTlsClaims,
  encodeRaTlsEvidence,
  encodeRuntimeData,
  type IdentityKeyJwk,
  type RuntimeData,
  type TeeRole,
} from '@sealward/attestation/evidence'
import type { Clock, Random } from '../effects/index.ts'
import type { EndorsementsCode, PcsClient } from '../endorsements/index.ts'
import type { Tee } from '../evidence/index.ts'
import type { EncryptionKey } from './encryption-key.ts'
import { identityLimits } from './limits.ts'
import { createTlsIdentity, createTlsKey, notBeforeOf, type TlsIdentity } from './tls-identity.ts'

export interface IdentityOptions {
  readonly tee: Tee
  readonly endorsements: PcsClient
  readonly random: Random
  readonly clock: Clock
  /** What every piece of evidence of this workload says beyond its keys. */
  readonly extras?: EvidenceExtras
  /** Of a workload that keys are released to. */
  readonly encryptionKey?: EncryptionKey
  /** How long a certificate may be shown; two hours unless said. */
  readonly certificateSeconds?: number
}

/** What a role adds to its runtime data. */
export type EvidenceExtras = Pick<RuntimeData, 'ohttp' | 'model'>

/** `busy` is the world's, and may be retried. */
export type EvidenceCode = EndorsementsCode | 'nonce-length' | 'busy'

/** A quote with the bytes that it binds. */
export interface QuotedData {
  readonly quote: Uint8Array
  readonly runtimeData: Uint8Array
  readonly initTimeData: Uint8Array
}

/** The keys of one run of a workload, and evidence about them. */
export interface Identity {
  readonly role: TeeRole
  /** `urn:uuid:…` */
  readonly deployment: string
  /** The identity key: ES256; its `kid` is its RFC 7638 thumbprint. It never leaves this object. */
  readonly publicJwk: IdentityKeyJwk
  readonly kid: string
  /** What is shown on TLS now, with evidence in it. Others follow: take it anew for each connection. */
  readonly tls: TlsIdentity
  /** Makes another key, certificate and evidence to be shown on TLS. Connections that are open stay as they are. */
  renewTls(): Promise<TlsIdentity>
  /** One that was shown and has not ended, by base64url SHA-256 of its DER. */
  shownTls(certificateSha256: string): TlsIdentity | undefined
  /** Tells `listener` what is shown from now on, until the function that comes back is called. */
  onTls(listener: (tls: TlsIdentity) => void): () => void
  /** ES256 by the identity key: r ‖ s, 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Compact JWS, ES256, header `{alg, kid, typ}`. */
  signJws(payload: Readonly<Record<string, unknown>>, typ: string): Promise<string>
  /**
   * A quote over this workload's runtime data with `nonce`, 32 bytes, in it.
   *
   * @param tls - a certificate of this workload's that the runtime data is to name instead of the present one.
   */
  quoted(nonce: Uint8Array, extras?: EvidenceExtras, tls?: TlsIdentity): Promise<QuotedData>
  /**
   * Evidence about this workload.
   *
   * @param nonce - 32 bytes, chosen by who asks.
   * @param extras - replaces those of {@link IdentityOptions}.
   * @returns the document, or one of {@link EvidenceCode}.
   */
  evidence(
    nonce: Uint8Array,
    extras?: EvidenceExtras,
  ): Promise<Result<EvidenceDocument, Problem<EvidenceCode>>>
}

/** Makes the keys of one run. Role and deployment are those of the measured init-time data. */
export async function createIdentity(options: IdentityOptions): Promise<Identity> {
  const { tee, random, clock, encryptionKey } = options
  const { role, deployment } = tee.initTimeData
  const { privateKey, publicKey } = await crypto.subtle.generateKey(
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign', 'verify'],
  )
  const publicJwk = identityKeyOf(await crypto.subtle.exportKey('jwk', publicKey))
  const keys: RuntimeData['keys'] =
    encryptionKey === undefined ? [publicJwk] : [publicJwk, encryptionKey.publicJwk]
  const quoteOver = (bytes: Uint8Array): Promise<Uint8Array> =>
    tee.quote(concat(createHash('sha256').update(bytes).digest(), new Uint8Array(32)))
  const makeTls = async (): Promise<TlsIdentity> => {
    const at = clock.now()
    const key = createTlsKey()
    const nonce = random.bytes(nonceBytes)
    const notAfter = at + (options.certificateSeconds ?? identityLimits.certificateSeconds)
    const said = { version: 1, nonce: base64UrlOf(nonce), deployment, role, keys } as const
    const claims = await encodeRaTlsClaims(key.spki, nonce, {
      runtimeData: encodeRuntimeData({ ...said, ...options.extras }),
      initTimeData: tee.initTimeDataBytes,
      notBefore: notBeforeOf(at),
      notAfter,
    })
    const evidence = encodeRaTlsEvidence(await quoteOver(claims), claims)
    return createTlsIdentity({
      commonName: `sealward ${role}`,
      at,
      random,
      key,
      notAfter,
      evidence,
    })
  }
  let shown = await makeTls()
  const everShown = new Map([[shown.certificateSha256, shown]])
  const remember = (tls: TlsIdentity): void => {
    everShown.set(tls.certificateSha256, tls)
    const now = clock.now()
    for (const [name, { notAfter }] of everShown) {
      const isMany = everShown.size > identityLimits.certificatesMax
      if (isMany || now >= (notAfter ?? 0)) everShown.delete(name)
    }
  }
  const listeners = new Set<(tls: TlsIdentity) => void>()

  const sign = async (bytes: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(
      await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        privateKey,
        new Uint8Array(bytes),
      ),
    )
  const quoted: Identity['quoted'] = async (nonce, extras = options.extras ?? {}, tls = shown) => {
    if (nonce.length !== nonceBytes) throw new RangeError(`a nonce is ${nonceBytes} bytes`)
    const runtimeData = encodeRuntimeData({
      version: 1,
      nonce: base64UrlOf(nonce),
      deployment,
      role,
      keys,
      tls: { 'x5t#S256': tls.certificateSha256 },
      ...extras,
    })
    const quote = await quoteOver(runtimeData)
    return { quote, runtimeData, initTimeData: tee.initTimeDataBytes }
  }
  let underWay = 0
  return {
    role,
    deployment,
    publicJwk,
    kid: publicJwk.kid,
    get tls() {
      return shown
    },
    async renewTls() {
      shown = await makeTls()
      remember(shown)
      for (const listener of listeners) listener(shown)
      return shown
    },
    shownTls: (certificateSha256) => everShown.get(certificateSha256),
    onTls(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sign,
    async signJws(payload, typ) {
      const header = { alg: 'ES256', kid: publicJwk.kid, typ }
      const input = `${jsonPart(header)}.${jsonPart(payload)}`
      return `${input}.${base64UrlOf(await sign(utf8Of(input)))}`
    },
    quoted,
    async evidence(nonce, extras) {
      if (nonce.length !== nonceBytes) {
        return refuse('nonce-length', 'nonce', `a nonce is ${nonceBytes} bytes`)
      }
      // Anybody may ask, and each answer costs the TEE a quote.
      if (underWay >= identityLimits.evidenceUnderWayMax) {
        return refuse('busy', '', 'too many ask for evidence at once')
      }
      underWay += 1
      try {
        const { quote, runtimeData, initTimeData } = await quoted(nonce, extras)
        const endorsements = await options.endorsements.endorsementsFor(quote)
        if (!endorsements.ok) return endorsements
        return ok({
          kind: 'sgx',
          quote: base64UrlOf(quote),
          runtimeData: base64UrlOf(runtimeData),
          initTimeData: base64UrlOf(initTimeData),
          endorsements: endorsements.value,
        })
      } finally {
        underWay -= 1
      }
    },
  }
}

const nonceBytes = 32

function identityKeyOf(jwk: JsonWebKey): IdentityKeyJwk {
  const { x, y } = jwk
  if (x === undefined || y === undefined) throw new Error('not an elliptic curve key')
  // RFC 7638, section 3.2: required members, in order of name.
  const thumbprint = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest()
  const kid = base64UrlOf(thumbprint)
  return { kty: 'EC', crv: 'P-256', x, y, use: 'sig', alg: 'ES256', kid }
}

function jsonPart(value: Readonly<Record<string, unknown>>): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}

/**
 * A platform, an attestation service and what lies between, in memory: for tests. The evidence is
 * real in form and signed by a throwaway vendor.
 *
 * @module
 */

import {
  base64UrlOf,
  bytesOfBase64Url,
  concat,
  hexOf,
  sha256,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  chunkedResponseMediaType,
  createReplayWindow,
  decodeRequestStream,
  encodeKeyConfigs,
  encodeResponse,
  generateKeyConfig,
  type OhttpKey,
  openChunkedRequest,
  type SealedTransport,
  sealChunkedResponse,
  streamOf,
} from '@sealward/attestation/channel'
import {
  type EvidenceDocument,
  encodeInitTimeData,
  encodeRuntimeData,
  type InitTimeData,
  type PeerExpectation,
} from '@sealward/attestation/evidence'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import {
  attestationClaimsOf,
  deniedOf,
  denyListType,
  encodeDenyList,
  type SigningJwk,
  signerOf,
} from '@sealward/attestation/token'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'

const deployment = 'urn:uuid:11111111-2222-4333-8444-555555555555'
const issuer = 'http://localhost/attestation'
const start = 1_795_400_000
const evidenceLifetimeSeconds = 86_400
const tokenLifetimeSeconds = 3600
const mrEnclave = new Uint8Array(32).fill(0x11)
const mrSigner = new Uint8Array(32).fill(0xee)

/** What goes wrong, by name. */
export type Fault =
  | 'changed-software'
  | 'debug'
  | 'tcb-info-expired'
  | 'old-nonce'
  | 'other-policy'
  | 'other-deployment'
  | 'platform-down'
  | 'platform-gone'
  | 'attestation-down'
  | 'attestation-declines'
  | 'attestation-without-token'
  | 'certs-down'
  | 'deny-list-down'
  | 'deny-list-old'
  | 'denied'
  | 'foreign-token-key'
  | 'wrong-content'

export interface World {
  readonly configuration: Configuration
  readonly effects: Effects
  readonly transport: SealedTransport
  /** Requests that the platform could open. */
  readonly received: { readonly method: string; readonly path: string; readonly body: string }[]
  /** How many sealed messages left, whether or not they could be opened. */
  readonly sent: () => number
  /** How many times evidence was asked for. */
  readonly asked: () => number
  readonly timers: { readonly milliseconds: number; readonly call: () => void }[]
  readonly after: (milliseconds: number, call: () => void) => () => void
  fault: Fault | undefined
  /** The platform takes another key, as after a restart, and cannot open what was sealed to the old one. */
  restart(): Promise<void>
  pass(seconds: number): void
}

/** RSA keys take long to make, so that all worlds have the same. */
const keys = Promise.all([
  createSampleVendor({ at: start }),
  createServiceKey(),
  createServiceKey(),
])

export async function createWorld(): Promise<World> {
  const [vendor, service, stranger] = await keys
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) }
  const roots = [vendor.rootSpkiSha256]
  const policyHashes = [await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true }))]
  let key = await generateKeyConfig({ keyId: 1, random })
  let instant = start
  const replay = createReplayWindow()
  let sent = 0
  let asked = 0

  const initTimeData: InitTimeData = {
    version: 1,
    deployment,
    role: 'platform',
    attestation: { issuer, signers: [service.pin], policyHashes },
    peers: [],
    development: true,
    roots,
  }
  const expectation: PeerExpectation = {
    role: 'platform',
    mrEnclave: [hexOf(mrEnclave)],
    mrSigner: [hexOf(mrSigner)],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    configId: [hexOf(await sha256(encodeInitTimeData(initTimeData)))],
  }

  const world: World = {
    configuration: {
      deployment,
      development: true,
      platform: '/platform',
      attestation: { issuer, url: '/attestation', signers: [service.pin], policyHashes },
      identity: { issuer: 'http://localhost/identity', clientId: 'c', scope: 's', audience: 'a' },
      roots,
      expectation,
    },
    effects: {
      now: () => instant,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      fetch: (url, init) =>
        answer(url, init?.body === undefined ? {} : JSON.parse(init.body as string)),
    },
    async transport({ body: message }) {
      sent++
      const opened = await openChunkedRequest({ keys: [key], message, replay })
      if (!opened.ok) {
        const problem = utf8Of(JSON.stringify({ type: 'urn:sealward:problem:stale-key' }))
        return { status: 422, contentType: 'application/problem+json', body: problem }
      }
      const request = await decodeRequestStream(opened.value.request)
      if (!request.ok) throw new Error(request.problem.code)
      const { method, path, body } = request.value
      const text = await new Response(streamOf(body)).text()
      world.received.push({ method, path, body: text })
      const response = encodeResponse({ status: 200, headers: [], body: utf8Of('{"seen":true}') })
      const { exchange } = opened.value
      return {
        status: 200,
        contentType: chunkedResponseMediaType,
        body: await sealChunkedResponse({ exchange, response, random }),
      }
    },
    received: [],
    sent: () => sent,
    asked: () => asked,
    timers: [],
    after(milliseconds, call) {
      const timer = { milliseconds, call }
      world.timers.push(timer)
      return () => {
        const index = world.timers.indexOf(timer)
        if (index >= 0) world.timers.splice(index, 1)
      }
    },
    fault: undefined,
    async restart() {
      key = await generateKeyConfig({ keyId: 2, random })
    },
    pass(seconds) {
      instant += seconds
    },
  }

  const answer = async (
    url: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<Response> => {
    const { fault } = world
    if (url === '/platform/evidence') {
      asked++
      if (fault === 'platform-gone') throw new TypeError('failed to fetch')
      if (fault === 'platform-down') return Response.json({}, { status: 503 })
      if (fault === 'wrong-content') return new Response('<!doctype html>')
      return Response.json(await evidenceOf(body))
    }
    if (url === '/attestation/certs') {
      return fault === 'certs-down'
        ? Response.json({}, { status: 502 })
        : Response.json(service.jwks)
    }
    if (url === '/attestation/deny-list') {
      if (fault === 'deny-list-down') return Response.json({}, { status: 503 })
      return Response.json({ token: await denyListOf(fault) })
    }
    if (url !== '/attestation/attest/SgxEnclave?api-version=2025-06-01') throw new Error(url)
    if (fault === 'attestation-down') return Response.json({}, { status: 503 })
    if (fault === 'attestation-without-token') return Response.json({})
    const token = fault === 'attestation-declines' ? undefined : await tokenOf(body)
    return token === undefined
      ? Response.json({ error: { code: 'PolicyEvaluationError' } }, { status: 400 })
      : Response.json({ token })
  }

  const denyListOf = (fault: Fault | undefined): Promise<string> => {
    const issuedAt = fault === 'deny-list-old' ? instant - 301 : instant
    const value = hexOf(mrEnclave)
    const claims = encodeDenyList({
      issuer,
      sequence: 1,
      issuedAt,
      expiresAt: issuedAt + 600,
      denied: deniedOf(fault === 'denied' ? [{ kind: 'measurement', value }] : []),
    })
    return service.sign(claims, denyListType)
  }

  const evidenceOf = async (body: Readonly<Record<string, unknown>>): Promise<EvidenceDocument> => {
    const { fault } = world
    const nonce = fault === 'old-nonce' ? base64UrlOf(new Uint8Array(32)) : String(body['nonce'])
    const elsewhere = 'urn:uuid:99999999-2222-4333-8444-555555555555'
    const where = fault === 'other-deployment' ? elsewhere : deployment
    return writeEvidence(vendor, key, {
      nonce,
      at: instant,
      initTimeData: { ...initTimeData, deployment: where },
      debug: fault === 'debug',
      mrEnclave: fault === 'changed-software' ? new Uint8Array(32).fill(0x12) : mrEnclave,
      expired: fault === 'tcb-info-expired',
    }).then((document) => {
      latest = document
      return document
    })
  }

  let latest: EvidenceDocument | undefined

  /** As the service does it: what it cannot verify gets no token. */
  const tokenOf = async (body: Readonly<Record<string, unknown>>): Promise<string | undefined> => {
    if (latest === undefined || body['quote'] !== latest.quote) throw new Error('another quote')
    const evidence = await verifySgxEvidence({
      quote: bytesOf(latest.quote),
      endorsements: latest.endorsements,
      roots,
      at: instant,
    })
    if (!evidence.ok) return undefined
    const claims = await attestationClaimsOf({
      evidence: evidence.value,
      runtimeData: { data: bytesOf(latest.runtimeData), dataType: 'JSON' },
      initTimeData: { data: bytesOf(latest.initTimeData), dataType: 'JSON' },
    })
    if (!claims.ok) throw new Error(claims.problem.code)
    return (world.fault === 'foreign-token-key' ? stranger : service).sign({
      iss: issuer,
      iat: instant,
      nbf: instant,
      exp: instant + tokenLifetimeSeconds,
      jti: crypto.randomUUID(),
      'x-ms-policy-hash': await policyHashOf(
        world.fault === 'other-policy'
          ? defaultPolicyFor('SgxEnclave')
          : defaultPolicyFor('SgxEnclave', { development: true }),
      ),
      ...claims.value,
    })
  }
  return world
}

const bytesOf = (text: string): Uint8Array => bytesOfBase64Url(text) ?? new Uint8Array()

async function writeEvidence(
  vendor: SampleVendor,
  key: OhttpKey,
  fields: {
    readonly nonce: string
    readonly at: number
    readonly initTimeData: InitTimeData
    readonly debug: boolean
    readonly mrEnclave: Uint8Array
    readonly expired: boolean
  },
): Promise<EvidenceDocument> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
  ])
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const thumbprint = utf8Of(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
  const kid = base64UrlOf(await sha256(thumbprint))
  const initTimeData = encodeInitTimeData(fields.initTimeData)
  const runtimeData = encodeRuntimeData({
    version: 1,
    nonce: fields.nonce,
    deployment: fields.initTimeData.deployment,
    role: 'platform',
    keys: [{ kty: 'EC', crv: 'P-256', x, y, use: 'sig', alg: 'ES256', kid }],
    ohttp: base64UrlOf(encodeKeyConfigs([key.config])),
  })
  const half = new Uint8Array(32)
  const quote = await vendor.quote({
    mrEnclave: fields.mrEnclave,
    mrSigner,
    isvProdId: 1,
    isvSvn: 1,
    configId: concat(await sha256(initTimeData), half),
    debug: fields.debug,
    reportData: concat(await sha256(runtimeData), half),
  })
  return {
    kind: 'sgx',
    quote: base64UrlOf(quote),
    runtimeData: base64UrlOf(runtimeData),
    initTimeData: base64UrlOf(initTimeData),
    endorsements: await vendor.endorsements({
      at: fields.at,
      lifetimeSeconds: evidenceLifetimeSeconds,
      ...(fields.expired && { expired: ['tcb-info'] as const }),
    }),
  }
}

async function createServiceKey() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: 'SHA-256',
  }
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { n = '', e = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const jwk: SigningJwk = { kty: 'RSA', kid: 'service', use: 'sig', alg: 'RS256', n, e }
  const part = (value: object): string => base64UrlOf(utf8Of(JSON.stringify(value)))
  return {
    jwks: { keys: [jwk] },
    pin: (await signerOf(jwk)) ?? '',
    async sign(claims: object, typ = 'JWT'): Promise<string> {
      const header = { alg: 'RS256', typ, kid: 'service', jku: `${issuer}/certs` }
      const input = `${part(header)}.${part(claims)}`
      const signature = await crypto.subtle.sign(
        algorithm.name,
        pair.privateKey,
        utf8Of(input).slice(),
      )
      return `${input}.${base64UrlOf(new Uint8Array(signature))}`
    },
  }
}

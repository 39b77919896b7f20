/**
 * A stack behind an injected `fetch`: a platform of a sample vendor, an attestation service, a sign-in. All that
 * is sent to it is kept, so that tests can look for what must not be there.
 */

import { base64UrlOf, bytesOfBase64Url, textOf, utf8Of } from '@sealward/attestation/bytes'
import {
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  createReplayWindow,
  decodeRequestStream,
  encodeResponse,
  openChunkedRequest,
  sealChunkedResponse,
  streamOf,
} from '@sealward/attestation/channel'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { denyListType } from '@sealward/attestation/token'
import {
  at,
  createDeployment,
  type Deployment,
  denyListClaims,
  deployment,
  expectationOf,
  issuer,
  model,
  random,
  signToken,
  type Tee,
  type TeeChanges,
} from '../../../packages/attestation/src/channel/deployment.fixtures.ts'
import type { Effects } from './http.ts'

export const origin = 'http://localhost:4400'
export const clientSecret = 'a-secret-of-the-tests'

/** What can be made to go wrong. */
export interface Tampering {
  readonly tee?: TeeChanges
  /** Answers with evidence for another nonce. */
  readonly otherNonce?: boolean
  /** What is on the attestation service's deny list. */
  readonly denied?: Parameters<typeof denyListClaims>[0]
  /** What it answers instead of a token. */
  readonly attestation?: { readonly status: number; readonly body: object }
  /** Claims of the token that are changed. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Paths that nothing answers at. */
  readonly down?: RegExp
  /** How the inner API answers a path, instead of the usual. */
  readonly inner?: (method: string, path: string) => InnerAnswer | undefined
  /** Sends an answer that is not sealed. */
  readonly unsealed?: boolean
  /** Gives up its keys before each of the first so many requests. */
  staleKeys?: number
}

export interface InnerAnswer {
  readonly status: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly body: unknown
}

export interface TestStack {
  readonly world: Deployment
  readonly effects: Effects
  /** What was sent, in order: address, and body as bytes. */
  readonly sent: { readonly url: string; readonly body: Uint8Array }[]
  /** What was said inside the sealed channel: `POST /fhir/Patient`, with its body as text. */
  readonly said: { readonly line: string; readonly body: string; readonly authorization: string }[]
}

let world: Deployment | undefined

export async function createTestStack(tampering: Tampering = {}): Promise<TestStack> {
  world ??= await createDeployment()
  const stack = world
  const sent: { url: string; body: Uint8Array }[] = []
  const said: { line: string; body: string; authorization: string }[] = []
  const patients = new Map<string, string>()
  const replay = createReplayWindow()
  let tee: Tee | undefined
  let staleKeys = tampering.staleKeys ?? 0
  let reports = 0

  const inner = (method: string, path: string, body: string): InnerAnswer => {
    const told = tampering.inner?.(method, path)
    if (told !== undefined) return told
    const { pathname, searchParams } = new URL(path, origin)
    const identifier = searchParams.get('identifier')
    const line = `${method} ${pathname.replace(/\/[0-9]+$/, '/*')}`
    switch (line) {
      case 'GET /fhir/Patient': {
        const id = patients.get(identifier ?? '')
        const entry = id === undefined ? [] : [{ resource: { resourceType: 'Patient', id } }]
        return { status: 200, body: { resourceType: 'Bundle', type: 'searchset', entry } }
      }
      case 'POST /fhir/Patient': {
        const [{ system, value }] = JSON.parse(body).identifier
        const id = String(patients.size + 1)
        patients.set(`${system}|${value}`, id)
        return { status: 201, body: { resourceType: 'Patient', id } }
      }
      case 'POST /films':
        return { status: 201, body: { id: '7', imagingStudy: 'ImagingStudy/7' } }
      case 'POST /fhir/ServiceRequest':
        return { status: 201, headers: [['sealward-task', `Task/${++reports}`]], body: {} }
      case 'GET /fhir/Task/*': {
        const reference = `DiagnosticReport/${pathname.split('/').at(-1)}`
        return {
          status: 200,
          body: { status: 'completed', output: [{ valueReference: { reference } }] },
        }
      }
      case 'GET /results/*':
        return {
          status: 200,
          body: {
            probability: 0.875,
            logit: 1.9459101490553132,
            evidenceMap: Array.from({ length: 8 }, () => Array(8).fill(1.9459101490553132)),
            operatingPoint: { threshold: 0.5, sensitivity: 0.9, specificity: 0.9 },
            model,
            simulated: true,
          },
        }
      case 'GET /receipts/*':
        return { status: 200, body: { receipt: 'of the tests' } }
      default:
        return { status: 404, body: { type: 'urn:sealward:problem:not-found', detail: 'Nothing.' } }
    }
  }

  const answerSealed = async (message: Uint8Array): Promise<Response> => {
    if (tee === undefined) throw new Error('sealed before evidence was asked for')
    if (tampering.unsealed === true) return json(200, { probability: 1 })
    if (staleKeys > 0) {
      staleKeys--
      return problem(422, 'stale-key')
    }
    const opened = await openChunkedRequest({ keys: [tee.ohttpKey], message, replay })
    if (!opened.ok) return problem(422, opened.problem.code)
    const request = await decodeRequestStream(opened.value.request)
    if (!request.ok) return problem(400, 'malformed')
    const { method, path, body, headers } = request.value
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    const text = textOf(Buffer.concat(pieces)) ?? '(bytes)'
    const authorization = headers.find(([name]) => name === 'authorization')?.[1] ?? ''
    said.push({ line: `${method} ${path}`, body: text, authorization })
    const answer = inner(method, path, text)
    const response = encodeResponse({
      status: answer.status,
      headers: [['content-type', 'application/json'], ...(answer.headers ?? [])],
      body: utf8Of(JSON.stringify(answer.body)),
    })
    const { exchange } = opened.value
    return new Response(streamOf(await sealChunkedResponse({ exchange, response, random })), {
      headers: { 'content-type': chunkedResponseMediaType },
    })
  }

  const answer = async (url: URL, body: Uint8Array, headers: Headers): Promise<Response> => {
    switch (url.pathname) {
      case '/config.json':
        return json(200, {
          deployment,
          development: true,
          platform: '/platform',
          attestation: {
            issuer,
            url: '/attestation',
            signers: [stack.service.pin],
            policyHashes: [
              await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true })),
            ],
          },
          identity: {
            issuer: `${origin}/identity`,
            clientId: 'portal',
            scope: 'openid',
            audience: 'urn:sealward:platform',
          },
          roots: [stack.vendor.rootSpkiSha256],
          rootCertificates: [stack.vendor.rootCertificatePem],
          expectation: expectationOf('platform'),
        })
      case '/platform/evidence': {
        const asked = bytesOfBase64Url(JSON.parse(textOf(body) ?? '').nonce) ?? new Uint8Array()
        const nonce = tampering.otherNonce === true ? new Uint8Array(32) : asked
        tee = await stack.tee('platform', nonce, tampering.tee)
        return json(200, tee.document)
      }
      case '/attestation/attest/SgxEnclave':
        if (tampering.attestation !== undefined) {
          return json(tampering.attestation.status, tampering.attestation.body)
        }
        if (tee === undefined) throw new Error('attested before evidence was asked for')
        return json(200, { token: await stack.token(tee, tampering.claims) })
      case '/attestation/deny-list': {
        const claims = denyListClaims(tampering.denied)
        return json(200, { token: await signToken(stack.service, denyListType, claims) })
      }
      case '/attestation/certs':
        return json(200, stack.service.jwks)
      case '/identity/.well-known/openid-configuration':
        return json(200, {
          issuer: `${origin}/identity`,
          token_endpoint: `${origin}/identity/token`,
        })
      case '/identity/token': {
        // RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
        const basic = headers.get('authorization')?.replace(/^Basic /, '') ?? ''
        const shown = decodeURIComponent(Buffer.from(basic, 'base64').toString())
        const isKnown = shown === `sealward-cli:${clientSecret}`
        return isKnown
          ? json(200, { access_token: 'staff-token', token_type: 'Bearer', expires_in: 3600 })
          : json(401, { error: 'invalid_client' })
      }
      case '/platform/sealed':
        return headers.get('content-type') === chunkedRequestMediaType
          ? answerSealed(body)
          : problem(415, 'media-type-unsupported')
      default:
        return json(404, {})
    }
  }

  return {
    world: stack,
    sent,
    said,
    effects: {
      clock: { now: () => at },
      random,
      sleep: (_ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) reject(signal.reason)
          else setTimeout(resolve, 1)
        }),
      fetch: async (input, init) => {
        const request = new Request(input, init)
        const url = new URL(request.url)
        if (tampering.down?.test(url.pathname) === true) throw new TypeError('fetch failed')
        const body = new Uint8Array(await request.arrayBuffer())
        sent.push({ url: request.url, body })
        return answer(url, body, request.headers)
      },
    },
  }
}

function json(status: number, body: unknown): Response {
  return Response.json(body, { status })
}

function problem(status: number, code: string): Response {
  return Response.json(
    { type: `urn:sealward:problem:${code}` },
    { status, headers: { 'content-type': 'application/problem+json' } },
  )
}

/** Eight bytes that make a file a PNG for whoever looks at its beginning only, and more that make it one of its own. */
export function pictureOf(marker: string): Uint8Array {
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), utf8Of(marker)])
}

/** Every text form in which `text` could be found on a wire or in a file. */
export function formsOf(text: string): readonly string[] {
  const bytes = utf8Of(text)
  return [text, encodeURIComponent(text), Buffer.from(bytes).toString('hex'), base64UrlOf(bytes)]
}

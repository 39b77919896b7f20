/**
 * Requests that administer an instance, and its signed answers.
 *
 * @module
 */

import { jsonOf, ok, textOf } from '@sealward/attestation/bytes'
import { signerOf, verifyAdministrationResult } from '@sealward/attestation/token'
import {
  type PublishedIdentity,
  publishedIdentity,
  refusalIn,
  serviceOriginOf,
} from '../attest/ask-service.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { type Effects, send } from '../http.ts'
import { limits } from '../limits.ts'
import { badInput, type Outcome, refused, unavailable } from '../problem.ts'
import { readSigners } from '../receipt.ts'
import type { Surroundings } from '../surroundings.ts'

export interface ServiceFlags {
  readonly service: string
  readonly tokenFile?: string
  /** The service's certificates or key set, to pin. */
  readonly signer?: string
  readonly json?: true
}

/** An instance, and whoever administers it. */
export interface Administered {
  readonly effects: Effects
  readonly service: string
  readonly identity: PublishedIdentity
  /** Pins of the keys that are believed; whichever the service publishes, where none was given. */
  readonly signers: readonly string[]
  /** Of the identity provider. A signed request may need none. */
  readonly bearer: string | undefined
}

/** Finds the instance, and the token of whoever asks. */
export async function openAdministered(
  { effects, env }: Surroundings,
  flags: ServiceFlags,
): Promise<Outcome<Administered>> {
  const service = serviceOriginOf(flags.service)
  if (!service.ok) return service
  const bearer = await readBearer(flags.tokenFile, env['SEALWARD_TOKEN'])
  if (!bearer.ok) return bearer
  if (bearer.value !== undefined && !isPrivate(service.value)) {
    return badInput(
      'service-insecure',
      '--service',
      'a token is sent over https only, or to this machine itself',
    )
  }
  const pins = flags.signer === undefined ? undefined : await readSigners(flags.signer)
  if (pins !== undefined && !pins.ok) return pins
  const identity = await publishedIdentity(effects, service.value)
  if (!identity.ok) return identity
  const published = await Promise.all(identity.value.jwks.keys.map((key) => signerOf(Object(key))))
  return ok({
    effects,
    service: service.value,
    identity: identity.value,
    signers: pins?.value ?? published.filter((signer) => signer !== undefined),
    bearer: bearer.value,
  })
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Below the service's address. */
  readonly path: string
  /** A JSON Web Signature. */
  readonly body?: string
  readonly ifMatch?: string
}

/** The JSON of an answer, done or waiting. */
export async function ask(
  { effects, service, bearer }: Administered,
  { method, path, body, ifMatch }: Request,
): Promise<Outcome<Readonly<Record<string, unknown>>>> {
  const answer = await send(
    effects,
    'attestation-service',
    `${service}${path}`,
    {
      method,
      headers: {
        accept: 'application/json',
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'text/plain' }),
        ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
      },
      ...(body === undefined ? {} : { body }),
    },
    { msMax: limits.answerMsMax, bytesMax: limits.documentBytesMax },
  )
  if (!answer.ok) return answer
  const { status, body: bytes } = answer.value
  if (status !== 200 && status !== 202) return { ok: false, problem: refusalIn(status, bytes) }
  const json = jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  return json.ok ? ok(Object(json.value)) : malformed('it did not answer with JSON')
}

/** The claims of the signed answer. */
export async function claimsIn(
  { effects, identity, signers }: Administered,
  { token }: Readonly<Record<string, unknown>>,
): Promise<Outcome<Readonly<Record<string, unknown>>>> {
  if (typeof token !== 'string') return malformed('it did not answer with a token')
  const verified = await verifyAdministrationResult(token, {
    issuer: identity.issuer,
    jwks: identity.jwks,
    signers,
    at: effects.clock.now(),
    clockSkewSeconds: limits.clockSkewSeconds,
  })
  return verified.ok ? ok(verified.value.claims) : refused(verified.problem)
}

/** The service answered in another form than was agreed. */
export function malformed(detail: string): Outcome<never> {
  return unavailable('attestation-service-malformed', '--service', detail)
}

export const apiVersion = 'api-version=2025-06-01'

/** An access token of an identity provider, of a file or the environment. */
export async function readBearer(
  file: string | undefined,
  fromEnvironment: string | undefined,
): Promise<Outcome<string | undefined>> {
  if (file === undefined && (fromEnvironment ?? '') === '') return ok(undefined)
  const bytes = file === undefined ? ok(undefined) : await bytesIn(file, '--token-file')
  if (!bytes.ok) return bytes
  const text = (bytes.value === undefined ? fromEnvironment : textOf(bytes.value))?.trim() ?? ''
  return /^[\w.~+/-]+=*$/.test(text)
    ? ok(text)
    : badInput(
        'token-malformed',
        file === undefined ? 'SEALWARD_TOKEN' : '--token-file',
        'an access token of the identity provider is expected, and nothing else',
      )
}

/** Whether nobody on the way reads what is sent there. */
export function isPrivate(service: string): boolean {
  const { protocol, hostname } = new URL(service)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

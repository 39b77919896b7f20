/**
 * What an attestation service answers: its result, its refusal, its keys.
 *
 * @module
 */

import { jsonOf, ok, reading, textOf } from '@sealward/attestation/bytes'
import type { SigningJwk, SigningKeys } from '@sealward/attestation/token'
import { type Effects, fetchJson, send } from '../http.ts'
import { limits } from '../limits.ts'
import {
  badInput,
  type CommandProblem,
  type Outcome,
  type ProblemKind,
  unavailable,
} from '../problem.ts'
import type { AttestBody } from './attest-body.ts'

export type ResultForm = 'azure' | 'ear'

/** With which media type a form is asked for. */
const accepted: Readonly<Record<ResultForm, string>> = {
  azure: 'application/json',
  ear: 'application/eat+jwt; eat_profile="tag:github.com,2023:veraison/ear"',
}

const apiVersion = '2025-06-01'

/** The address of a service or of one of its instances, without a slash at the end. */
export function serviceOriginOf(text: string): Outcome<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    return badInput('service-malformed', '--service', 'an http or https address expected')
  }
  if (url.username !== '' || url.password !== '') {
    return badInput(
      'service-malformed',
      '--service',
      'an address without a name or password expected',
    )
  }
  return ok(url.href.replace(/\/+$/, ''))
}

/** Sends evidence. A refusal has the service's own code where it says one, and Azure's in the sentence. */
export async function askForToken(
  effects: Pick<Effects, 'fetch'>,
  service: string,
  { type, body }: AttestBody,
  form: ResultForm,
): Promise<Outcome<string>> {
  const answer = await send(
    effects,
    'attestation-service',
    `${service}/attest/${type}?api-version=${apiVersion}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: accepted[form] },
      body: JSON.stringify(body),
    },
    { msMax: limits.answerMsMax, bytesMax: limits.documentBytesMax },
  )
  if (!answer.ok) return answer
  const { status, body: bytes, contentType } = answer.value
  if (status !== 200) return { ok: false, problem: refusalIn(status, bytes) }
  const token = contentType.startsWith('application/eat') ? textOf(bytes) : tokenIn(bytes)
  return token !== undefined && /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token)
    ? ok(token)
    : unavailable('attestation-service-malformed', '--service', 'it did not answer with a token')
}

export interface PublishedIdentity {
  readonly issuer: string
  readonly jwks: SigningKeys
}

/** What the service says of itself. Whoever answers at its address says it. */
export async function publishedIdentity(
  effects: Pick<Effects, 'fetch'>,
  service: string,
): Promise<Outcome<PublishedIdentity>> {
  const certs = await fetchJson(effects, 'attestation-service', `${service}/certs`)
  if (!certs.ok) return certs
  const path = '/.well-known/openid-configuration'
  const metadata = await fetchJson(effects, 'attestation-service', `${service}${path}`)
  if (!metadata.ok) return metadata
  const issuer = reading(metadata.value, '', (shape) =>
    shape.object('ignored', ({ required }) => required('issuer').string(1024)),
  )
  const { keys } = Object(certs.value) as { readonly keys?: unknown }
  if (!issuer.ok || !Array.isArray(keys)) {
    return unavailable('attestation-service-malformed', '--service', 'no keys, or no issuer')
  }
  return ok({ issuer: issuer.value, jwks: { keys: keys as readonly SigningJwk[] } })
}

function tokenIn(bytes: Uint8Array): string | undefined {
  const json = jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  const { token } = Object(json.ok ? json.value : undefined) as { readonly token?: unknown }
  return typeof token === 'string' ? token : undefined
}

/** Why a service refused, in its own code where it says one. */
export function refusalIn(status: number, bytes: Uint8Array): CommandProblem {
  const json = jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  const { error } = Object(json.ok ? json.value : undefined) as { readonly error?: unknown }
  const said = Object(error) as Readonly<Record<string, unknown>>
  const inner = Object(said['innererror']) as Readonly<Record<string, unknown>>
  const azure = wordOf(said['code'])
  const code = wordOf(inner['code']) ?? azure ?? 'attestation-refused'
  const message =
    plain(said['message']) ?? (isElsewhere(status) ? elsewhere : 'it does not say why')
  return {
    kind: kindOf(status),
    code,
    at: plain(inner['at']) ?? '',
    detail: `${message} (HTTP ${status}${azure === undefined ? '' : `, ${azure}`})`,
  }
}

/** Something answers, and it is no attestation service. */
function isElsewhere(status: number): boolean {
  return status === 404 || status === 405
}

const elsewhere =
  'no attestation service answers at this address; instances are at …/instances/NAME'

function kindOf(status: number): ProblemKind {
  if (status >= 500 || status === 429) return 'unavailable'
  return status === 400 ? 'refused' : 'input'
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(value) ? value : undefined
}

/** What somebody else wrote must not move the cursor of a terminal. */
export function plain(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  return value
    .slice(0, 512)
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
}

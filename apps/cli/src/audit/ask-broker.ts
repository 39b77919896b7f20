/**
 * What a key broker answers of its audit log.
 *
 * @module
 */

import { jsonOf, ok, reading } from '@sealward/attestation/bytes'
import { auditLimits } from '@sealward/key-broker/audit'
import { isPrivate, readBearer } from '../attestation-policy/administer.ts'
import { send } from '../http.ts'
import { limits } from '../limits.ts'
import { badInput, type Outcome, unavailable } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

export interface BrokerFlags {
  readonly broker: string
  readonly tokenFile?: string
}

/** A broker, and whoever asks it. */
export interface AskedBroker {
  /** Without a slash at the end. */
  readonly url: string
  readonly bearer: string | undefined
}

/** Where the broker is; a token is sent over HTTPS only, or to this machine. */
export async function openBroker(
  { env }: Surroundings,
  { broker, tokenFile }: BrokerFlags,
): Promise<Outcome<AskedBroker>> {
  const url = URL.parse(broker)
  const isAddress =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username + url.password + url.search + url.hash === ''
  if (!isAddress) {
    return badInput(
      'broker-address',
      '--broker',
      'an address like https://keys.example is expected',
    )
  }
  const bearer = await readBearer(tokenFile, env['SEALWARD_TOKEN'])
  if (!bearer.ok) return bearer
  const address = url.href.replace(/\/+$/, '')
  if (bearer.value !== undefined && !isPrivate(address)) {
    const detail = 'a token is sent over https only, or to this machine itself'
    return badInput('broker-insecure', '--broker', detail)
  }
  return ok({ url: address, bearer: bearer.value })
}

/** The bytes of an answer of 200; otherwise why not, with the broker's own code where it says one. */
export async function askBroker(
  { effects, interrupted }: Surroundings,
  { url, bearer }: AskedBroker,
  path: string,
  init: { readonly method?: string; readonly body?: object } = {},
): Promise<Outcome<Uint8Array>> {
  const answer = await send(
    effects,
    'broker',
    `${url}${path}`,
    {
      method: init.method ?? 'GET',
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    },
    { msMax: limits.answerMsMax, bytesMax: limits.brokerBytesMax, signal: interrupted },
  )
  if (!answer.ok) return answer
  const { status, body } = answer.value
  return status >= 200 && status < 300 ? ok(body) : refusalOf(status, body)
}

/** As {@link askBroker}, for JSON. */
export async function askBrokerJson(
  surroundings: Surroundings,
  broker: AskedBroker,
  path: string,
  init: { readonly method?: string; readonly body?: object } = {},
): Promise<Outcome<unknown>> {
  const answer = await askBroker(surroundings, broker, path, init)
  if (!answer.ok) return answer
  const json = jsonOf(answer.value, {
    bytesMax: limits.brokerBytesMax,
    depthMax: limits.depthMax,
  })
  return json.ok ? json : unavailable('broker-unavailable', 'broker', 'it did not answer with JSON')
}

/** The checkpoint that a broker signs now: not verified. */
export async function freshCheckpoint(
  surroundings: Surroundings,
  broker: AskedBroker,
): Promise<Outcome<string>> {
  const json = await askBrokerJson(surroundings, broker, '/audit/checkpoint')
  if (!json.ok) return json
  const checkpoint = reading(json.value, '', (top) =>
    top.object('ignored', ({ required }) =>
      required('checkpoint').string(auditLimits.checkpointCharactersMax),
    ),
  )
  return checkpoint.ok
    ? checkpoint
    : unavailable('broker-unavailable', 'broker', 'it did not answer with a checkpoint')
}

/** What Key Vault's refusals are made of, with our problem inside. */
function refusalOf(status: number, body: Uint8Array): Outcome<never> {
  const json = jsonOf(body, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  const read = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', ({ required }) =>
          required('error').object('ignored', (error) =>
            error.required('innererror').object('ignored', (inner) => ({
              code: inner.required('code').string(64, /^[a-z0-9-]+$/),
              at: inner.required('at').string(256),
              detail: inner.required('detail').string(1024),
            })),
          ),
        ),
      )
    : json
  const problem = read.ok
    ? read.value
    : {
        code: 'broker-refused',
        at: 'broker',
        detail: `It answered ${status}, and did not say why.`,
      }
  const { code, at, detail } = problem
  return status >= 500 || status === 429
    ? unavailable(code, at, detail)
    : badInput(code, at, detail)
}

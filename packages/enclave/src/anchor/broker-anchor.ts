import { jsonOf, ok, type Problem, type Result, reading, refuse } from '@sealward/attestation/bytes'
import {
  type AttestedResponse,
  type AttestedTls,
  createAttestedClient,
} from '../attested-tls/index.ts'
import type { Passport, PassportCode } from '../identity/index.ts'
import { type Anchor, type AnchorProblem, sameState } from './anchor.ts'
import { readAnchorState } from './read-state.ts'

export interface BrokerAnchorOptions {
  /** Of the broker's attested listener: `https://host:port`. Not trusted. */
  readonly url: string
  /** With a peer of role `key-broker` in its init-time data: another would remember what it likes. */
  readonly attested: AttestedTls
  readonly passport: Pick<Passport, 'accessToken'>
}

export interface BrokerAnchor extends Anchor {
  close(): Promise<void>
}

/**
 * The anchor that a key broker keeps for this workload's deployment and role.
 *
 * @see docs/spec/key-broker.md, "Anchors"
 */
export function createBrokerAnchor({ url, attested, passport }: BrokerAnchorOptions): BrokerAnchor {
  const { deployment, role } = attested.trust.initTimeData
  const path = `/anchors/${deployment}:${role}`
  const client = createAttestedClient<PassportCode>({
    attested,
    origin: url,
    role: 'key-broker',
    connectionsMax: 1,
    accessToken: (own) => passport.accessToken(`${deployment}:key-broker`, 'anchor', own),
  })

  const ask = async (
    method: 'GET' | 'PUT',
    body?: object,
  ): Promise<Result<AttestedResponse, AnchorProblem>> => {
    const answer = await client.request({
      method,
      path,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (answer.ok) return answer
    const { problem } = answer
    const isWorldly =
      'kind' in problem
        ? problem.kind === 'unavailable'
        : problem.code === 'attestation-unavailable'
    return isWorldly ? unavailable(problem.code) : refused(problem.code)
  }

  const read: Anchor['read'] = async () => {
    const answer = await ask('GET')
    if (!answer.ok) return answer
    const { status, body } = answer.value
    const code = codeIn(body)
    if (status === 404 && code === 'anchor-unknown') return ok(undefined)
    if (status !== 200) return refusalOf(status, code)
    const state = readAnchorState(body)
    return state === undefined ? refused('no state') : ok(state)
  }

  return {
    read,
    async advance(expected, next) {
      const answer = await ask('PUT', { expected: expected ?? null, next })
      if (!answer.ok) return answer
      const { status, body } = answer.value
      if (status === 200) return ok(true)
      if (status !== 409) return refusalOf(status, codeIn(body))
      // It may have been done before, and the answer lost.
      const now = await read()
      if (!now.ok) return now
      return sameState(now.value, next) ? ok(true) : conflict()
    },
    close: () => client.close(),
  }
}

function refusalOf(status: number, code: string): Result<never, AnchorProblem> {
  return status === 429 || status >= 500 ? unavailable(code) : refused(code)
}

function unavailable(why: string): Result<never, AnchorProblem> {
  const detail = `The key broker does not tell the anchor now (${why}).`
  return refuse('anchor-unavailable', 'keyBroker', detail)
}

function refused(why: string): Result<never, AnchorProblem> {
  return refuse(
    'anchor-refused',
    'keyBroker',
    `The key broker has no anchor for this workload (${why}).`,
  )
}

function conflict(): Result<never, AnchorProblem> {
  return refuse('anchor-conflict', 'keyBroker', 'The anchor is not what was expected.')
}

/** The broker's own code; believed as far as its connection is. */
function codeIn(body: Uint8Array): string {
  const json = jsonOf(body, { bytesMax: 65_536, depthMax: 8 })
  const code: Result<string, Problem> = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', ({ required }) =>
          required('error').object('ignored', (error) =>
            error
              .required('innererror')
              .object('ignored', (inner) => inner.required('code').string(64, /^[a-z-]+$/)),
          ),
        ),
      )
    : json
  return code.ok ? code.value : 'without a reason'
}

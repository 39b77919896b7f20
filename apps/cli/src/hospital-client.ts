/**
 * The hospital's side: verifies the platform, opens the sealed channel, and only then says anything.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

import { base64UrlOf, ok, type Problem, reading } from '@sealward/attestation/bytes'
import {
  askPlatform,
  ChannelError,
  createSealedFetch,
  fetchTransport,
  NotVerifiedError,
  type SealedFetch,
  type SealedTransport,
  type VerifiedPeer,
} from '@sealward/attestation/channel'
import type { Configuration } from './configuration.ts'
import { type Credentials, type StaffToken, signIn } from './credentials.ts'
import { type Effects, readBody } from './http.ts'
import { limits } from './limits.ts'
import { type CommandProblem, type Outcome, refused, unavailable } from './problem.ts'

/** A platform that was verified, and the way to talk with it. */
export interface Hospital {
  readonly peer: VerifiedPeer
  /**
   * Sends a request through the sealed channel, in the name of the command line's account.
   *
   * @returns the answer whatever its status, `platform-unavailable`, or `channel` codes.
   */
  ask(request: HospitalRequest, options?: AskOptions): Promise<Outcome<HospitalAnswer>>
}

export interface HospitalRequest {
  readonly method: string
  /** Path and query, from the root. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

export interface HospitalAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface AskOptions {
  readonly onUploadProgress?: (sentBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

/**
 * Verifies the platform twice, from its evidence and from the attestation service's token, and signs in.
 * Nothing of a patient is among what it sends.
 *
 * @returns the hospital's side of the channel; a problem of kind `refused` when either check fails.
 */
export async function openHospital(
  effects: Effects,
  configuration: Configuration,
  credentials: Credentials,
): Promise<Outcome<Hospital>> {
  const sealedFetch = createSealedFetch({
    origin: configuration.platformUrl,
    verify: () => verifyPlatform(effects, configuration),
    transport: transportTo(effects, `${configuration.platformUrl}/sealed`),
    random: effects.random,
    now: () => effects.clock.now(),
  })
  try {
    const peer = await sealedFetch.peer()
    const staff = await signIn(effects, configuration, credentials)
    if (!staff.ok) return staff
    return ok(createHospital(effects, configuration, credentials, peer, sealedFetch, staff.value))
  } catch (error) {
    return failureOf(error)
  }
}

/** Verifies who the platform is, with a nonce of this moment. */
export async function verifyPlatform(
  { clock, fetch, random }: Effects,
  configuration: Configuration,
): Promise<Outcome<VerifiedPeer>> {
  const peer = await askPlatform(
    { fetch, random, now: () => clock.now() },
    { ...configuration, platform: configuration.platformUrl },
    { clockSkewSeconds: limits.clockSkewSeconds },
  )
  if (peer.ok) return peer
  const { problem } = peer
  if (problem.kind === 'unavailable') {
    const service = problem.service === 'platform' ? 'platform' : 'attestation'
    return unavailable(`${service}-unavailable`, service, problem.detail)
  }
  return problem.code === 'token-missing' && problem.declined !== undefined
    ? refused(attestationRefusalOf(problem.declined.said))
    : refused(problem)
}

/** The attestation service's own code for why, where it says one in our form. */
function attestationRefusalOf(json: unknown): Problem {
  const said = reading(json, '', (top) =>
    top.object('ignored', (fields) =>
      fields.required('error').object('ignored', (error) =>
        error.required('innererror').object('ignored', (inner) => ({
          code: inner.required('code').string(64, /^[a-z0-9-]+$/),
          at: inner.required('at').string(256, /^[ -~]*$/),
          detail: inner.required('detail').string(512, /^[ -~]*$/),
        })),
      ),
    ),
  )
  if (said.ok)
    return { ...said.value, detail: `the attestation service refused: ${said.value.detail}` }
  return {
    code: 'attestation-refused',
    at: 'attestation',
    detail: 'the attestation service refused',
  }
}

function createHospital(
  effects: Effects,
  configuration: Configuration,
  credentials: Credentials,
  peer: VerifiedPeer,
  sealedFetch: SealedFetch,
  first: StaffToken,
): Hospital {
  let staff = first
  return {
    peer,
    async ask({ method, path, headers, body }, { onUploadProgress, signal } = {}) {
      if (effects.clock.now() > staff.expiresAt - renewSeconds) {
        const renewed = await signIn(effects, configuration, credentials)
        if (!renewed.ok) return renewed
        staff = renewed.value
      }
      try {
        const response = await sealedFetch(path, {
          method,
          headers: {
            // It may have to be sealed anew, and must not be done twice then.
            ...(method === 'POST' && { 'idempotency-key': base64UrlOf(effects.random.bytes(16)) }),
            ...headers,
            authorization: `Bearer ${staff.token}`,
          },
          ...(body === undefined ? {} : { body }),
          ...(signal === undefined ? {} : { signal }),
          onUploadProgress: (sent, total = sent) => onUploadProgress?.(sent, total),
        })
        const answered = await readBody(response, limits.sealedBytesMax)
        if (answered === undefined) {
          return unavailable('too-large', 'platform', 'the answer is longer than it may be')
        }
        return ok({
          status: response.status,
          headers: Object.fromEntries(response.headers),
          body: answered,
        })
      } catch (error) {
        return failureOf(error)
      }
    },
  }
}

const renewSeconds = 30

/** Why nothing sealed came back. Anything else that is thrown is not the channel's. */
function failureOf(error: unknown): Outcome<never> {
  if (error instanceof NotVerifiedError)
    return { ok: false, problem: error.problem as CommandProblem }
  if (!(error instanceof ChannelError)) throw error
  const { code, at, detail } = error.problem
  // What comes back unsealed where sealed was agreed is somebody else talking.
  return code === 'unsealed-response' || code === 'not-opened'
    ? refused({ code, at, detail })
    : unavailable(code, at, detail)
}

function transportTo({ fetch }: Effects, url: string): SealedTransport {
  const carry = fetchTransport(fetch, url)
  return (message, { signal, ...options }) => {
    const deadline = AbortSignal.timeout(limits.sealedMsMax)
    const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
    return carry(message, { ...options, signal: either })
  }
}

/**
 * The hospital's side: verifies the platform, opens the sealed channel, and only then says anything.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

import { ok, type Problem, reading } from '@sealward/attestation/bytes'
import {
  askPlatform,
  ChannelError,
  type ChannelRequest,
  type ChannelResponse,
  isKeyShared,
  openChannel,
  requestMediaType,
  type SealedChannel,
  type TransferOptions,
  type Transport,
  type VerifiedPeer,
} from '@sealward/attestation/channel'
import type { Configuration } from './configuration.ts'
import { type Credentials, type StaffToken, signIn } from './credentials.ts'
import { type Effects, send } from './http.ts'
import { limits } from './limits.ts'
import { type Outcome, refused, unavailable } from './problem.ts'

/** A platform that was verified, and the way to talk with it. */
export interface Hospital {
  readonly peer: VerifiedPeer
  /**
   * Sends a request through the sealed channel, in the name of the command line's account.
   *
   * @returns the answer whatever its status, `platform-unavailable`, or `channel` codes.
   */
  ask(request: ChannelRequest, options?: TransferOptions): Promise<Outcome<ChannelResponse>>
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
  const peer = await verifyPlatform(effects, configuration)
  if (!peer.ok) return peer
  const first = await signIn(effects, configuration, credentials)
  if (!first.ok) return first
  return ok(createHospital(effects, configuration, credentials, peer.value, first.value))
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
  verified: VerifiedPeer,
  first: StaffToken,
): Hospital {
  let channel = channelTo(effects, configuration, verified)
  let staff = first

  const attempt = async (request: ChannelRequest, options?: TransferOptions) => {
    const authorization = `Bearer ${staff.token}`
    const headers = { ...request.headers, authorization }
    try {
      return ok(await channel.fetch({ ...request, headers }, options))
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      return { ok: false, problem: error.problem } as const
    }
  }

  return {
    peer: verified,
    async ask(request, options) {
      if (effects.clock.now() > staff.expiresAt - renewSeconds) {
        const renewed = await signIn(effects, configuration, credentials)
        if (!renewed.ok) return renewed
        staff = renewed.value
      }
      const answer = await attempt(request, options)
      if (answer.ok || answer.problem.code !== 'stale-key') return outcomeOf(answer)
      // The platform has new keys since: who holds them is verified anew before anything is said to it.
      const before = channel.peer
      const peer = await verifyPlatform(effects, configuration)
      if (!peer.ok) return peer
      channel = channelTo(effects, configuration, peer.value)
      // Anybody may say that a key is stale. Where it is not, the request may have been done already.
      if (isKeyShared(before, peer.value)) return outcomeOf(answer)
      return outcomeOf(await attempt(request, options))
    },
  }
}

const renewSeconds = 30

function outcomeOf(
  answer:
    | { readonly ok: true; readonly value: ChannelResponse }
    | { readonly ok: false; readonly problem: Problem },
): Outcome<ChannelResponse> {
  if (answer.ok) return answer
  const { code, at, detail } = answer.problem
  // What comes back unsealed where sealed was agreed is somebody else talking.
  return code === 'unsealed-response' || code === 'not-opened'
    ? refused({ code, at, detail })
    : unavailable(code, at, detail)
}

function channelTo(
  effects: Effects,
  { platformUrl }: Configuration,
  peer: VerifiedPeer,
): SealedChannel {
  return openChannel(peer, transportTo(effects, `${platformUrl}/sealed`), {
    random: effects.random,
  })
}

function transportTo(effects: Effects, url: string): Transport {
  return async (body, { onUploadProgress, signal }) => {
    const answer = await send(
      effects,
      'platform',
      url,
      {
        method: 'POST',
        headers: { 'content-type': requestMediaType },
        ...(onUploadProgress === undefined
          ? { body: body as Uint8Array<ArrayBuffer> }
          : { body: inPieces(body, onUploadProgress), duplex: 'half' as const }),
      },
      {
        msMax: limits.sealedMsMax,
        bytesMax: limits.sealedBytesMax,
        ...(signal === undefined ? {} : { signal }),
      },
    )
    if (!answer.ok) throw new Error(answer.problem.code)
    return answer.value
  }
}

/** The body piece by piece, telling how far it has been taken. */
function inPieces(
  body: Uint8Array,
  onProgress: (sentBytes: number, totalBytes: number) => void,
): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      onProgress(sent, body.length)
      if (sent === body.length) return controller.close()
      const piece = body.slice(sent, sent + limits.uploadPieceBytes)
      sent += piece.length
      controller.enqueue(piece)
    },
  })
}

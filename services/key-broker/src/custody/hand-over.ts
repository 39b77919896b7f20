/**
 * The root key, handed over to a broker on another machine: to one that is this very code under this very
 * configuration, and to nobody else.
 *
 * @see docs/adr/0014-a-broker-in-a-tee-has-no-shares.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import { type AttestedTls, createAttestedClient } from '@sealward/enclave/attested-tls'
import type { SealingPolicy, TeeSelf } from '@sealward/enclave/evidence'
import type { PeerTrust } from '@sealward/enclave/peers'
import type { MasterKey } from '@sealward/enclave/sealing'

/** Where it is asked for, on the attested listener. */
export const handOverPath = '/root-key'

export type HandOverCode = 'hand-over-refused' | 'hand-over-unavailable'

/**
 * What a broker has to be to be given the root key: whatever one can be told of this one by its evidence is true of it.
 *
 * It is not what init-time data says of brokers. Whoever starts a broker chooses that, and could name code of their own.
 */
export function expectationOfLike(self: TeeSelf): PeerExpectation {
  return {
    role: 'key-broker',
    mrEnclave: [self.mrEnclave],
    mrSigner: [self.mrSigner],
    isvProdId: self.isvProdId,
    isvSvnMin: self.isvSvn,
    debug: 'refused',
    tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
    // The first half is the hash of the init-time data.
    configId: [self.configId.slice(0, 64)],
  }
}

/** As it was, except that brokers are believed that are like this one, and no others. */
export function trustOfLike(trust: PeerTrust, self: TeeSelf): PeerTrust {
  const others = trust.initTimeData.peers.filter(({ role }) => role !== 'key-broker')
  const peers = [...others, expectationOfLike(self)]
  return { ...trust, initTimeData: { ...trust.initTimeData, peers } }
}

/**
 * Whether a broker that keeps the root key for `own` may give it to one that says what it keeps it for: what is kept for one
 * code alone is not to be opened by others elsewhere. Who asks is that very code, so its word is good.
 *
 * @param query - of the request.
 */
export function isKeptAsWell(own: SealingPolicy, query: unknown): boolean {
  if (own === 'mrsigner') return true
  const said: unknown = typeof query === 'object' && query !== null && Reflect.get(query, 'policy')
  return said === own
}

/**
 * Asks a broker that is like this one for the root key.
 *
 * @param url - of its attested listener. Not trusted.
 * @param options.policy - which code opens what this one keeps.
 * @returns the key; `hand-over-unavailable` ↻, or `hand-over-refused`.
 */
export async function askForRootKey(
  url: string,
  { attested, policy }: { readonly attested: AttestedTls; readonly policy: SealingPolicy },
): Promise<Result<MasterKey, Problem<HandOverCode>>> {
  const client = createAttestedClient({
    attested,
    origin: url,
    role: 'key-broker',
    connectionsMax: 1,
    responseBytesMax: answerBytesMax,
  })
  try {
    const answer = await client.request({ method: 'GET', path: `${handOverPath}?policy=${policy}` })
    if (!answer.ok) {
      const { problem } = answer
      const isWorldly = 'kind' in problem && problem.kind === 'unavailable'
      return isWorldly ? unavailable(problem.code) : refused(problem.code)
    }
    const { body, status } = answer.value
    if (status === 429 || status >= 500) return unavailable(`status ${status}`)
    return status === 200 && body.length === rootKeyBytes
      ? ok(body as MasterKey)
      : refused(`status ${status}`)
  } finally {
    await client.close()
  }
}

const rootKeyBytes = 32
/** Room for a refusal. */
const answerBytesMax = 16_384

function unavailable(why: string): Result<never, Problem<HandOverCode>> {
  const detail = `The broker that was to hand over the root key does not answer now (${why}).`
  return refuse('hand-over-unavailable', 'keyEncryption.from', detail)
}

function refused(why: string): Result<never, Problem<HandOverCode>> {
  const detail = `There is no root key from that broker (${why}). Both have to be the same code under the same init-time data, and what one keeps for that code alone (mrenclave) the other has to keep so, too.`
  return refuse('hand-over-refused', 'keyEncryption.from', detail)
}

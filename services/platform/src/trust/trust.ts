import { ok, type Result } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import type { KeyBroker } from '@sealward/enclave/key-release'
import type { PeerFailure } from '@sealward/enclave/peers'
import { json } from '../answer.ts'
import type { Cache } from '../peers/cache.ts'
import type { Diagnostics, PeerStatus } from '../peers/diagnostics.ts'
import type { Handler } from '../platform.ts'
import type { OwnProof } from '../receipts/own-proof.ts'

/** What is known of one workload, from evidence that was verified. Times in Unix seconds. */
export interface WorkloadTrust {
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly tcbStatus: string
  readonly simulated: boolean
  readonly verifiedAt: number
}

export interface PeerTrustReport extends WorkloadTrust {
  readonly role: string
  /** Of the access token that it is shown; a key broker is shown none. */
  readonly audience?: string
  readonly tokenExpires?: number
  readonly model?: { readonly name: string; readonly version: string; readonly sha256: string }
  readonly store?: 'redis' | 'in-process'
}

/** Whom this platform works with, and whom it cannot reach or does not believe. */
export interface TrustReport {
  readonly platform:
    | (WorkloadTrust & { readonly deployment: string })
    | { readonly problem: string }
  readonly peers: readonly PeerTrustReport[]
  /** Peers that nothing is sent to now, with the code of the reason. */
  readonly refused: readonly { readonly role: string; readonly code: string }[]
}

/** Gathers a {@link TrustReport}; peers that have not been met are met for it. */
export async function gatherTrust(deps: {
  readonly deployment: string
  readonly ownProof: () => Promise<Result<OwnProof, PeerFailure>>
  readonly diagnostics: Pick<Diagnostics, 'status'>
  readonly cache: Pick<Cache, 'status'>
  readonly broker: Pick<KeyBroker, 'peer'> | undefined
}): Promise<TrustReport> {
  const [own, diagnostics, cache, broker] = await Promise.all([
    deps.ownProof(),
    deps.diagnostics.status(),
    deps.cache.status(),
    deps.broker?.peer(),
  ])
  const peers: PeerTrustReport[] = []
  const refused: { role: string; code: string }[] = []
  if (cache.ok) {
    const { store } = cache.value
    peers.push({ ...reportOf(cache.value), ...(store === undefined ? {} : { store }) })
  } else refused.push({ role: 'cache-gateway', code: cache.problem.code })
  if (diagnostics.ok) {
    const { model } = diagnostics.value.peer.runtimeData
    peers.push({ ...reportOf(diagnostics.value), ...(model === undefined ? {} : { model }) })
  } else refused.push({ role: 'diagnostics', code: diagnostics.problem.code })
  if (broker?.ok === true) peers.push({ role: broker.value.role, ...workloadOf(broker.value) })
  else if (broker !== undefined) refused.push({ role: 'key-broker', code: broker.problem.code })
  return {
    platform: own.ok
      ? {
          deployment: deps.deployment,
          mrEnclave: own.value.token.mrEnclave,
          mrSigner: own.value.token.mrSigner,
          tcbStatus: own.value.token.tcbStatus,
          simulated: own.value.token.simulated,
          verifiedAt: own.value.verifiedAt,
        }
      : { problem: own.problem.code },
    peers,
    refused,
  }
}

/** `GET /trust` */
export const readTrust: Handler = async (platform) => ok(json(await platform.trust()))

/** `GET /model-card` */
export const readModelCard: Handler = async (platform) => {
  const card = await platform.modelCard()
  return card.ok ? ok(json(card.value)) : card
}

function reportOf({ audience, peer, tokenExpires }: PeerStatus): PeerTrustReport {
  return {
    role: peer.role,
    audience,
    ...workloadOf(peer),
    ...(tokenExpires === undefined ? {} : { tokenExpires }),
  }
}

function workloadOf(peer: VerifiedPeer): WorkloadTrust {
  const { mrEnclave, mrSigner, tcbStatus } = peer.evidence
  return { mrEnclave, mrSigner, tcbStatus, simulated: peer.simulated, verifiedAt: peer.verifiedAt }
}

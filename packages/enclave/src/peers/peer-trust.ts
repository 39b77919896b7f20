import type { InitTimeData, PeerExpectation, TeeRole } from '@sealward/attestation/evidence'
import type { Clock, Random } from '../effects/index.ts'
import type { DenyListKeeper, SignerKeys } from '../identity/index.ts'

/** What a workload believes of others, all of it from its measured init-time data, and how it asks. */
export interface PeerTrust {
  readonly initTimeData: InitTimeData
  /** Where the attestation service is reached; what it says counts by the pinned signers only. */
  readonly attestationUrl: string
  readonly signerKeys: SignerKeys
  readonly denyList: DenyListKeeper
  readonly clock: Clock
  readonly random: Random
}

/** What is expected of peers of a role, if there are any. */
export function expectationOf(
  initTimeData: InitTimeData,
  role: TeeRole,
): PeerExpectation | undefined {
  return initTimeData.peers.find((peer) => peer.role === role)
}

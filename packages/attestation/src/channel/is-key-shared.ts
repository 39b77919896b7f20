import { equalBytes } from '../bytes/index.ts'
import type { VerifiedPeer } from './peer.ts'

/**
 * Whether two verifications found a key in common. `stale-key` comes unsealed, so it is anybody's word: a peer
 * that still offers the key may have opened the request, and sending it again would have it done twice.
 */
export function isKeyShared(one: VerifiedPeer, other: VerifiedPeer): boolean {
  return one.keyConfigs.some((a) =>
    other.keyConfigs.some((b) => a.kem === b.kem && equalBytes(a.publicKey, b.publicKey)),
  )
}

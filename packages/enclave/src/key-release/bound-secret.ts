import { createHash, hkdfSync } from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'

/**
 * A secret of 32 bytes made from a released one, for one purpose, and bound to deployment, role, identity provider,
 * restorers, and whether it is for development, of the measured init-time data: what a TEE's own master key is bound to.
 *
 * Who may have the key says its release policy. That one which says too little still gives nothing away: the
 * same code, started with an identity provider of the operator's own, makes another secret of it.
 */
export function boundSecret(
  released: Uint8Array,
  { deployment, development, role, identity, restorers }: InitTimeData,
  purpose: string,
): Uint8Array {
  const bound = JSON.stringify([
    deployment,
    role,
    identity === undefined ? null : [identity.issuer, identity.audience, identity.roleClaim],
    ...(restorers === undefined ? [] : [[...restorers].sort()]),
    ...(development ? [{ development }] : []),
  ])
  const salt = createHash('sha256').update(bound).digest()
  const info = utf8Of(`sealward released key 1 ${purpose}`)
  return new Uint8Array(hkdfSync('sha256', released, salt, info, 32))
}

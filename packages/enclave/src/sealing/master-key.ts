import { createHash, hkdfSync } from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import type { Tee } from '../evidence/index.ts'

declare const master: unique symbol

/** 32 bytes from which a sealer makes all its keys. */
export type MasterKey = Uint8Array & { readonly [master]: true }

/**
 * The key under which this workload seals: from the TEE's `mrsigner` key, and bound to deployment, role,
 * identity provider, restorers, and whether it is for development, of the measured init-time data.
 *
 * A sealing key alone says who published the code, not how it was configured: the same code started
 * with an identity provider of the operator's own would hand out everything to whoever signs in there.
 * Bound like this it gets another key and opens nothing. A key broker gives keys to whom the attestation
 * service vouches for: its key is bound to that, too.
 *
 * @see docs/spec/sealing.md
 */
export async function masterKeyOf(
  tee: Pick<Tee, 'initTimeData' | 'sealingKey'>,
): Promise<MasterKey> {
  return masterKeyFrom(await tee.sealingKey('mrsigner'), tee.initTimeData)
}

/** The same of a secret that the TEE keeps, which outlives its sealing key; bound to the same. */
export function masterKeyFrom(secret: Uint8Array, initTimeData: InitTimeData): MasterKey {
  const { attestation, deployment, development, role, identity, restorers } = initTimeData
  const bound = JSON.stringify([
    deployment,
    role,
    identity === undefined ? null : [identity.issuer, identity.audience, identity.roleClaim],
    ...(restorers === undefined ? [] : [[...restorers].sort()]),
    ...(development ? [{ development }] : []),
    ...(role === 'key-broker'
      ? [{ issuer: attestation.issuer, signers: [...attestation.signers].sort() }]
      : []),
  ])
  const salt = createHash('sha256').update(bound).digest()
  const key = hkdfSync('sha256', secret, salt, utf8Of('sealward master key 2'), 32)
  return new Uint8Array(key) as MasterKey
}

import type { Tee } from '../evidence/index.ts'

declare const master: unique symbol

/** 32 bytes from which a sealer makes all its keys. */
export type MasterKey = Uint8Array & { readonly [master]: true }

/**
 * The key under which this workload seals: from the TEE's `mrsigner` key, and bound to deployment, role
 * and identity provider of the measured init-time data. The same code started with another identity
 * provider gets another key, so that whoever starts it cannot read by signing in elsewhere.
 */
export async function masterKeyOf(_tee: Tee): Promise<MasterKey> {
  throw new Error('under construction')
}

import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import { type MasterKey, masterKeyFrom, masterKeyIdOf, masterKeyOf } from '../sealing/index.ts'
import {
  type LocalSecret,
  type LocalSecretCode,
  type LocalSecretOptions,
  openLocalSecret,
} from './local-secret.ts'

/** A master key of the TEE's own, and the secret that it comes of. */
export interface KeptMasterKey {
  readonly key: MasterKey
  readonly secret: LocalSecret
}

export interface KeptMasterKeyOptions
  extends Omit<LocalSecretOptions, 'mayDraw' | 'adopt' | 'others'> {
  /** Ids of the master keys under which there is data already. */
  readonly sealedUnder: readonly string[]
  /** Whether a secret is drawn where none is; only where there is no such data, unless said. */
  readonly mayDraw?: boolean
}

/**
 * The master key of a workload that nobody else gives one: of a local secret, which outlives updates of machine and code.
 *
 * Data that was sealed under the sealing key itself, before there was such a secret, stays readable: that sealing key
 * becomes the secret, of which the same master key comes. It is wrapped before anything else is done with it, so that
 * a start which is interrupted is one that did not happen. Only the sealing key of now: one of a lower security version is also
 * that of code with a flaw, and would seal what is written from then on. Not under `mrenclave`: every version of the publisher's code can
 * make that sealing key, and whoever owns the database could have it taken for the secret by naming it there.
 */
export async function openKeptMasterKey({
  sealedUnder,
  mayDraw = sealedUnder.length === 0,
  ...options
}: KeptMasterKeyOptions): Promise<Result<KeptMasterKey, Problem<LocalSecretCode>>> {
  const { policy, tee } = options
  const isDirect =
    policy === 'mrsigner' && sealedUnder.includes(masterKeyIdOf(await masterKeyOf(tee)))
  const secret = await openLocalSecret({
    ...options,
    mayDraw,
    adopt: isDirect ? await tee.sealingKey('mrsigner') : undefined,
  })
  if (!secret.ok) return secret
  return ok({ key: masterKeyFrom(secret.value.secret, tee.initTimeData), secret: secret.value })
}

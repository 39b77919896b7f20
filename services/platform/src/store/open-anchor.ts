import { utf8Of } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import { type Anchor, openFileAnchor, verifyRestoreStatement } from '@sealward/enclave/anchor'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { PlatformConfig } from '../config.ts'
import type { Restore } from './compare-with-anchor.ts'

/** The anchor of this platform's database: its key broker's, or a folder; without one the start says so. */
export async function anchorOf(
  ofBroker: Anchor | undefined,
  { anchorFolder: folder }: Pick<PlatformConfig, 'anchorFolder'>,
  sealer: Sealer,
  log: Logger,
): Promise<Anchor | undefined> {
  // The measured configuration says that there is a broker: the other one cannot choose another anchor.
  if (ofBroker !== undefined) return ofBroker
  if (folder !== undefined) {
    return openFileAnchor({ folder, name: `${sealer.tenant}:platform`, sealer })
  }
  log.warn('database-not-anchored')
  return undefined
}

/**
 * Goes on with a database that was put back where an administrator, whom the measured init-time data
 * names, has signed for exactly that.
 */
export function restoreBy(
  statement: string | undefined,
  { deployment, restorers = [] }: Pick<InitTimeData, 'deployment' | 'restorers'>,
  clock: Clock,
  log: Logger,
): Restore {
  return async ({ anchor, database }) => {
    if (statement === undefined) return undefined
    const allowed = verifyRestoreStatement(statement, {
      deployment,
      restorers,
      anchor,
      database,
      now: clock.now(),
    })
    if (!allowed.ok) {
      log.warn('restore-refused', { code: allowed.problem.code })
      return undefined
    }
    log.warn('restore-accepted')
    return utf8Of(statement.trim())
  }
}

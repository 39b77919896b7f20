import type { Clock } from '../effects/index.ts'
import { createCachedSource } from './cached-source.ts'
import { createEndorsementsClient, type EndorsementsClient } from './endorsements-client.ts'
import { openPieceFolder } from './piece-folder.ts'
import { createRemoteSource, type RemoteSourceOptions } from './remote-source.ts'
import type { PcsAddress } from './vendors.ts'

export interface PcsClientOptions
  extends PcsAddress,
    Pick<RemoteSourceOptions, 'kds' | 'random' | 'sleep' | 'expired'> {
  readonly clock: Clock
  /** Folder in which endorsements outlive the process. Without it they are kept in memory only. */
  readonly cacheFolder?: string
}

/** A client of the certification service at `baseUrl`, and of AMD's where `kds` is given, with a cache before it. */
export function createPcsClient(options: PcsClientOptions): EndorsementsClient {
  const { clock, cacheFolder, baseUrl, rootCaCrlUrl, kds, random, sleep, expired } = options
  const pcs = { baseUrl, ...(rootCaCrlUrl === undefined ? {} : { rootCaCrlUrl }) }
  const source = createRemoteSource({
    pcs,
    clock,
    ...(kds === undefined ? {} : { kds }),
    ...(random === undefined ? {} : { random }),
    ...(sleep === undefined ? {} : { sleep }),
    ...(expired === undefined ? {} : { expired }),
  })
  const folder =
    cacheFolder === undefined ? undefined : openPieceFolder({ path: cacheFolder, clock })
  return createEndorsementsClient(
    createCachedSource({ source, clock, ...(folder === undefined ? {} : { folder }) }),
  )
}

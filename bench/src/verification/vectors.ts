import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of captured evidence, which need not be there. */
export const vectors: string = join(
  process.env['SEALWARD_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url)),
  'vectors',
)

import type { Problem, Result } from '@sealward/attestation/bytes'
import type * as z from 'zod'

export type ConfigCode = 'config-missing' | 'config-unreadable' | 'config-malformed'

/**
 * Reads the JSON file that the environment variable SEALWARD_CONFIG names.
 *
 * @returns what `schema` made of it, or one of {@link ConfigCode} with a sentence that says where.
 */
export async function readConfig<T>(
  _schema: z.ZodType<T>,
  _options: { readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Result<T, Problem<ConfigCode>>> {
  throw new Error('under construction')
}

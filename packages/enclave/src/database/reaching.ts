import { type Problem, type Result, refuse } from '@sealward/attestation/bytes'

/** The database is away. Whoever asks again later may be answered. */
export type StoreUnavailable = Problem<'store-unavailable'>

/**
 * Tells a database that is away from a program that is broken.
 *
 * @returns what `work` returned, or `store-unavailable`.
 * @throws what else `work` threw, without any value that was in a statement or a row.
 */
export async function reaching<T, P extends Problem>(
  work: () => Promise<Result<T, P>>,
): Promise<Result<T, P | StoreUnavailable>> {
  try {
    return await work()
  } catch (error) {
    if (!isUnavailable(error)) throw withoutParameters(error)
    return refuse('store-unavailable', 'database', 'The database cannot be reached.')
  }
}

const unavailableStates: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
  '57P01',
  '57P02',
  '57P03',
  '53300',
])

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return (
    unavailableStates.has(code) ||
    code.startsWith('08') ||
    // What the driver says without a code.
    /Connection terminated|connection is closed|timeout exceeded when trying to connect|Query read timeout/i.test(
      error.message,
    )
  )
}

/** The driver's own error may quote a row; what leaves here names the state and the table alone. */
export function withoutParameters(error: unknown): unknown {
  if (!(error instanceof Error) || !('severity' in error)) return error
  const { code, table } = error as { readonly code?: unknown; readonly table?: unknown }
  return new Error(`database: ${String(code)} ${typeof table === 'string' ? table : ''}`.trim())
}

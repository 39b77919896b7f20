import { readFile } from 'node:fs/promises'
import { ok, type Problem, type Result, refuse, textOf } from '@sealward/attestation/bytes'
import type * as z from 'zod'

export type ConfigCode = 'config-missing' | 'config-unreadable' | 'config-malformed'

/** Largest configuration file, in bytes. */
export const configBytesMax = 1_048_576

/**
 * Reads the JSON file that the environment variable SEALWARD_CONFIG names.
 *
 * @returns what `schema` made of it, or one of {@link ConfigCode} with a sentence that says where. No
 *   value is in it: a configuration holds passwords.
 */
export async function readConfig<T>(
  schema: z.ZodType<T>,
  { env = process.env }: { readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Result<T, Problem<ConfigCode>>> {
  const file = env['SEALWARD_CONFIG']
  if (file === undefined || file === '') {
    return refuse(
      'config-missing',
      'SEALWARD_CONFIG',
      'Set SEALWARD_CONFIG to the path of the configuration file.',
    )
  }
  const bytes = await readFile(file).catch(() => undefined)
  if (bytes === undefined || bytes.length > configBytesMax) {
    return refuse(
      'config-unreadable',
      'SEALWARD_CONFIG',
      `The configuration file that SEALWARD_CONFIG names cannot be read, or is larger than ${configBytesMax} bytes.`,
    )
  }
  return parseConfig(schema, bytes)
}

/** What `schema` makes of a configuration file's bytes, or `config-malformed`. */
export function parseConfig<T>(
  schema: z.ZodType<T>,
  bytes: Uint8Array,
): Result<T, Problem<'config-malformed'>> {
  let value: unknown
  try {
    value = JSON.parse(textOf(bytes) ?? '')
  } catch {
    return refuse('config-malformed', '@0x0', 'The configuration file is not JSON.')
  }
  const read = schema.safeParse(value)
  if (read.success) return ok(read.data)
  const [first] = read.error.issues
  const at = pathOf(first?.path ?? [])
  return refuse(
    'config-malformed',
    at,
    `The configuration file is wrong ${at === '' ? 'at its top' : `at ${at}`}: ${wordsFor(first)}.`,
  )
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

/** Zod's own messages may repeat what was found; these never do. */
function wordsFor(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case 'invalid_type':
      return `${issue.expected} expected`
    case 'unrecognized_keys':
      return `nothing is called ${issue.keys.join(', ')}`
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')} expected`
    case 'too_small':
      return `at least ${issue.minimum} expected`
    case 'too_big':
      return `at most ${issue.maximum} expected`
    case 'invalid_format':
      return `text of the form ${issue.format} expected`
    // What a schema of ours says of itself, which repeats nothing.
    case 'custom':
      return issue.message
    default:
      return 'another value expected'
  }
}

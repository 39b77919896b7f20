import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { JSONWebKeySet } from 'jose'
import * as z from 'zod'
import { limits } from './limits.ts'

/** Gives the provider's keys; `fresh` asks past the cache. */
export type ProviderKeys = (options: {
  readonly fresh: boolean
}) => Promise<Result<JSONWebKeySet, Problem<'identity-provider-unavailable'>>>

const Metadata = z.object({ issuer: z.string(), jwks_uri: z.url() })
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(limits.keysMax) })

/**
 * Keys of the pinned identity provider, by its published metadata.
 *
 * Kept for an hour and not a second longer; asked for again at most every 30 s when a token names an unknown key.
 * Other places than https are refused unless the instance is one for development.
 *
 * @see OpenID Connect Discovery 1.0, section 4; RFC 8414
 */
export function createProviderKeys(options: {
  readonly issuer: string
  /** Where the issuer is reached: itself, but for a development deployment. */
  readonly url: string
  readonly development: boolean
  readonly now: () => number
  readonly fetch: typeof fetch
}): ProviderKeys {
  let held: { readonly keys: JSONWebKeySet; readonly at: number } | undefined
  let running: ReturnType<ProviderKeys> | undefined

  const load: () => ReturnType<ProviderKeys> = async () => {
    const metadata = await read(
      options,
      `${options.url.replace(/\/$/, '')}/.well-known/openid-configuration`,
      Metadata,
    )
    if (!metadata.ok) return metadata
    if (metadata.value.issuer !== options.issuer) return unavailable('issuer')
    // Below the issuer it is reached as the issuer is.
    const { jwks_uri: published } = metadata.value
    const keysUrl = published.startsWith(`${options.issuer}/`)
      ? options.url + published.slice(options.issuer.length)
      : published
    const keys = await read(options, keysUrl, KeySet)
    if (!keys.ok) return keys
    const value = keys.value as unknown as JSONWebKeySet
    held = { keys: value, at: options.now() }
    return ok(value)
  }

  return ({ fresh }) => {
    // A clock that was set back makes nothing young.
    const age = held === undefined ? Number.POSITIVE_INFINITY : Math.abs(options.now() - held.at)
    if (
      held !== undefined &&
      age < (fresh ? limits.freshKeysEverySeconds : limits.keysLifetimeSeconds)
    ) {
      return Promise.resolve(ok(held.keys))
    }
    running ??= load().finally(() => {
      running = undefined
    })
    return running
  }
}

async function read<T>(
  options: { readonly development: boolean; readonly fetch: typeof fetch },
  url: string,
  schema: z.ZodType<T>,
): Promise<Result<T, Problem<'identity-provider-unavailable'>>> {
  if (!url.startsWith('https://') && !options.development) return unavailable('scheme')
  try {
    const response = await options.fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(limits.patienceMs),
      headers: { accept: 'application/json' },
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      return unavailable('status')
    }
    const text = await boundedText(response)
    if (text === undefined) return unavailable('size')
    const parsed = schema.safeParse(JSON.parse(text))
    return parsed.success ? ok(parsed.data) : unavailable('answer')
  } catch {
    return unavailable('connection')
  }
}

async function boundedText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > limits.answerBytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const unavailable = (
  at: string,
): { readonly ok: false; readonly problem: Problem<'identity-provider-unavailable'> } =>
  refuse('identity-provider-unavailable', at, 'The identity provider gives no usable keys now.')

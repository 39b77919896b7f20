/**
 * The released client of Key Vault, in a process of its own, whose certificate authority Node was told by
 * NODE_EXTRA_CA_CERTS. It does what its parent says, and answers what the client answered.
 */

import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'

/** One call of a method of a client. */
export interface Call {
  readonly id: number
  readonly vault: string
  readonly bearer: string
  /** Asks with a key of this id; the vault's client without one. */
  readonly keyId?: string
  readonly serviceVersion?: string
  readonly method: string
  readonly args: readonly unknown[]
  /** Of a list: pages of so many. */
  readonly pageSize?: number
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number
      readonly ok: false
      readonly message: string
      readonly statusCode: number | undefined
      readonly code: string | undefined
    }

process.on('message', (call: Call) => {
  run(call).then(
    (value) => process.send?.({ id: call.id, ok: true, value }),
    (error: unknown) => process.send?.(failed(call.id, error)),
  )
})
process.send?.('ready')

const clients = new Map<string, KeyClient | CryptographyClient>()

async function run(call: Call): Promise<unknown> {
  const { bearer, method, args, pageSize } = call
  const name = JSON.stringify([call.vault, bearer, call.keyId, call.serviceVersion])
  // One client for many calls, as programs have it: only its first request comes without a token.
  const client = clients.get(name) ?? clientOf(call)
  clients.set(name, client)
  const called = Reflect.get(client, method) as (...args: unknown[]) => unknown
  const answer: unknown = await called.apply(client, [...args])
  if (isPoller(answer)) return answer.pollUntilDone()
  if (!isPaged(answer)) return answer
  const pages: unknown[][] = []
  for await (const page of answer.byPage({ maxPageSize: pageSize ?? 25 })) pages.push([...page])
  return pages
}

function clientOf({ vault, bearer, keyId, serviceVersion }: Call): KeyClient | CryptographyClient {
  const credential = {
    getToken: async () => ({ token: bearer, expiresOnTimestamp: Date.now() + 3_600_000 }),
  }
  const options = {
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries: 0 },
    ...(serviceVersion === undefined ? {} : { serviceVersion: serviceVersion as '7.5' }),
  }
  return keyId === undefined
    ? new KeyClient(vault, credential, options)
    : new CryptographyClient(keyId, credential, options)
}

function isPoller(value: unknown): value is { pollUntilDone(): Promise<unknown> } {
  return typeof Object(value).pollUntilDone === 'function'
}

function isPaged(
  value: unknown,
): value is { byPage(options: { maxPageSize: number }): AsyncIterable<Iterable<unknown>> } {
  return typeof Object(value).byPage === 'function'
}

function failed(id: number, error: unknown): Reply {
  const { message, statusCode, code } = Object(error) as {
    readonly message?: unknown
    readonly statusCode?: number
    readonly code?: string
  }
  return { id, ok: false, message: String(message ?? error), statusCode, code }
}

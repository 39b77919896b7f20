/**
 * The released client of Azure Attestation, in a process of its own, whose certificate authority Node was told by
 * NODE_EXTRA_CA_CERTS. It does what its parent says, and answers what the client answered.
 */

import {
  AttestationAdministrationClient,
  AttestationClient,
  type AttestationTokenValidationOptions,
} from '@azure/attestation'

/** One call of a method of the client. */
export interface Call {
  readonly id: number
  readonly endpoint: string
  /** Of the administrator; none for an anonymous client. */
  readonly bearer?: string
  readonly client: 'attestation' | 'administration'
  readonly method: string
  readonly args: readonly unknown[]
}

export type Reply =
  | {
      readonly id: number
      readonly ok: true
      /** What the method made of the answer. */
      readonly body: unknown
      /** The token as it came, where there is one. */
      readonly token: string | undefined
      /** How many tokens the client showed to the callback, and how many of them had a signer among the keys. */
      readonly validated: number
      readonly withSigner: number
    }
  | {
      readonly id: number
      readonly ok: false
      readonly message: string
      readonly statusCode: number | undefined
      readonly code: string | undefined
      readonly details: unknown
    }

process.on('message', (call: Call) => {
  run(call).then(
    (reply) => process.send?.(reply),
    (error: unknown) => process.send?.(failed(call.id, error)),
  )
})
process.send?.('ready')

async function run({ id, endpoint, bearer, client, method, args }: Call): Promise<Reply> {
  let validated = 0
  let withSigner = 0
  const validationOptions: AttestationTokenValidationOptions = {
    validateToken: true,
    validateExpirationTime: true,
    validateNotBeforeTime: true,
    validateIssuer: true,
    expectedIssuer: endpoint,
    validateAttestationToken(_token, signer) {
      validated++
      if (signer !== undefined) withSigner++
      return undefined
    },
  }
  const credential = {
    getToken: async () => ({ token: bearer ?? '', expiresOnTimestamp: Date.now() + 3_600_000 }),
  }
  const options = { validationOptions, retryOptions: { maxRetries: 0 } }
  const instance =
    client === 'administration'
      ? new AttestationAdministrationClient(endpoint, credential, options)
      : new AttestationClient(endpoint, options)
  const called = Reflect.get(instance, method) as (...args: unknown[]) => unknown
  const answer = await called.apply(instance, [...args])
  const { body, token } = Object(answer) as {
    readonly body?: unknown
    readonly token?: { serialize(): string }
  }
  const plain = typeof token?.serialize === 'function' ? body : answer
  return { id, ok: true, body: shownBy(plain), token: token?.serialize(), validated, withSigner }
}

/** What an object shows through getters of its class goes nowhere by itself. */
function shownBy(value: unknown): unknown {
  const prototype: unknown = Object.getPrototypeOf(Object(value))
  if (typeof value !== 'object' || prototype === Object.prototype || Array.isArray(value)) {
    return value
  }
  return Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(([, { get }]) => get !== undefined)
      .map(([name]) => [name, Reflect.get(value ?? {}, name)]),
  )
}

function failed(id: number, error: unknown): Reply {
  const { message, statusCode, code, details } = Object(error) as {
    readonly message?: unknown
    readonly statusCode?: number
    readonly code?: string
    readonly details?: unknown
  }
  return { id, ok: false, message: String(message ?? error), statusCode, code, details }
}

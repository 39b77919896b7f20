/**
 * What the operator of this deployment does at its key broker: makes the keys, says to whom they are released, and
 * encrypts the model.
 *
 * @module
 */

import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { ok, refuse } from '@sealward/attestation/bytes'
import { brokerWrapper, encryptModel, readHeader } from '@sealward/enclave/encrypted-model'
import { LocalProblem } from '@sealward/enclave/local-servers'
import type { MeasuredService } from './build/build.ts'
import type { Home } from './home.ts'
import { keyBrokerResource, operatorClientId } from './identity-provider/provider.ts'
import { type Agreement, type ConfigIds, isvSvn, productIds } from './parties.ts'

/** The keys API of the broker, asked as its operator. */
export interface KeyBrokerAccess {
  ask(method: string, path: string, body?: object): Promise<BrokerAnswer>
}

export interface BrokerAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** Signs in as the operator. */
export async function openKeyBroker(
  url: string,
  operator: { readonly url: string; readonly secret: string },
): Promise<KeyBrokerAccess> {
  const basic = Buffer.from(`${operatorClientId}:${operator.secret}`).toString('base64')
  const answer = await fetch(`${operator.url}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: keyBrokerResource }),
  })
  const { access_token: token } = (await answer.json()) as { readonly access_token?: string }
  if (token === undefined) throw problem('The operator of the key broker could not sign in.')
  return {
    async ask(method, path, body) {
      const separator = path.includes('?') ? '&' : '?'
      const reply = await fetch(`${url}${path}${separator}api-version=2025-07-01`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: reply.status, body: new Uint8Array(await reply.arrayBuffer()) }
    },
  }
}

interface DeploymentKey {
  readonly name: string
  /** Whom it is released to. */
  readonly role: MeasuredService
  /** What people may do with it. */
  readonly operations: readonly string[]
}

const deploymentKeys: readonly DeploymentKey[] = [
  { name: 'platform-master', role: 'platform', operations: [] },
  { name: 'platform-channel', role: 'platform', operations: [] },
  // Whoever encrypts a model need not be able to open it.
  { name: 'diagnostics-model', role: 'diagnostics', operations: ['wrapKey'] },
]

/** Makes the keys that are not there, and has each version released to the workload that is built now, and to no other. */
export async function keepKeys(
  broker: KeyBrokerAccess,
  agreement: Agreement,
  configIds: Required<ConfigIds>,
): Promise<void> {
  for (const key of deploymentKeys) {
    const policy = releasePolicyOf(agreement, key.role, configIds[key.role])
    const release_policy = { data: Buffer.from(JSON.stringify(policy)).toString('base64url') }
    const found = await broker.ask('GET', `/keys/${key.name}`)
    if (found.status === 404) {
      const attributes = { exportable: true }
      const body = { kty: 'oct-HSM', key_size: 256, key_ops: key.operations, attributes }
      await done(broker, 'POST', `/keys/${key.name}/create`, { ...body, release_policy })
      continue
    }
    const { value } = await done<Listing>(broker, 'GET', `/keys/${key.name}/versions`)
    for (const { kid } of value) {
      const path = `/keys/${key.name}/${kid.split('/').at(-1)}`
      const version = await done<{ readonly release_policy: { readonly data: string } }>(
        broker,
        'GET',
        path,
      )
      const text = Buffer.from(version.release_policy.data, 'base64url').toString()
      if (isDeepStrictEqual(JSON.parse(text), policy)) continue
      await done(broker, 'PATCH', path, { release_policy })
    }
  }
}

interface Listing {
  readonly value: readonly { readonly kid: string }[]
}

/**
 * Exactly the build whose measurement is published, in this deployment and role, and with the configuration that was
 * agreed on: the same code that asks somebody else who is staff, or whom to send films to, gets nothing.
 */
export function releasePolicyOf(
  agreement: Agreement,
  role: MeasuredService,
  configId: string,
): object {
  const claim = (name: string, equals: string | number): object => ({ claim: name, equals })
  const identity = role === 'platform' ? Object.entries(agreement.identity) : []
  return {
    version: '1.0.0',
    anyOf: [
      {
        authority: agreement.attestation.issuer,
        allOf: [
          claim('x-ms-attestation-type', 'sgx'),
          claim('x-ms-sgx-is-debuggable', 'false'),
          claim('x-ms-sgx-mrenclave', agreement.measurements[role]),
          claim('x-ms-sgx-mrsigner', agreement.signers[role]),
          claim('x-ms-sgx-product-id', productIds[role]),
          { claim: 'x-ms-sgx-svn', greaterOrEquals: isvSvn },
          claim('x-ms-sgx-config-id', configId.padEnd(128, '0')),
          claim('x-ms-inittime.deployment', agreement.deployment),
          claim('x-ms-inittime.role', role),
          ...identity.map(([name, value]) => claim(`x-ms-inittime.identity.${name}`, value)),
        ],
      },
    ],
  }
}

/** Encrypts the model into the state folder, unless it is there already. @returns where it is. */
export async function keepEncryptedModel(
  broker: KeyBrokerAccess,
  home: Home,
  model: { readonly file: string; readonly sha256: string },
): Promise<string> {
  const folder = home.path('model')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = home.path('model', 'chest-pneumonia.onnx.sealed')
  const head = existsSync(file) ? readHeader(readFileSync(file)) : undefined
  if (head?.ok === true && head.value.header.sha256 === model.sha256) return file
  const draft: FileHandle = await open(`${file}.new`, 'w', 0o600)
  try {
    const encrypted = await encryptModel({
      read: () => createReadStream(model.file),
      write: async (piece) => {
        await draft.write(piece)
      },
      wrapper: brokerWrapper('diagnostics-model', async (path, body) => {
        const { status, body: answer } = await broker.ask('POST', path.split('?')[0] ?? path, body)
        return status === 200
          ? ok(answer)
          : refuse('broker-refused', 'broker', `The key broker answered ${status}.`)
      }),
    })
    if (!encrypted.ok) throw problem(encrypted.problem.detail)
  } finally {
    await draft.close()
  }
  await rename(`${file}.new`, file)
  return file
}

async function done<T>(
  broker: KeyBrokerAccess,
  method: string,
  path: string,
  body?: object,
): Promise<T> {
  const answer = await broker.ask(method, path, body)
  if (answer.status !== 200) {
    throw problem(`The key broker answered ${answer.status} to ${method} ${path}.`)
  }
  return JSON.parse(Buffer.from(answer.body).toString()) as T
}

function problem(detail: string): LocalProblem {
  return new LocalProblem('key-broker', detail)
}

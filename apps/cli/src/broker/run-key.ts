/**
 * What `sealward broker key` does, by Key Vault's keys API.
 *
 * @module
 */

import { createPrivateKey } from 'node:crypto'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  reading,
  textOf,
} from '@sealward/attestation/bytes'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import {
  type AskedBroker,
  askBrokerJson,
  type BrokerFlags,
  openBroker,
} from '../audit/ask-broker.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { limits } from '../limits.ts'
import { badInput, type ExitCode, type Outcome, unavailable } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

export interface KeyFlags extends BrokerFlags {
  readonly json?: true
}

export interface NewKeyFlags extends KeyFlags {
  readonly ops?: string
  /** A release policy, as JSON. */
  readonly policy?: string
}

export interface CreateFlags extends NewKeyFlags {
  readonly type: 'EC' | 'RSA' | 'oct'
  readonly size?: number
  readonly curve?: string
}

export interface ShowFlags extends KeyFlags {
  readonly atVersion?: string
}

/** `broker key create`. */
export function runKeyCreate(
  surroundings: Surroundings,
  name: string,
  flags: CreateFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    const given = await propertiesOf(flags)
    if (!given.ok) return given
    const kind = {
      kty: flags.type,
      ...(flags.size === undefined ? {} : { key_size: flags.size }),
      ...(flags.curve === undefined ? {} : { crv: flags.curve }),
    }
    const { key_ops, ...properties } = given.value
    const body = { ...kind, ...(key_ops === undefined ? {} : { key_ops }), ...properties }
    return keyIn(surroundings, broker, 'POST', `${name}/create`, body)
  })
}

/** `broker key import`. */
export function runKeyImport(
  surroundings: Surroundings,
  name: string,
  file: string,
  flags: NewKeyFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    const bytes = await bytesIn(file, 'FILE')
    if (!bytes.ok) return bytes
    const key = jwkOf(bytes.value)
    if (key === undefined) {
      return badInput('key-malformed', 'FILE', `${file} holds no private key: PEM, or a JWK.`)
    }
    const given = await propertiesOf(flags)
    if (!given.ok) return given
    const { key_ops, ...properties } = given.value
    const body = { key: { ...key, ...(key_ops === undefined ? {} : { key_ops }) }, ...properties }
    return keyIn(surroundings, broker, 'PUT', name, body)
  })
}

/** `broker key rotate`. */
export function runKeyRotate(
  surroundings: Surroundings,
  name: string,
  flags: KeyFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, (broker) =>
    keyIn(surroundings, broker, 'POST', `${name}/rotate`, {}),
  )
}

/** `broker key show`. */
export function runKeyShow(
  surroundings: Surroundings,
  name: string,
  { atVersion, ...flags }: ShowFlags,
): Promise<ExitCode> {
  const path = atVersion === undefined ? name : `${name}/${atVersion}`
  return asking(surroundings, flags, (broker) => keyIn(surroundings, broker, 'GET', path))
}

/** `broker key list`. */
export function runKeyList(surroundings: Surroundings, flags: KeyFlags): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    const keys: ListedKey[] = []
    let query = `?${apiVersion}`
    for (;;) {
      const page = await askBrokerJson(surroundings, broker, `/keys${query}`)
      if (!page.ok) return page
      const read = reading(page.value, '', (top) =>
        top.object('ignored', ({ required }) =>
          required('value').list(limits.keysOfPageMax, (item) =>
            item.object('ignored', (key) => ({
              kid: key.required('kid').string(4096),
              enabled: key
                .required('attributes')
                .object('ignored', (attributes) => attributes.required('enabled').boolean()),
            })),
          ),
        ),
      )
      if (!read.ok) return unexpected
      keys.push(...read.value)
      // `null` on the last page. The broker may be called otherwise than it is asked: the query alone is taken.
      const { nextLink } = Object(page.value) as { readonly nextLink?: unknown }
      if (typeof nextLink !== 'string') break
      query = URL.parse(nextLink)?.search ?? ''
    }
    const out = keys.map(({ kid, enabled }) => `${kid}${enabled ? '' : '  disabled'}\n`).join('')
    return ok({ json: { keys }, out: out === '' ? 'No keys.\n' : out })
  })
}

interface ListedKey {
  readonly kid: string
  readonly enabled: boolean
}

/** `broker key policy show`. */
export function runPolicyShow(
  surroundings: Surroundings,
  name: string,
  { atVersion, ...flags }: ShowFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const broker = await openBroker(surroundings, flags)
    if (!broker.ok) return broker
    const path = atVersion === undefined ? name : `${name}/${atVersion}`
    const bundle = await askBrokerJson(surroundings, broker.value, `/keys/${path}?${apiVersion}`)
    if (!bundle.ok) return bundle
    const read = reading(bundle.value, '', (top) =>
      top.object('ignored', ({ optional }) =>
        optional('release_policy')?.object('ignored', (policy) => ({
          data: policy.required('data').string(limits.documentBytesMax),
          immutable: policy.optional('immutable')?.boolean() ?? false,
        })),
      ),
    )
    if (!read.ok) return unexpected
    if (read.value === undefined) {
      return ok({
        json: { policy: null },
        out: 'It has no release policy: it is released to nobody.\n',
      })
    }
    const text = bytesOfBase64Url(read.value.data)
    const policy =
      text && jsonOf(text, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
    if (policy?.ok !== true) return unexpected
    const { immutable } = read.value
    const out = `${JSON.stringify(policy.value, undefined, 2)}\n`
    return ok({
      json: { policy: policy.value, immutable },
      out,
      ...(immutable
        ? { err: 'It is immutable: it stays for this and for every later version.\n' }
        : {}),
    })
  })
}

const apiVersion = 'api-version=7.4'

const unexpected = unavailable('broker-unavailable', 'broker', 'it did not answer as was agreed')

function asking(
  surroundings: Surroundings,
  flags: KeyFlags,
  work: (broker: AskedBroker) => Promise<Outcome<Printed>>,
): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const broker = await openBroker(surroundings, flags)
    return broker.ok ? work(broker.value) : broker
  })
}

/** The key that an answer is about: its id first, and what is public of it. */
async function keyIn(
  surroundings: Surroundings,
  broker: AskedBroker,
  method: string,
  path: string,
  body?: object,
): Promise<Outcome<Printed>> {
  const answer = await askBrokerJson(surroundings, broker, `/keys/${path}?${apiVersion}`, {
    method,
    ...(body === undefined ? {} : { body }),
  })
  if (!answer.ok) return answer
  const read = reading(answer.value, '', (top) =>
    top.object('ignored', ({ required, optional }) => ({
      key: required('key').object('ignored', (key) => ({
        kid: key.required('kid').string(4096),
        kty: key.required('kty').string(16),
        operations: key.optional('key_ops')?.list(16, (one) => one.string(32)) ?? [],
      })),
      attributes: required('attributes').object('ignored', (attributes) => ({
        enabled: attributes.required('enabled').boolean(),
        exportable: attributes.optional('exportable')?.boolean() ?? false,
      })),
      isReleased: optional('release_policy') !== undefined,
    })),
  )
  if (!read.ok) return unexpected
  const { key, attributes, isReleased } = read.value
  const out = `${key.kid}
  kind        ${key.kty}${attributes.enabled ? '' : ', disabled'}
  may         ${key.operations.join(', ') || 'nothing but be released'}
  released    ${isReleased && attributes.exportable ? 'to whom its policy names (broker key policy show)' : 'to nobody'}
`
  return ok({ json: Object(answer.value) as object, out })
}

/** What `--ops` and `--policy` say. */
async function propertiesOf({
  ops,
  policy: file,
}: NewKeyFlags): Promise<
  Outcome<{ readonly key_ops?: readonly string[] } & Readonly<Record<string, unknown>>>
> {
  const operations = ops === undefined ? {} : { key_ops: ops.split(',').map((one) => one.trim()) }
  if (file === undefined) return ok(operations)
  const policy = await bytesIn(file, '--policy')
  if (!policy.ok) return policy
  return ok({
    ...operations,
    attributes: { exportable: true },
    release_policy: {
      contentType: 'application/json; charset=utf-8',
      data: base64UrlOf(policy.value),
    },
  })
}

/** A private key as Key Vault takes it: of a JWK, or of PEM. */
function jwkOf(bytes: Uint8Array): object | undefined {
  const text = textOf(bytes) ?? ''
  if (text.trimStart().startsWith('{')) {
    const json = jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: 2 })
    return json.ok ? (Object(json.value) as object) : undefined
  }
  try {
    return createPrivateKey(text).export({ format: 'jwk' })
  } catch {
    return undefined
  }
}

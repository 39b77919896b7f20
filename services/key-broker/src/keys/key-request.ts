/**
 * What requests of the keys API ask for. Fields that are not known are refused: what is passed over is not done.
 *
 * @see Azure REST API specifications, Key Vault data plane, `keys.json`
 * @module
 */

import {
  bytesOfBase64Url,
  type Fields,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  type Shape,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { CryptographyRequest } from '../cryptography/operate.ts'
import { limits as serviceLimits } from '../limits.ts'
import { parseReleasePolicy, printReleasePolicy } from '../release/release-policy.ts'
import { importMaterial, type KeyMaterial, type MaterialSpec } from './key-material.ts'
import {
  curves,
  familyOf,
  type KeyOperation,
  type KeyType,
  keyOperations,
  keyTypes,
  octSizes,
  rsaSizes,
} from './key-type.ts'
import { limits } from './limits.ts'
import { type RotationPolicy, readRotationPolicy } from './rotation-policy.ts'

/** What a version may be given besides its secret. Whatever is `undefined` was not said. */
export interface VersionProperties {
  readonly operations?: readonly KeyOperation[] | undefined
  readonly enabled?: boolean | undefined
  readonly notBefore?: UnixSeconds | undefined
  readonly expiresAt?: UnixSeconds | undefined
  readonly exportable?: boolean | undefined
  readonly tags?: readonly (readonly [name: string, value: string])[] | undefined
  readonly policy?: RequestedPolicy | undefined
}

export interface RequestedPolicy {
  /** JSON, of version 1.0.0. */
  readonly text: string
  readonly immutable?: boolean | undefined
}

export interface CreateRequest extends VersionProperties {
  readonly type: KeyType
  readonly spec: MaterialSpec
}

export interface ImportRequest extends VersionProperties {
  readonly type: KeyType
  readonly material: KeyMaterial
}

/** `body-malformed`; `key-refused`: not one key. `release-policy-malformed`. */
export type RequestCode = 'body-malformed' | 'key-refused' | 'release-policy-malformed'

type Requested<T> = Result<T, Problem<RequestCode>>

export function readCreate(body: Uint8Array): Requested<CreateRequest> {
  const read = readBody(body, (top) =>
    top.object('refused', (fields) => {
      const type = fields.required('kty').oneOf(keyTypes)
      const spec = readSpec(top, fields, type)
      return { type, spec, properties: readProperties(fields, fields.optional('key_ops')) }
    }),
  )
  return read.ok ? withPolicy(read.value.properties, pick(read.value, 'type', 'spec')) : read
}

function readSpec(top: Shape, { optional }: Fields, type: KeyType): MaterialSpec {
  const kty = familyOf(type)
  const size = optional('key_size')
  const curve = optional('crv')
  const exponent = optional('public_exponent')
  if (kty !== 'RSA' && exponent !== undefined) return exponent.fail('wrong-value', 'only of RSA')
  if (kty !== 'EC' && curve !== undefined) return curve.fail('wrong-value', 'only of EC')
  switch (kty) {
    case 'RSA':
      exponent?.oneOf([65_537])
      return { kty, bits: size?.oneOf(rsaSizes) ?? 2048 }
    case 'oct':
      return { kty, bits: size?.oneOf(octSizes) ?? 256 }
    default: {
      const crv = curve?.oneOf(curves) ?? 'P-256'
      const bits = { 'P-256': 256, 'P-384': 384, 'P-521': 521 }[crv]
      if (size !== undefined && size.oneOf([256, 384, 521]) !== bits) {
        return top.fail('wrong-value', 'another size than the curve has')
      }
      return { kty, crv }
    }
  }
}

export function readImport(body: Uint8Array): Requested<ImportRequest> {
  const read = readBody(body, (top) =>
    top.object('refused', (fields) => {
      // Keys are not kept in hardware here; clients say where they would like them, in two spellings.
      fields.optional('hsm')?.boolean()
      fields.optional('Hsm')?.boolean()
      const key = fields.required('key').object('refused', readJwk)
      return { key, properties: readProperties(fields, key.operations) }
    }),
  )
  if (!read.ok) return read
  const { type, crv, numbers } = read.value.key
  const material = importMaterial(familyOf(type), crv, numbers)
  return material.ok
    ? withPolicy(read.value.properties, { type, material: material.value })
    : material
}

const jwkNumbers = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'x', 'y', 'k'] as const

function readJwk({ required, optional }: Fields) {
  const type = required('kty').oneOf(keyTypes)
  const operations = optional('key_ops')
  const crv = optional('crv')?.oneOf(curves)
  const hsm = optional('key_hsm')
  if (hsm !== undefined) hsm.fail('wrong-value', 'keys in another HSM’s wrapping are not taken')
  // Of no meaning here: what a key may do, `key_ops` says, and its name is in the path.
  for (const name of ['kid', 'alg', 'use', 'ext']) optional(name)
  const numbers = new Map<string, string>()
  for (const name of jwkNumbers) {
    const number = optional(name)
    if (number !== undefined) numbers.set(name, number.string(limits.numberCharactersMax))
  }
  return { type, crv, operations, numbers }
}

export function readUpdate(body: Uint8Array): Requested<VersionProperties> {
  const read = readBody(body, (top) =>
    top.object('refused', (fields) => readProperties(fields, fields.optional('key_ops'))),
  )
  return read.ok ? withPolicy(read.value, {}) : read
}

type ReadProperties = Omit<VersionProperties, 'policy'> & {
  readonly policy?:
    | { readonly json: Uint8Array; readonly immutable?: boolean | undefined }
    | undefined
}

function readProperties({ optional }: Fields, operations: Shape | undefined): ReadProperties {
  const attributes = optional('attributes')?.object('refused', readAttributes)
  return {
    ...attributes,
    operations: operations?.list(limits.operationsMax, (item) => item.oneOf(keyOperations)),
    tags: optional('tags')?.kind === 'null' ? undefined : readTags(optional('tags')),
    policy: optional('release_policy')?.object('refused', readPolicyFields),
  }
}

function readTags(shape: Shape | undefined): VersionProperties['tags'] {
  const tags = shape?.record(limits.tagsMax, (item, name) =>
    name.length > limits.tagCharactersMax
      ? item.fail('too-long', `a name of more than ${limits.tagCharactersMax}`)
      : item.string(limits.tagCharactersMax),
  )
  return tags === undefined ? undefined : [...tags]
}

function readAttributes({ optional }: Fields) {
  // Clients send back what they were told; these are not theirs to say.
  for (const name of ['created', 'updated', 'recoverableDays', 'recoveryLevel', 'hsmPlatform']) {
    optional(name)
  }
  const expires = optional('exp')
  const result = {
    enabled: optional('enabled')?.boolean(),
    notBefore: optional('nbf')?.integer(0, limits.instantMax),
    expiresAt: expires?.integer(0, limits.instantMax),
    exportable: optional('exportable')?.boolean(),
  }
  if ((result.expiresAt ?? Number.POSITIVE_INFINITY) <= (result.notBefore ?? -1)) {
    return expires?.fail('wrong-value', 'after nbf expected') ?? result
  }
  return result
}

function readPolicyFields({ required, optional }: Fields) {
  optional('contentType')?.string(64, /^application\/json(?:; ?charset=utf-8)?$/i)
  const immutable = optional('immutable')?.boolean()
  const data = required('data')
  const json = bytesOfBase64Url(data.string(serviceLimits.bodyBytesMax))
  return { json: json ?? data.fail('wrong-value', 'base64url without padding expected'), immutable }
}

function withPolicy<T>(
  { policy, ...properties }: ReadProperties,
  rest: T,
): Requested<T & VersionProperties> {
  if (policy === undefined) return ok({ ...properties, ...rest })
  const parsed = parseReleasePolicy(policy.json)
  if (!parsed.ok) return parsed
  const text = Buffer.from(printReleasePolicy(parsed.value)).toString('utf8')
  return ok({ ...properties, policy: { text, immutable: policy.immutable }, ...rest })
}

export function readRotation(body: Uint8Array): Requested<RotationPolicy> {
  return readBody(body, readRotationPolicy)
}

/** @param verifying - `digest` is what was signed then, and there is one. */
export function readCryptography(
  body: Uint8Array,
  verifying: boolean,
): Requested<CryptographyRequest> {
  return readBody(body, (top) =>
    top.object('refused', ({ required, optional }) => ({
      algorithm: required('alg').string(64),
      value: readBytes(required('value')),
      ...(verifying ? { digest: readBytes(required('digest')) } : {}),
      iv: present(optional('iv')),
      aad: present(optional('aad')),
      tag: present(optional('tag')),
    })),
  )
}

function present(shape: Shape | undefined): Uint8Array | undefined {
  return shape === undefined || shape.kind === 'null' ? undefined : readBytes(shape)
}

function readBytes(shape: Shape): Uint8Array {
  return (
    bytesOfBase64Url(shape.string(serviceLimits.bodyBytesMax)) ??
    shape.fail('wrong-value', 'base64url without padding expected')
  )
}

/** `{"value": …}` of a backup. */
export function readBackup(body: Uint8Array): Requested<Uint8Array> {
  return readBody(
    body,
    (top) =>
      top.object('refused', ({ required }) => {
        const value = required('value')
        return (
          bytesOfBase64Url(value.string(limits.backupBytesMax)) ??
          value.fail('wrong-value', 'base64url without padding expected')
        )
      }),
    limits.backupBytesMax,
  )
}

/** `{"count": …}` of random bytes. */
export function readRandomCount(body: Uint8Array): Requested<number> {
  return readBody(body, (top) =>
    top.object('refused', ({ required }) => required('count').integer(1, limits.randomBytesMax)),
  )
}

/** A body of JSON, whose reader says what is in it. */
export function readBody<T>(
  body: Uint8Array,
  read: (top: Shape) => T,
  bytesMax: number = serviceLimits.bodyBytesMax,
): Result<T, Problem<'body-malformed'>> {
  const json = jsonOf(body, { bytesMax, depthMax: serviceLimits.bodyDepthMax })
  const result = json.ok ? reading(json.value, '', read) : json
  if (result.ok) return result
  const { code, at, detail } = result.problem
  return {
    ok: false,
    problem: {
      code: 'body-malformed',
      at: at === '' ? 'body' : at,
      detail: `The request cannot be read at ${at === '' ? 'its body' : at}: ${code} (${detail}).`,
    },
  }
}

function pick<T, const K extends keyof T>(from: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as unknown as Pick<T, K>
}

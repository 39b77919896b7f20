/**
 * Keys as they are stored: each record sealed whole, so that whoever holds the database reads no key and changes no
 * policy.
 *
 * @module
 */

import { jsonOf, type UnixSeconds, utf8Of } from '@sealward/attestation/bytes'
import * as z from 'zod'
import type { KeyMaterial } from './key-material.ts'
import { curves, type KeyOperation, type KeyType, keyOperations, keyTypes } from './key-type.ts'
import type { RotationPolicy } from './rotation-policy.ts'

/** A key: its versions, and what holds for all of them. */
export interface KeyRecord {
  /** As it was first written; another case is the same key. */
  readonly name: string
  /** The last is the current one. */
  readonly versions: readonly [VersionEntry, ...VersionEntry[]]
  readonly rotation?: StoredRotation | undefined
  /** Once a version's policy is immutable, all later versions have the same. */
  readonly immutablePolicy?: string | undefined
  readonly deleted?: { readonly at: UnixSeconds; readonly purgeAt: UnixSeconds } | undefined
}

/** Which version there is, and in which revision: an older record of it is refused. */
export interface VersionEntry {
  readonly id: string
  readonly revision: number
}

export interface StoredRotation {
  readonly policy: RotationPolicy
  readonly createdAt: UnixSeconds
  readonly updatedAt: UnixSeconds
}

/** One version of a key. */
export interface VersionRecord {
  readonly type: KeyType
  readonly material: KeyMaterial
  readonly operations: readonly KeyOperation[]
  readonly enabled: boolean
  readonly notBefore?: UnixSeconds | undefined
  readonly expiresAt?: UnixSeconds | undefined
  readonly createdAt: UnixSeconds
  readonly updatedAt: UnixSeconds
  /** What it may be released for; the last one counts. None for a key that is not exportable. */
  readonly policies: readonly PolicyVersion[]
  readonly tags: readonly (readonly [name: string, value: string])[]
  /** When it was told that it expires soon. */
  readonly notifiedAt?: UnixSeconds | undefined
}

/** A release policy, and since when. */
export interface PolicyVersion {
  /** Counts from 1. */
  readonly number: number
  readonly since: UnixSeconds
  /** JSON. */
  readonly text: string
  readonly immutable: boolean
}

const instant = z.int().min(0)
const numbers = z.string().min(1)

const material: z.ZodType<KeyMaterial> = z.discriminatedUnion('kty', [
  z.strictObject({
    kty: z.literal('RSA'),
    n: numbers,
    e: numbers,
    d: numbers,
    p: numbers,
    q: numbers,
    dp: numbers,
    dq: numbers,
    qi: numbers,
  }),
  z.strictObject({
    kty: z.literal('EC'),
    crv: z.enum(curves),
    x: numbers,
    y: numbers,
    d: numbers,
  }),
  z.strictObject({ kty: z.literal('oct'), k: numbers }),
])

const versionRecord: z.ZodType<VersionRecord> = z.strictObject({
  type: z.enum(keyTypes),
  material,
  operations: z.array(z.enum(keyOperations)),
  enabled: z.boolean(),
  notBefore: instant.optional(),
  expiresAt: instant.optional(),
  createdAt: instant,
  updatedAt: instant,
  policies: z.array(
    z.strictObject({
      number: z.int().min(1),
      since: instant,
      text: z.string(),
      immutable: z.boolean(),
    }),
  ),
  tags: z.array(z.tuple([z.string(), z.string()])),
  notifiedAt: instant.optional(),
})

const rotationPolicy: z.ZodType<RotationPolicy> = z.strictObject({
  actions: z.array(
    z.strictObject({
      does: z.enum(['rotate', 'notify']),
      trigger: z.enum(['timeAfterCreate', 'timeBeforeExpiry']),
      duration: z.string(),
    }),
  ),
  expiryTime: z.string().optional(),
})

const versionEntry = z.strictObject({ id: z.string(), revision: z.int().min(1) })

const keyRecord: z.ZodType<KeyRecord> = z.strictObject({
  name: z.string(),
  versions: z.tuple([versionEntry], versionEntry),
  rotation: z
    .strictObject({ policy: rotationPolicy, createdAt: instant, updatedAt: instant })
    .optional(),
  immutablePolicy: z.string().optional(),
  deleted: z.strictObject({ at: instant, purgeAt: instant }).optional(),
})

const backup: z.ZodType<KeyBackup> = z.strictObject({
  key: keyRecord,
  versions: z.array(versionRecord),
})

/** A key with all its versions, in their order. */
export interface KeyBackup {
  readonly key: KeyRecord
  readonly versions: readonly VersionRecord[]
}

/** One kind of record, as the bytes that are sealed. */
export interface RecordFormat<T> {
  encode(record: T): Uint8Array
  /** `undefined` for what is no record: it was sealed by another program. */
  decode(bytes: Uint8Array): T | undefined
}

function formatOf<T>(schema: z.ZodType<T>): RecordFormat<T> {
  return {
    encode: (record) => utf8Of(JSON.stringify(record)),
    decode(bytes) {
      const json = jsonOf(bytes, { bytesMax: bytes.length, depthMax })
      const parsed = json.ok ? schema.safeParse(json.value) : undefined
      return parsed?.data
    },
  }
}

const depthMax = 8

export const keyFormat: RecordFormat<KeyRecord> = formatOf(keyRecord)
export const versionFormat: RecordFormat<VersionRecord> = formatOf(versionRecord)
export const backupFormat: RecordFormat<KeyBackup> = formatOf(backup)

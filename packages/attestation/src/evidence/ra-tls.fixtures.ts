/**
 * RA-TLS certificates of all forms, self-signed with keys that are drawn here.
 *
 * @module
 */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { concat, utf8Of } from '../bytes/index.ts'
import {
  cborArray,
  cborBytes,
  cborInteger,
  cborMap,
  cborTag,
  cborText,
  certificate,
} from './cose-sign1.fixtures.ts'

export interface RaTlsWorld {
  readonly der: Uint8Array
  readonly quote: Uint8Array
  readonly evidence: {
    readonly reportData: string
    readonly hashes: { readonly quote: string }
  }
}

export interface RaTlsWorldChanges {
  readonly form?: 'dice' | 'gramine' | 'intel' | 'open-enclave' | 'none'
  readonly key?: 'p256' | 'p384' | 'rsa'
  readonly hash?: 'sha256' | 'sha384' | 'sha512'
  readonly nonce?: Uint8Array
  readonly tag?: number
  /** Instead of the claims. */
  readonly claims?: Uint8Array
  /** Instead of quote and claims. */
  readonly content?: Uint8Array
  /** Who signs instead of the key itself. */
  readonly signer?: 'other'
  /** Whose key is bound instead of the certificate's. */
  readonly bound?: 'other'
  readonly endorsements?: Uint8Array
}

const keys: Readonly<Record<'p256' | 'p384' | 'rsa' | 'other', KeyObject>> = {
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
  other: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
}
const hashIds = { sha256: 1, sha384: 7, sha512: 8 } as const
const quote = new Uint8Array(700).fill(3)

export function raTlsWorld(changes: RaTlsWorldChanges = {}): RaTlsWorld {
  const { form = 'dice', hash = 'sha256', tag = 60_000 } = changes
  const key = keys[changes.key ?? 'p256']
  const boundKey = createPublicKey(keys[changes.bound ?? changes.key ?? 'p256'])
  const spki = new Uint8Array(boundKey.export({ type: 'spki', format: 'der' }))
  const claims =
    changes.claims ??
    cborMap(
      [cborText('pubkey-hash'), cborBytes(hashEntryOf(hashIds[hash], digestOf(hash, spki)))],
      [cborText('key_0'), cborBytes(utf8Of('value_0'))],
      ...(changes.nonce === undefined
        ? []
        : [[cborText('nonce'), cborBytes(changes.nonce)] as const]),
    )
  const content = changes.content ?? cborArray(cborBytes(quote), cborBytes(claims))
  const { oid, value, bound } = evidenceOf(form, cborTag(tag, content), claims, boundKey)
  const der = certificate({
    name: 'RATLS',
    issuer: 'RATLS',
    key,
    signer: keys[changes.signer ?? changes.key ?? 'p256'],
    extensions: [
      [oid, value],
      ...(changes.endorsements === undefined
        ? []
        : [['2.23.133.5.4.2', changes.endorsements] as const]),
    ],
  })
  return {
    der,
    quote,
    evidence: {
      reportData: hexDigest(bound).padEnd(128, '0'),
      hashes: { quote: hexDigest(quote) },
    },
  }
}

function evidenceOf(
  form: NonNullable<RaTlsWorldChanges['form']>,
  tagged: Uint8Array,
  claims: Uint8Array,
  key: KeyObject,
): { readonly oid: string; readonly value: Uint8Array; readonly bound: Uint8Array } {
  const spki = new Uint8Array(key.export({ type: 'spki', format: 'der' }))
  switch (form) {
    case 'dice':
      return { oid: '2.23.133.5.4.9', value: tagged, bound: claims }
    case 'gramine':
      return { oid: '0.6.9.42.840.113741.1337.6', value: quote, bound: spki }
    case 'intel':
      return { oid: '1.2.840.113741.1337.6', value: quote, bound: spki }
    case 'open-enclave':
      return {
        oid: '1.2.840.113556.10.1.1',
        value: concat(openEnclaveHeader, quote),
        bound: utf8Of(`${String(key.export({ type: 'spki', format: 'pem' }))}\0`),
      }
    case 'none':
      return { oid: '1.2.3.4', value: quote, bound: spki }
  }
}

export function hashEntryOf(id: number, value: Uint8Array): Uint8Array {
  return cborArray(cborInteger(id), cborBytes(value))
}

/** Version 1, kind 2, 700 bytes. */
const openEnclaveHeader = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 2, 0, 0, 0, 0, 0, 0)

function digestOf(hash: string, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(hash).update(bytes).digest())
}

function hexDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

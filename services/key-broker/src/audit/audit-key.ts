import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  base64Of,
  bytesOfBase64,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import { type AuditKeyJwk, auditKeyJwkOf } from './checkpoint.ts'
import { limits } from './limits.ts'

/** The key that signs checkpoints, and of which log. */
export interface AuditKey {
  readonly jwk: AuditKeyJwk
  readonly privateKey: KeyObject
}

/** Draws a key of P-256. */
export function newAuditKey(): AuditKey {
  return keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
}

/** Keeps it, with the log that it signs: from then on, that log is missed if it is not there. */
export async function writeAuditKey(
  transaction: DatabaseTransaction,
  sealer: Sealer,
  { privateKey }: AuditKey,
  log: string,
): Promise<void> {
  const pkcs8 = base64Of(privateKey.export({ format: 'der', type: 'pkcs8' }))
  const sealed = sealer.seal(address, utf8Of(JSON.stringify({ privateKey: pkcs8, log })))
  await transaction
    .insertInto('broker.audit_key')
    .values({ only: true, sealed: Buffer.from(sealed) })
    .execute()
}

/** @returns the key and its log, `undefined` before there is one, or `audit-log-changed`. */
export async function readAuditKey(
  database: Database | DatabaseTransaction,
  sealer: Sealer,
): Promise<
  Result<(AuditKey & { readonly log: string }) | undefined, Problem<'audit-log-changed'>>
> {
  const row = await database.selectFrom('broker.audit_key').select('sealed').executeTakeFirst()
  if (row === undefined) return ok(undefined)
  const opened = sealer.open(address, row.sealed)
  const json = opened.ok
    ? jsonOf(opened.value, { bytesMax: limits.auditKeyBytesMax, depthMax: 1 })
    : opened
  const read = json.ok
    ? reading(json.value, '', (top) =>
        top.object('refused', ({ required }) => ({
          privateKey: required('privateKey').string(limits.auditKeyBytesMax),
          log: required('log').string(64, /^[0-9a-f]{64}$/),
        })),
      )
    : json
  if (!read.ok) {
    return refuse('audit-log-changed', 'audit_key', 'The key that signs checkpoints was changed.')
  }
  const key = Buffer.from(bytesOfBase64(read.value.privateKey) ?? [])
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return ok({ ...keyOf(privateKey), log: read.value.log })
}

function keyOf(privateKey: KeyObject): AuditKey {
  return { jwk: auditKeyJwkOf(createPublicKey(privateKey)), privateKey }
}

const address = { type: 'audit-key', id: 'only', version: 1 }

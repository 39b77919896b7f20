import { generateKeyPairSync } from 'node:crypto'
import { base64UrlOf, bytesOfBase64Url, textOf, utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import {
  type RestoreStatement,
  restorerOf,
  signRestoreStatement,
  verifyRestoreStatement,
} from './restore-statement.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const statement: RestoreStatement = {
  deployment: 'urn:uuid:00000000-0000-4000-8000-000000000001',
  anchor: { sequence: 9, digest: 'a'.repeat(64) },
  database: { sequence: 7, digest: 'b'.repeat(64) },
  reason: 'the disk broke',
  at: 1_795_000_000,
}
const allowed = { ...statement, restorers: [restorerOf(publicKey)] }
const refused = { ok: false, problem: { code: 'restore-statement-refused' } }

test('a statement of an administrator allows what it names', () => {
  const jws = signRestoreStatement(statement, privateKey)
  expect(verifyRestoreStatement(jws, allowed)).toEqual({ ok: true, value: statement })
  expect(verifyRestoreStatement(`${jws}\n`, allowed)).toMatchObject({ ok: true })
  const without = { ...statement, anchor: undefined }
  expect(
    verifyRestoreStatement(signRestoreStatement(without, privateKey), { ...allowed, ...without }),
  ).toMatchObject({ ok: true })
})

test('it allows no other deployment, no other states, and is of nobody else', () => {
  const jws = signRestoreStatement(statement, privateKey)
  for (const other of [
    { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' },
    { anchor: { sequence: 10, digest: 'a'.repeat(64) } },
    { anchor: undefined },
    { database: { sequence: 7, digest: 'c'.repeat(64) } },
    { database: { sequence: 6, digest: 'b'.repeat(64) } },
    { restorers: [] },
    { restorers: [restorerOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)] },
  ]) {
    expect(verifyRestoreStatement(jws, { ...allowed, ...other })).toMatchObject(refused)
  }
})

test('no part of it may differ', () => {
  const jws = signRestoreStatement(statement, privateKey)
  const parts = jws.split('.')
  const payload = textOf(bytesOfBase64Url(parts[1] ?? '') ?? new Uint8Array()) ?? ''
  const changed = base64UrlOf(utf8Of(payload.replace('"sequence":7', '"sequence":6')))
  for (const wrong of [
    `${parts[0]}.${changed}.${parts[2]}`,
    `${parts[0]}.${parts[1]}.`,
    `${parts[0]}.${parts[1]}`,
    `${jws}.x`,
    '',
    'x'.repeat(9000),
    `${base64UrlOf(utf8Of('{"alg":"none"}'))}.${parts[1]}.`,
  ]) {
    expect(
      verifyRestoreStatement(wrong, {
        ...allowed,
        database: { sequence: 6, digest: 'b'.repeat(64) },
      }),
    ).toMatchObject(refused)
    expect(verifyRestoreStatement(wrong, allowed)).toMatchObject(refused)
  }
})

test('a key of another curve signs no statement', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  expect(() => signRestoreStatement(statement, other.privateKey)).toThrow('P-256')
})

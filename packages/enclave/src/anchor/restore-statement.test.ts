import { generateKeyPairSync } from 'node:crypto'
import { base64UrlOf, bytesOfBase64Url, textOf, utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { isLoss, newLoss } from './lost-anchor.ts'
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
const allowed = { ...statement, restorers: [restorerOf(publicKey)], now: statement.at + 60 }
const refused = { ok: false, problem: { code: 'restore-statement-refused' } }

test('a statement of an administrator allows what it names', () => {
  const jws = signRestoreStatement(statement, privateKey)
  expect(verifyRestoreStatement(jws, allowed)).toEqual({ ok: true, value: statement })
  expect(verifyRestoreStatement(`${jws}\n`, allowed)).toMatchObject({ ok: true })
})

test('it is taken for three days', () => {
  const jws = signRestoreStatement(statement, privateKey)
  const at = (now: number): boolean => verifyRestoreStatement(jws, { ...allowed, now }).ok
  const { at: signed } = statement
  expect([-301, -300, 0, 259_200, 259_201].map((after) => at(signed + after))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ])
})

test('one that names no state of the anchor, as it fitted every loss of one, is not read any more', () => {
  const { anchor: _, ...without } = statement
  for (const anchor of [{ anchor: null }, {}]) {
    const jws = signRestoreStatement({ ...without, ...anchor } as never, privateKey)
    expect(verifyRestoreStatement(jws, allowed)).toMatchObject(refused)
  }
})

test('it allows no other deployment, no other states, and is of nobody else', () => {
  const jws = signRestoreStatement(statement, privateKey)
  for (const other of [
    { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' },
    { anchor: { sequence: 10, digest: 'a'.repeat(64) } },
    { anchor: newLoss() },
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

test('of two losses each has its own name', () => {
  const [one, other] = [newLoss(), newLoss()]
  expect(one.digest).toMatch(/^[0-9a-f]{64}$/)
  expect(one).not.toEqual(other)
  expect([one, other, statement.anchor].map(isLoss)).toEqual([true, true, false])
  const lost = { ...statement, anchor: one }
  const jws = signRestoreStatement(lost, privateKey)
  expect(verifyRestoreStatement(jws, { ...allowed, anchor: one })).toMatchObject({ ok: true })
  expect(verifyRestoreStatement(jws, { ...allowed, anchor: other })).toMatchObject(refused)
})

test('a key of another curve signs no statement', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  expect(() => signRestoreStatement(statement, other.privateKey)).toThrow('P-256')
})

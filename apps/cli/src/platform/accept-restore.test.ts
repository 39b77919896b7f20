import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { restorerOf, verifyRestoreStatement } from '@sealward/enclave/anchor'
import { afterAll, expect, test } from 'vitest'
import { openScratch } from '../evidence/command.fixtures.ts'
import { run } from '../program.ts'

const scratch = openScratch()
afterAll(() => scratch.remove())

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keyFile = scratch.written(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
const restorer = restorerOf(createPublicKey(privateKey))
const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000001'
const [one, other] = ['a'.repeat(64), 'b'.repeat(64)]

async function ran(...line: readonly string[]) {
  let [out, err] = ['', '']
  const code = await run(line, {
    effects: {
      fetch: () => Promise.reject(new Error('no network')),
      clock: { now: () => 1_795_000_000 },
      random: { bytes: (length) => new Uint8Array(length) },
      sleep: async () => {},
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  })
  return { code, out, err }
}

const accept = (more: Readonly<Record<string, string>> = {}) => {
  const options = {
    'sign-with': keyFile,
    deployment,
    anchor: `9 ${one}`,
    database: `7 ${other}`,
    reason: 'the disk broke',
    ...more,
  }
  return ran(
    'platform',
    'accept-restore',
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
  )
}

test('a statement is signed that a platform with this key among its restorers takes', async () => {
  const { code, out } = await accept()
  expect(code).toBe(0)
  const states = { anchor: { sequence: 9, digest: one }, database: { sequence: 7, digest: other } }
  expect(
    verifyRestoreStatement(out, {
      deployment,
      restorers: [restorer],
      ...states,
      now: 1_795_000_000,
    }),
  ).toMatchObject({
    ok: true,
    value: { reason: 'the disk broke', at: 1_795_000_000 },
  })
})

test('a key is named as init-time data names it', async () => {
  expect(await ran('platform', 'restorer', keyFile)).toMatchObject({
    code: 0,
    out: `${restorer}\n`,
  })
})

test('what cannot be meant is refused, and nothing is signed', async () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const wrongKey = scratch.written(p384.export({ type: 'pkcs8', format: 'pem' }).toString())
  for (const wrong of [
    { anchor: '9' },
    { anchor: 'none' },
    { anchor: `9 ${one}0` },
    { database: 'none' },
    { reason: ' ' },
    { 'sign-with': wrongKey },
    { 'sign-with': '/nowhere' },
  ]) {
    expect(await accept(wrong)).toMatchObject({ code: 2, out: '' })
  }
})

/** The commands on files, and against a broker that listens. */

import { createDecipheriv } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decryptModel } from '@sealward/enclave/encrypted-model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ran, sealward, startTestBroker, type TestBroker } from '../broker/broker.fixtures.ts'

const model = readFileSync(new URL('../../../../models/chest-pneumonia.onnx', import.meta.url))
const key = new Uint8Array(32).fill(5)
let broker: TestBroker
let inFile: string
let keyFile: string

beforeAll(async () => {
  broker = await startTestBroker()
  inFile = join(broker.folder, 'model.onnx')
  writeFileSync(inFile, model)
  keyFile = broker.written('diagnostics-model.key', Buffer.from(key).toString('base64url'))
}, 60_000)
afterAll(() => broker.close())

let files = 0
const newFile = (): string => join(broker.folder, `out-${++files}.sealed`)
const run = (token: string | undefined, ...line: readonly string[]): Promise<Ran> =>
  sealward(['model', ...line], token === undefined ? {} : { token })
const opened = (file: string, modelKey: Uint8Array) =>
  decryptModel(readFileSync(file), () => modelKey)

test('a model is encrypted under a key file, named by it, and comes back as it was', async () => {
  const out = newFile()
  const ran = await run(
    undefined,
    'encrypt',
    '--in',
    inFile,
    '--out',
    out,
    '--key',
    keyFile,
    '--json',
  )
  expect(ran).toMatchObject({ code: 0, err: '' })
  const said = JSON.parse(ran.out)
  expect(said).toMatchObject({ bytes: model.length, key: { name: 'diagnostics-model' } })
  const result = opened(out, key)
  expect(result.ok && Buffer.compare(result.value.model, model)).toBe(0)
  const inspected = await run(undefined, 'inspect', out)
  expect(inspected.code).toBe(0)
  expect(inspected.out).toContain(said.sha256)
  expect(inspected.out).toContain('diagnostics-model')
  expect(readFileSync(out).includes(model.subarray(0, 64))).toBe(false)
})

test('nothing is written over, no half of a file stays, and every refusal says what is wrong', async () => {
  const encrypt = (changes: Readonly<Record<string, string>>): Promise<Ran> => {
    const flags = { in: inFile, out: newFile(), key: keyFile, ...changes }
    return run(
      undefined,
      'encrypt',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    )
  }
  const there = broker.written('there', 'something')
  expect(await encrypt({ out: there })).toMatchObject({
    code: 2,
    err: expect.stringContaining('file-unwritable'),
  })
  expect(readFileSync(there, 'utf8')).toBe('something')
  expect(await encrypt({ in: 'none' })).toMatchObject({
    code: 2,
    err: expect.stringContaining('model-unreadable'),
  })
  const empty = broker.written('empty', '')
  const out = newFile()
  expect(await encrypt({ in: empty, out })).toMatchObject({
    code: 2,
    err: expect.stringContaining('model-empty'),
  })
  expect(existsSync(out)).toBe(false)
  const open = broker.written('open.key', Buffer.from(key).toString('base64url'))
  chmodSync(open, 0o644)
  expect(await encrypt({ key: open })).toMatchObject({
    code: 2,
    err: expect.stringContaining('key-file-refused'),
  })
  expect(await encrypt({ key: join(broker.folder, 'none.key') })).toMatchObject({
    err: expect.stringContaining('key-file-refused'),
  })
  expect(existsSync(join(broker.folder, 'none.key'))).toBe(false)
})

test('what is no encrypted model, or not all of one, is told', async () => {
  expect(await run(undefined, 'inspect', inFile)).toMatchObject({
    code: 2,
    err: expect.stringContaining('model-not-encrypted'),
  })
  const out = newFile()
  await run(undefined, 'encrypt', '--in', inFile, '--out', out, '--key', keyFile)
  writeFileSync(out, readFileSync(out).subarray(0, 1000))
  expect(await run(undefined, 'inspect', out)).toMatchObject({
    code: 2,
    err: expect.stringContaining('model-truncated'),
  })
  expect(await run(undefined, 'inspect', 'none')).toMatchObject({
    code: 2,
    err: expect.stringContaining('model-unreadable'),
  })
})

test('with a broker the key stays there: whoever may use it wraps, and the key opens the model', async () => {
  const k = Buffer.from(key).toString('base64url')
  const officer = await broker.people.tokenOf(['officer'])
  const made = await fetch(`${broker.url}/keys/diagnostics-model?api-version=7.4`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${officer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key: { kty: 'oct-HSM', k, key_ops: ['wrapKey'] } }),
  })
  expect(made.status).toBe(200)
  const flags = (out: string): readonly string[] => [
    'encrypt',
    '--in',
    inFile,
    '--out',
    out,
    '--key',
    'diagnostics-model',
    '--broker',
    broker.url,
    '--json',
  ]
  const out = newFile()
  const ran = await run(await broker.people.tokenOf(['user']), ...flags(out))
  expect(ran).toMatchObject({ code: 0, err: '' })
  const { key: named } = JSON.parse(ran.out)
  expect(named).toEqual({
    name: 'diagnostics-model',
    version: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  const result = opened(out, key)
  expect(result.ok && Buffer.compare(result.value.model, model)).toBe(0)

  const refused = newFile()
  const reader = await run(await broker.people.tokenOf(['reader']), ...flags(refused))
  expect(reader).toMatchObject({ code: 2, err: expect.stringContaining('role-insufficient') })
  expect(existsSync(refused)).toBe(false)
  expect(await run(undefined, ...flags(newFile()))).toMatchObject({ code: 2 })
})

test('the wrapping is RFC 3394 by anybody’s reading of it', async () => {
  const out = newFile()
  await run(undefined, 'encrypt', '--in', inFile, '--out', out, '--key', keyFile)
  const file = readFileSync(out)
  const header = JSON.parse(file.subarray(12, 12 + file.readUInt32BE(8)).toString())
  const decipher = createDecipheriv('id-aes256-wrap', key, Buffer.alloc(8, 0xa6))
  const contentKey = Buffer.concat([
    decipher.update(Buffer.from(header.key.wrapped, 'base64url')),
    decipher.final(),
  ])
  const nonce = Buffer.alloc(12)
  const chunks = createDecipheriv('aes-256-gcm', contentKey, nonce)
  const start = 12 + file.readUInt32BE(8)
  chunks.setAAD(file.subarray(0, start))
  chunks.setAuthTag(file.subarray(start + 65_536, start + 65_552))
  const first = Buffer.concat([chunks.update(file.subarray(start, start + 65_536)), chunks.final()])
  expect(first.equals(model.subarray(0, 65_536))).toBe(true)
})

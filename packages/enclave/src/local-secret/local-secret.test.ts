import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../effects/index.ts'
import { createSampleTee, type SampleTeeOptions, type Tee } from '../evidence/index.ts'
import { syncedDuring } from '../sealing/folder.fixtures.ts'
import type { MasterKey } from '../sealing/index.ts'
import { sampleInitTimeData } from '../testing/sample.ts'
import { type LocalSecretOptions, openLocalSecret, outlivesUpdate } from './local-secret.ts'
import { secretFile } from './place.ts'

const hostSecret = systemRandom.bytes(32)
const broker = { by: 'key-broker', key: systemRandom.bytes(32) as MasterKey }
/** The processor after an update: its second component is newer. */
const updated = sampleCpuSvn.map((svn, index) => (index === 1 ? svn + 1 : svn))
let vendor: SampleVendor
let folder: string
let file: string

beforeAll(async () => {
  vendor = await createSampleVendor({ at: systemClock.now() })
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealward-secret-'))
  file = join(folder, 'kept', 'secret')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const teeWith = (changes: Partial<SampleTeeOptions> = {}): Promise<Tee> =>
  createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(sampleInitTimeData()),
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret,
    ...changes,
  })

const open = async (tee: Partial<SampleTeeOptions> = {}, more: Partial<LocalSecretOptions> = {}) =>
  openLocalSecret({
    name: 'master',
    place: secretFile(file),
    tee: await teeWith(tee),
    policy: 'mrsigner',
    mayDraw: true,
    ...more,
  })

/** The secret, or the code of the problem. */
const secretOf = async (...args: Parameters<typeof open>): Promise<unknown> => {
  const opened = await open(...args)
  return opened.ok ? Buffer.from(opened.value.secret).toString('hex') : opened.problem.code
}

test('a secret is drawn once, and is the same for every start after it', async () => {
  const first = await open()
  expect(first).toMatchObject({ value: { openedBy: 'drawn', wraps: ['tee'] } })
  expect(await secretOf()).toBe(await secretOf())
  expect(await open()).toMatchObject({ value: { openedBy: 'tee', isResealed: false } })
  if (!first.ok) throw new Error(first.problem.code)
  expect(first.value.secret).toHaveLength(32)
  // It is not in the file.
  const kept = readFileSync(file)
  expect(kept.includes(Buffer.from(first.value.secret))).toBe(false)
  expect(kept.includes(Buffer.from(first.value.secret).toString('base64url'))).toBe(false)
})

test('neither its name nor a folder above it is gone when the power fails after the start', async () => {
  expect(await syncedDuring(open)).toEqual([folder, join(folder, 'kept')])
  const updating = () => open({ cpuSvn: updated, olderSealingKeys: true })
  expect(await syncedDuring(updating)).toEqual([join(folder, 'kept')])
})

test('of starts at once all get the same secret', async () => {
  const secrets = await Promise.all(Array.from({ length: 8 }, () => secretOf()))
  expect(new Set(secrets).size).toBe(1)
  expect(readdirSync(join(folder, 'kept'))).toEqual(['secret'])
})

test('after an update a runtime that gives older keys opens it, and it is sealed anew at once', async () => {
  const before = await secretOf()
  const after = await open({ cpuSvn: updated, olderSealingKeys: true })
  expect(after).toMatchObject({ value: { openedBy: 'tee', isResealed: true, wraps: ['tee'] } })
  // From here on the old version is not needed any more, nor would it do.
  expect(await secretOf({ cpuSvn: updated })).toBe(before)
  expect(await secretOf()).toBe('local-secret-refused')
})

test('after an update a runtime that gives the current key only needs the wrap of the broker', async () => {
  const before = await secretOf({}, { others: [broker] })
  const after = await open({ cpuSvn: updated }, { others: [broker] })
  expect(after).toMatchObject({
    value: { openedBy: 'key-broker', isResealed: true, wraps: ['tee', 'key-broker'] },
  })
  // It is sealed under the machine's key of now: the broker may be away the next time.
  expect(await secretOf({ cpuSvn: updated })).toBe(before)
})

test('a broker that comes later is wrapped for before the update, and its wrap stays while it is away', async () => {
  const before = await secretOf()
  const first = await open()
  expect(first.ok && outlivesUpdate(first.value)).toBe(false)
  const wrapped = await open({}, { others: [broker] })
  expect(wrapped).toMatchObject({ value: { isResealed: true, wraps: ['tee', 'key-broker'] } })
  expect(wrapped.ok && outlivesUpdate(wrapped.value)).toBe(true)
  expect(await open()).toMatchObject({ value: { isResealed: false, wraps: ['tee', 'key-broker'] } })
  expect(await secretOf({ cpuSvn: updated }, { others: [broker] })).toBe(before)
})

test('with neither it is refused in words that say why, and no other secret takes its place', async () => {
  const before = await secretOf()
  const kept = readFileSync(file)
  const refused = await open({ cpuSvn: updated })
  expect(refused).toMatchObject({ ok: false, problem: { code: 'local-secret-refused' } })
  if (refused.ok) throw new Error('opened')
  expect(refused.problem.detail).toContain(Buffer.from(sampleCpuSvn).toString('hex'))
  expect(refused.problem.detail).toContain(Buffer.from(updated).toString('hex'))
  expect(readFileSync(file)).toEqual(kept)
  // The update is taken back: it is there again.
  expect(await secretOf()).toBe(before)
})

test('a processor of before gets no key of a newer one', async () => {
  await secretOf({ cpuSvn: updated })
  expect(await secretOf({ olderSealingKeys: true })).toBe('local-secret-refused')
})

test.each(['mrsigner', 'mrenclave'] as const)(
  'updates of code and machine are outlived, in either order and together, under %s',
  async (policy) => {
    const code = { isvSvn: 2 }
    const machine = { cpuSvn: updated }
    const both = { ...code, ...machine }
    const older = { olderSealingKeys: true }
    for (const steps of [[code, both], [machine, both], [both]]) {
      const before = await secretOf({}, { policy })
      for (const step of steps) {
        expect(await secretOf(step, { policy })).toBe('local-secret-refused')
        const after = await open({ ...step, ...older }, { policy })
        expect(after).toMatchObject({
          value: { openedBy: 'tee', isResealed: true, wraps: ['tee'] },
        })
        // Sealed under the key of now: nothing of before is asked for.
        expect(await secretOf(step, { policy })).toBe(before)
      }
      for (const lower of [{}, code, machine]) {
        expect(await secretOf({ ...lower, ...older }, { policy })).toBe('local-secret-refused')
      }
      expect(JSON.parse(readFileSync(file, 'utf8')).wraps).toMatchObject([
        { by: 'tee', cpuSvn: Buffer.from(updated).toString('hex'), isvSvn: 2 },
      ])
      rmSync(file)
    }
  },
)

test.each(['mrsigner', 'mrenclave'] as const)(
  'older code is refused in words that name both versions, under %s',
  async (policy) => {
    const before = await secretOf({ isvSvn: 3 }, { policy })
    const kept = readFileSync(file)
    const refused = await open({ isvSvn: 2, olderSealingKeys: true }, { policy })
    if (refused.ok) throw new Error('opened')
    const version = Buffer.from(sampleCpuSvn).toString('hex')
    expect(refused.problem).toMatchObject({
      code: 'local-secret-refused',
      detail: `No wrap of the secret opens. It was sealed when the processor had the security version ${version} and the code 3; now they have ${version} and 2, and code of a lower version is given no key of a higher one. Nothing else wraps it.`,
    })
    // Nor does it help to say that the code was older when it was sealed.
    writeFileSync(file, kept.toString('utf8').replace('"isvSvn": 3', '"isvSvn": 1'))
    expect(await secretOf({ isvSvn: 2, olderSealingKeys: true }, { policy })).toBe(
      'local-secret-refused',
    )
    writeFileSync(file, kept)
    expect(await secretOf({ isvSvn: 3 }, { policy })).toBe(before)
  },
)

test('newer code on a machine that was put back opens nothing', async () => {
  await secretOf({ cpuSvn: updated, isvSvn: 1 })
  const refused = await open({ isvSvn: 2, olderSealingKeys: true })
  if (refused.ok) throw new Error('opened')
  expect(refused.problem.detail).toContain('and no key of then is given.')
})

test('a wrap that names no version of the code is tried as of the one of now, and then named', async () => {
  const before = await secretOf()
  const named = readFileSync(file, 'utf8')
  const unnamed = named.replace(/\s*"isvSvn": 1,/, '')
  expect(unnamed).not.toContain('isvSvn')
  writeFileSync(file, unnamed)
  const refused = await open({ isvSvn: 2, olderSealingKeys: true })
  if (refused.ok) throw new Error('opened')
  expect(refused.problem.detail).toContain('does not name the security version of the code')
  // After an update of the machine alone.
  expect(await secretOf({ cpuSvn: updated, olderSealingKeys: true })).toBe(before)
  writeFileSync(file, unnamed)
  expect(await open()).toMatchObject({ value: { openedBy: 'tee', isResealed: true } })
  expect(await secretOf({ isvSvn: 2, olderSealingKeys: true })).toBe(before)
})

test('another machine, another publisher, another deployment and another role open nothing', async () => {
  await secretOf()
  const role = encodeInitTimeData(sampleInitTimeData({ role: 'diagnostics' }))
  const deployment = encodeInitTimeData(
    sampleInitTimeData({ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' }),
  )
  for (const other of [
    { hostSecret: systemRandom.bytes(32) },
    { mrSigner: new Uint8Array(32).fill(3) },
    { isvProdId: 2 },
    { debug: true },
    { initTimeData: role },
    { initTimeData: deployment },
  ]) {
    expect(await secretOf(other)).toBe('local-secret-refused')
  }
  const another = { ...broker, key: systemRandom.bytes(32) as MasterKey }
  expect(await secretOf({ cpuSvn: updated }, { others: [another] })).toBe('local-secret-refused')
  expect(await secretOf({}, { name: 'another' })).toBe('local-secret-refused')
})

test('under mrsigner a new version of the code opens it, under mrenclave this very code', async () => {
  const newCode = { mrEnclave: new Uint8Array(32).fill(9) }
  expect(await secretOf(newCode)).toBe(await secretOf())
  const mended = { ...newCode, isvSvn: 2, olderSealingKeys: true }
  expect(await secretOf(mended)).toBe(await secretOf({ ...mended, olderSealingKeys: false }))
  expect(await secretOf({ ...newCode, olderSealingKeys: true })).toBe('local-secret-refused')
  rmSync(file)
  const before = await secretOf({}, { policy: 'mrenclave', others: [broker] })
  expect(await secretOf({}, { policy: 'mrenclave' })).toBe(before)
  expect(await secretOf(newCode, { policy: 'mrenclave' })).toBe('local-secret-refused')
  expect(await secretOf(newCode, { policy: 'mrenclave', others: [broker] })).toBe(before)
})

test('where data waits for it, a secret that is gone is missed, and none is drawn', async () => {
  expect(await secretOf({}, { mayDraw: false })).toBe('local-secret-missing')
  expect(() => readFileSync(file)).toThrow()
})

test('a file that was changed is refused', async () => {
  await secretOf()
  const kept = readFileSync(file, 'utf8')
  writeFileSync(file, 'not of ours')
  expect(await secretOf()).toBe('local-secret-malformed')
  const sealed = /"sealed": "(.{40})/.exec(kept)?.[1] ?? ''
  writeFileSync(
    file,
    kept.replace(sealed, `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}`),
  )
  expect(await secretOf()).toBe('local-secret-refused')
  writeFileSync(file, kept)
  expect(await secretOf()).toMatch(/^[0-9a-f]{64}$/)
})

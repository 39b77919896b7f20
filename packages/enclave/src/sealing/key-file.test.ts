import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import { syncedDuring } from './folder.fixtures.ts'
import { openKeyFile } from './key-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-kek-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('it is made once, even by two at once, and only its owner can read it', async () => {
  const file = join(folder, 'made', 'by', 'us')
  const made = await Promise.all([1, 2, 3, 4].map(() => openKeyFile(file, systemRandom)))
  const again = await openKeyFile(file, systemRandom)
  expect(again).toMatchObject({ ok: true })
  for (const one of made) expect(one).toEqual(again)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'made'))).mode & 0o777).toBe(0o700)
  expect(await readFile(file, 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}\n$/)
})

test('neither its name nor a folder above it is gone when the power fails after it was made', async () => {
  const file = join(folder, 'made', 'by', 'key')
  const synced = await syncedDuring(() => openKeyFile(file, systemRandom))
  expect(synced).toEqual([join(folder, 'made'), folder, join(folder, 'made', 'by')])
})

test('a file that is no file, that belongs to another, or that is not there is refused', async () => {
  const file = join(folder, 'key')
  const refused = { ok: false, problem: { code: 'key-file-refused' } }
  expect(await openKeyFile(file, systemRandom, { make: false })).toMatchObject(refused)
  await expect(stat(file)).rejects.toThrow('ENOENT')
  await openKeyFile(file, systemRandom)
  expect(await openKeyFile(file, systemRandom, { make: false })).toMatchObject({ ok: true })
  expect(await openKeyFile(folder, systemRandom)).toMatchObject(refused)
  // Only root can give a file away.
  if (process.getuid?.() === 0) {
    await chown(file, 65_534, 65_534)
    expect(await openKeyFile(file, systemRandom)).toMatchObject(refused)
  }
})

test('a file that others can read, or that holds something else, is refused', async () => {
  const file = join(folder, 'key')
  await openKeyFile(file, systemRandom)
  for (const mode of [0o640, 0o604, 0o644]) {
    await chmod(file, mode)
    expect(await openKeyFile(file, systemRandom)).toMatchObject({
      ok: false,
      problem: { code: 'key-file-refused' },
    })
  }
  for (const content of ['', 'short', 'x'.repeat(2000), `${'A'.repeat(43)}!`]) {
    await writeFile(file, content)
    await chmod(file, 0o600)
    expect(await openKeyFile(file, systemRandom)).toMatchObject({
      ok: false,
      problem: { code: 'key-file-refused' },
    })
  }
})

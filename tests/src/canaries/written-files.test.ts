import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweepFiles } from './written-files.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealward-sweep-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a trace is found in any file that was written since, also across the pieces that a file is read in', () => {
  const canary = 'Zzyzxcanary'
  const write = (name: string, content: string | Buffer): string => {
    const file = join(folder, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
    return file
  }
  const sealed = write('sealed', 'nothing of anybody')
  const log = write('logs/platform.log', `{"who":"${Buffer.from(canary).toString('base64')}"}`)
  const large = Buffer.alloc(17 * 1024 * 1024)
  large.write(canary, 16 * 1024 * 1024 - 5)
  const table = write('postgres/base/1', large)
  const old = write('old', canary)
  utimesSync(old, new Date(0), new Date(0))
  const own = write('hospital/film.dcm', canary)

  const { files, bytes, findings } = sweepFiles({
    folder,
    since: Date.now() - 60_000,
    canaries: [canary],
    except: [join(own, '..')],
  })
  expect(files).toBe(3)
  expect(bytes).toBeGreaterThan(large.length)
  expect(new Set(findings.map(({ file }) => file))).toEqual(new Set([log, table]))
  expect(findings.every(({ file }) => file !== sealed)).toBe(true)
})

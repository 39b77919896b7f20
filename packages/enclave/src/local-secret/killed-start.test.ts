/** Starts that are killed between any two steps: what they leave opens. */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Machine, startOn } from './killed-start.fixtures.ts'

const program = fileURLToPath(new URL('killed-start.fixtures.ts', import.meta.url))
let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealward-killed-'))
  file = join(folder, 'kept', 'secret')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Starts that are killed before their first step, their second, and so on, until one comes to its end. */
async function killed(machine: Machine, each: (step: number) => Promise<void>): Promise<number> {
  for (let step = 1; step < 40; step += 1) {
    const child = spawn(process.execPath, [program, file, JSON.stringify(machine), String(step)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const signal = await new Promise((resolve) =>
      child.once('exit', (code, how) => resolve(how ?? code)),
    )
    if (signal === 0) return step - 1
    expect(signal).toBe('SIGKILL')
    await each(step)
  }
  throw new Error('no start came to its end')
}

/** Drafts that were left are removed once nobody can be writing them any more. */
async function expectTidied(machine: Machine): Promise<void> {
  for (const name of readdirSync(join(folder, 'kept'))) {
    if (name !== 'secret') utimesSync(join(folder, 'kept', name), 0, 0)
  }
  await startOn(file, machine)
  expect(readdirSync(join(folder, 'kept'))).toEqual(['secret'])
}

test('the sealing key becomes the secret, or stays what opens', async () => {
  const machine = { policy: 'mrsigner', isDirect: true } as const
  const before = await startOn(join(folder, 'other'), machine)
  expect(before).toMatch(/^[0-9a-f]{32}$/)
  const steps = await killed(machine, async () => {
    expect(await startOn(file, machine)).toBe(before)
    rmSync(file)
  })
  expect(steps).toBeGreaterThan(5)
  await expectTidied(machine)
  expect(await startOn(file, machine)).toBe(before)
}, 60_000)

test.each(['mrsigner', 'mrenclave'] as const)(
  'a secret that is sealed again after an update opens on the updated machine, under %s',
  async (policy) => {
    const before = await startOn(file, { policy })
    const machine = { policy, isUpdated: true }
    let isResealed = false
    const steps = await killed(machine, async () => {
      // Whichever of the two versions it is sealed for, the updated machine opens it, and the old one does or refuses.
      const onOld = await startOn(file, { policy })
      isResealed ||= onOld === 'local-secret-refused'
      expect([before, 'local-secret-refused']).toContain(onOld)
      if (!isResealed) expect(onOld).toBe(before)
    })
    expect(steps).toBeGreaterThan(3)
    expect(await startOn(file, machine)).toBe(before)
    await expectTidied(machine)
    expect(await startOn(file, { policy })).toBe('local-secret-refused')
  },
  60_000,
)

test('the sealing key that all versions of the code have becomes no secret of this very code', async () => {
  expect(await startOn(file, { policy: 'mrenclave', isDirect: true })).toBe('local-secret-missing')
  expect(existsSync(file)).toBe(false)
})

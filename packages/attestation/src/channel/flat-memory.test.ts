import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** `npm run nightly` says 2048. */
const mebibytes = Number(process.env['SEALWARD_STREAM_MEBIBYTES'] ?? 192)

test(`${mebibytes} MiB stream up and down through a heap of 48 MiB`, {
  timeout: 600_000,
}, async () => {
  const program = resolve(import.meta.dirname, 'flat-memory.fixtures.ts')
  const flags = ['--disable-warning=ExperimentalWarning', '--max-old-space-size=48']
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    program,
    String(mebibytes),
  ])
  const { length, grownMebibytes } = JSON.parse(stdout)
  process.stdout.write(`${mebibytes} MiB both ways took ${grownMebibytes} MiB\n`)
  expect(length).toBe(mebibytes * 1_048_576)
  expect(grownMebibytes).toBeLessThan(64)
})

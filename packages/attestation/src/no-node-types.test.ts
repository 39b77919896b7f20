import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const packageFolder = resolve(import.meta.dirname, '..')
const tsc = resolve(packageFolder, '../../node_modules/.bin/tsc')

test("the package's types need no Node", { timeout: 120_000 }, async () => {
  const flags = ['--noEmit', '--listFiles', '-p', join(packageFolder, 'tsconfig.json')]
  const output = await promisify(execFile)(process.execPath, [tsc, ...flags], {
    maxBuffer: 1 << 24,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout, message }: { stdout?: string; message: string }) => `${stdout}\nerror TS ${message}`,
  )
  const lines = output.trim().split('\n')
  const own = lines.filter((line) => line.includes('/packages/attestation/src/'))
  process.stdout.write(`${own.length} files compiled without Node's types\n`)
  expect(lines.filter((line) => line.includes('error TS'))).toEqual([])
  expect(lines.filter((line) => line.includes('/@types/node/'))).toEqual([])
  expect(own.length).toBeGreaterThan(80)
})

/** The process itself: what it does with pipes. */

import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

const bin = resolve(import.meta.dirname, '../bin/sealward.js')
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Through a shell: its pipes are the kind that people make, unlike those of `spawn`. */
function shell(script: string): ReturnType<typeof spawn> {
  return spawn('/bin/sh', ['-c', script], { env: { NODE: process.execPath, BIN: bin } })
}

async function ended(child: ReturnType<typeof spawn>): Promise<readonly [number, string, string]> {
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes')
  return Promise.all([
    new Promise<number>((done) => child.once('close', done)),
    text(child.stdout),
    text(child.stderr),
  ])
}

test('standard input that has nothing to read yet is waited for', async () => {
  const token = `${part({ alg: 'none' })}.${part({ iss: 'late' })}.`
  const child = spawn(process.execPath, [bin, 'token', 'inspect', '-', '--json'])
  const end = ended(child)
  await sleep(1500)
  child.stdin.end(token)
  const [code, out] = await end
  expect([code, JSON.parse(out).claims]).toEqual([0, { iss: 'late' }])
}, 20_000)

test('a pipe that another process fills late is waited for, too', async () => {
  const token = `${part({ alg: 'none' })}.${part({ iss: 'late' })}.`
  const [code, out, err] = await ended(
    shell(`(sleep 1.5; printf %s '${token}') | "$NODE" "$BIN" token inspect - --json`),
  )
  expect([code, err]).toEqual([0, ''])
  expect(JSON.parse(out).claims).toEqual({ iss: 'late' })
}, 20_000)

test('a reader that has read enough makes no error', async () => {
  const [code, , err] = await ended(shell(`{ "$NODE" "$BIN" --help; echo "code $?" >&2; } | true`))
  expect([code, err]).toEqual([0, 'code 0\n'])
}, 20_000)

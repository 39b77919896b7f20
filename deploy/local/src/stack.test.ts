import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startStack } from './stack.ts'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sealward-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

test.each([
  ['before there was a key broker', {}],
  ['by its simulated TEE', { custody: 'tee' }],
  ['under sealing keys that were made otherwise', { custody: 'key-broker' }],
])('state that was sealed %s is left alone, and said to be', async (_, files) => {
  const before = { 'sealward-home': '', deployment: 'urn:uuid:a', ...files }
  for (const [name, text] of Object.entries(before)) writeFileSync(join(home, name), text)
  await expect(
    startStack({
      home,
      port: 0,
      announce: () => Promise.reject(new Error('something was started')),
    }),
  ).rejects.toMatchObject({
    code: 'home-of-before',
    message: expect.stringMatching(/an earlier version of Sealward.* npm run reset/),
  })
  expect(readdirSync(home).sort()).toEqual([...Object.keys(before), 'origin'].sort())
})

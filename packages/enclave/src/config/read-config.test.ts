import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { configBytesMax, readConfig } from './read-config.ts'

const schema = z.strictObject({
  port: z.int().max(65535),
  peers: z.array(z.strictObject({ url: z.url() })).default([]),
})
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function read(content: string): ReturnType<typeof readConfig<z.infer<typeof schema>>> {
  const file = join(folder, 'config.json')
  await writeFile(file, content)
  return readConfig(schema, { env: { SEALWARD_CONFIG: file } })
}

test('a configuration is what the schema makes of it', async () => {
  expect(await read('{"port": 1}')).toEqual({ ok: true, value: { port: 1, peers: [] } })
})

test('a wrong value is named by its path, and not repeated', async () => {
  const result = await read('{"port": 1, "peers": [{"url": "hunter2"}]}')
  expect(result).toMatchObject({
    ok: false,
    problem: { code: 'config-malformed', at: 'peers[0].url' },
  })
  expect(JSON.stringify(result)).not.toContain('hunter2')
})

test('an unknown name is refused by name', async () => {
  const result = await read('{"port": 1, "prot": 2}')
  expect(result).toMatchObject({ ok: false, problem: { code: 'config-malformed' } })
  expect(JSON.stringify(result)).toContain('prot')
})

test('text that is not JSON is refused', async () => {
  expect(await read('{')).toMatchObject({ ok: false, problem: { code: 'config-malformed' } })
})

test('no variable, no file and a file that is too large are told from a wrong one', async () => {
  expect(await readConfig(schema, { env: {} })).toMatchObject({
    problem: { code: 'config-missing' },
  })
  expect(
    await readConfig(schema, { env: { SEALWARD_CONFIG: join(folder, 'none') } }),
  ).toMatchObject({ problem: { code: 'config-unreadable' } })
  expect(await read(' '.repeat(configBytesMax + 1))).toMatchObject({
    problem: { code: 'config-unreadable' },
  })
})

import { createHash } from 'node:crypto'
import { appendFile, chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measureTree } from './measure-tree.ts'

let base: string
let runtimePath: string
let count = 0

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sealward-measure-'))
  runtimePath = join(base, 'runtime')
  await writeFile(runtimePath, 'a program')
})
afterAll(() => rm(base, { recursive: true }))

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(base, `tree-${count++}`)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

const measured = async (folder: string): Promise<string> =>
  (await measureTree(folder, { runtimePath })).mrEnclave

test('the measurement is the hash that the specification spells out', async () => {
  const sha = (text: string): Buffer => createHash('sha256').update(text).digest()
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const expected = createHash('sha256')
    .update(field(Buffer.from('sealward simulated tee 1')))
    .update(field(Buffer.from('runtime')))
    .update(field(sha('a program')))
    .update(field(Buffer.from('file')))
    .update(field(Buffer.from('lib/b.wasm')))
    .update(field(sha('B')))
    .update(field(Buffer.from('file')))
    .update(field(Buffer.from('main.js')))
    .update(field(sha('A')))
    .digest('hex')
  const folder = await folderOf({ 'main.js': 'A', 'lib/b.wasm': 'B' })
  expect(await measureTree(folder, { runtimePath })).toEqual({
    mrEnclave: expected,
    runtime: sha('a program').toString('hex'),
    files: { 'lib/b.wasm': sha('B').toString('hex'), 'main.js': sha('A').toString('hex') },
  })
})

test('one byte changed, one file more, one file less or one file renamed changes the measurement', async () => {
  const files = { 'main.js': 'export {}\n', 'lib/a.js': '1' }
  const before = await measured(await folderOf(files))
  const changed = await folderOf({ ...files, 'lib/a.js': '2' })
  const more = await folderOf({ ...files, 'lib/b.js': '' })
  const less = await folderOf({ 'main.js': files['main.js'] })
  const renamed = await folderOf(files)
  await rename(join(renamed, 'lib/a.js'), join(renamed, 'lib/c.js'))
  const all = [before, ...(await Promise.all([changed, more, less, renamed].map(measured)))]
  expect(new Set(all).size).toBe(5)
})

test('content cannot move between a name and its file', async () => {
  const one = await measured(await folderOf({ ab: 'c' }))
  const other = await measured(await folderOf({ a: 'bc' }))
  expect(one).not.toBe(other)
})

test('mode and times do not count', async () => {
  const folder = await folderOf({ 'main.js': 'x' })
  const before = await measured(folder)
  await chmod(join(folder, 'main.js'), 0o755)
  expect(await measured(folder)).toBe(before)
})

test('the program that runs the files counts, and is hashed again when it has changed', async () => {
  const folder = await folderOf({ 'main.js': 'x' })
  const program = join(base, 'other-runtime')
  await writeFile(program, 'program')
  const before = await measureTree(folder, { runtimePath: program })
  await appendFile(program, '!')
  const after = await measureTree(folder, { runtimePath: program })
  expect(after.runtime).not.toBe(before.runtime)
  expect(after.mrEnclave).not.toBe(before.mrEnclave)
})

test('a symbolic link is refused', async () => {
  const folder = await folderOf({ 'main.js': 'x' })
  await symlink('main.js', join(folder, 'link.js'))
  await expect(measured(folder)).rejects.toMatchObject({ code: 'not-a-file' })
})

test('a folder without files is refused', async () => {
  const folder = join(base, 'empty')
  await mkdir(join(folder, 'nothing'), { recursive: true })
  await expect(measured(folder)).rejects.toMatchObject({ code: 'nothing-to-measure' })
})

test.runIf(process.platform === 'linux')('a name that is not UTF-8 is refused', async () => {
  const folder = await folderOf({ 'main.js': 'x' })
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff)]), 'x')
  await expect(measured(folder)).rejects.toMatchObject({ code: 'path-not-utf8' })
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { found } from './canaries/traces.ts'
import { type CliResult, runCli } from './cli-fixture.ts'
import { projectRoot } from './sources.ts'
import { sharedFolder, startTestStack, type TestStack } from './stack-fixture.ts'

const films = join(projectRoot, 'models', 'synthetic-films')
let on: TestStack
let folder: string

beforeAll(async () => {
  // Without Redis, so that the attested hop is walked to the gateway's own store as well.
  on = await startTestStack({ withoutRedis: true })
  folder = mkdtempSync(join(tmpdir(), 'sealward-cli-'))
})
afterAll(async () => {
  await on?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const sealward = (...parameters: readonly string[]): Promise<CliResult> =>
  runCli([...parameters], { SEALWARD_HOME: on.stack.home })

const diagnose = (file: string): Promise<CliResult> =>
  sealward('diagnose', file, '--json', '--stack', on.stack.url, '--receipt-dir', folder)

test('a film is interpreted, and its receipt holds offline', async () => {
  const done = await diagnose(join(films, 'synthetic-1.dcm'))
  expect(done.stderr).not.toContain('Error')
  expect(done.code).toBe(0)
  const result = JSON.parse(done.stdout)
  expect(result.probability).toBeCloseTo(1 / (1 + Math.exp(-result.logit)), 4)
  const cells: number[] = result.evidenceMap.flat()
  expect(cells).toHaveLength(64)
  expect(cells.reduce((sum, cell) => sum + cell, 0) / 64).toBeCloseTo(result.logit, 3)
  expect(result.model.sha256).toBe(on.stack.agreement.model.sha256)
  expect(result.verdict).toMatchObject({
    kind: 'affirming',
    simulated: true,
    tcbStatus: 'UpToDate',
  })

  const root = join(on.stack.home, 'root.pem')
  const held = await sealward('receipt', 'verify', result.receiptPath, '--root', root, '--json')
  expect(held.code).toBe(0)

  const receipt = JSON.parse(readFileSync(result.receiptPath, 'utf8'))
  const changed = join(folder, 'changed.json')
  const at = Math.floor(receipt.payload.length / 2)
  const other = receipt.payload[at] === 'A' ? 'B' : 'A'
  const payload = receipt.payload.slice(0, at) + other + receipt.payload.slice(at + 1)
  writeFileSync(changed, JSON.stringify({ ...receipt, payload }))
  expect((await sealward('receipt', 'verify', changed, '--root', root)).code).toBe(1)
})

test('a folder becomes one row for each film', async () => {
  const table = join(folder, 'films.csv')
  const done = await sealward(
    'diagnose',
    films,
    '--csv',
    table,
    '--stack',
    on.stack.url,
    '--receipt-dir',
    folder,
  )
  expect(done.code).toBe(0)
  const rows = readFileSync(table, 'utf8').trim().split('\n')
  expect(rows.length).toBeGreaterThanOrEqual(5)
  const column = rows[0]?.split(',').indexOf('probability') ?? -1
  const values = rows.slice(1).map((row) => Number(row.split(',')[column]))
  expect(Math.min(...values)).toBeLessThan(0.5)
  expect(Math.max(...values)).toBeGreaterThan(0.5)
})

test('each lossless encoding of one film gives the same probability within 1e-4', async (context) => {
  const encodings = sharedFolder('imaging', 'dicom', 'cxr-encodings-a')
  if (encodings === undefined) {
    process.stdout.write('encodings: skipped, the optional test data is absent\n')
    return context.skip()
  }
  const lossless = [
    'ivle',
    'evle',
    'evbe',
    'deflated',
    'rle',
    'jpegls',
    'j2k-lossless',
    'jpegll-sv1',
    'jpegll-p14-sv6',
    'mono1',
    'rgb',
    'palette',
  ]
  const probabilities: number[] = []
  for (const name of lossless) {
    const done = await diagnose(join(encodings, `${name}.dcm`))
    expect(done.code, name).toBe(0)
    probabilities.push(JSON.parse(done.stdout).probability)
  }
  process.stdout.write(`encodings: ${probabilities.length} films interpreted\n`)
  expect(Math.max(...probabilities) - Math.min(...probabilities)).toBeLessThan(1e-4)
})

test('bad input ends with 2, and says what was expected', async () => {
  const text = join(folder, 'notes.txt')
  writeFileSync(text, 'not a film')
  expect((await diagnose(text)).code).toBe(2)
  expect((await diagnose(join(folder, 'absent.dcm'))).code).toBe(2)
  expect((await sealward('diagnose')).code).toBe(2)
})

test('a picture that is not a chest radiograph ends with 2', async () => {
  // A valid grey PNG of one even tone, 256 x 256, as any drawing program writes it.
  const white = join(projectRoot, 'tests', 'fixtures', 'even-grey.png')
  const done = await diagnose(white)
  expect(done.output).toContain('not-a-chest-radiograph')
  expect(done.code).toBe(2)
})

test('a stack that does not answer ends with 3', async () => {
  const credentials = join(on.stack.home, 'cli.json')
  const film = join(films, 'synthetic-1.dcm')
  const done = await sealward(
    'diagnose',
    film,
    '--stack',
    'http://localhost:1',
    '--credentials',
    credentials,
  )
  expect(done.code).toBe(3)
})

test('an observer at the socket sees no trace of the person in the film', async () => {
  on.recorder.clear()
  const film = join(films, 'synthetic-2.dcm')
  const { port } = on.recorder
  const parameters = [
    'diagnose',
    film,
    '--json',
    '--stack',
    `http://localhost:${port}`,
    '--receipt-dir',
    folder,
  ]
  expect((await sealward(...parameters)).code).toBe(0)
  expect(readFileSync(film).includes('Synthetic^')).toBe(true)
  expect(on.recorder.sent().length).toBeGreaterThan(100_000)
  expect(found(on.recorder.sent(), 'Synthetic^')).toEqual([])
  expect(found(on.recorder.received(), 'Synthetic^')).toEqual([])
})

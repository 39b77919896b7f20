import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { afterAll, expect, test } from 'vitest'
import { imagingCopies, imagingWorkerEntry } from './build.ts'
import { defaultImagingLimits } from './limits.ts'
import { createImagingWorkerPool, decodeInWorker, examineInWorker } from './pool.ts'
import { readFilm } from './read-film.ts'
import { areaAverage } from './scale.ts'
import { film, jpeg2000Of, jpegLsOf, jpegOf } from './testing/films.ts'
import { transferSyntaxUid } from './transfer-syntax.ts'

const folder = mkdtempSync(join(tmpdir(), 'imaging-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a film read in a worker is the film read here', async () => {
  const here = await readFilm(film())
  expect(await decodeInWorker(film(), defaultImagingLimits)).toEqual(here)
})

test('a worker refuses as it is refused here', async () => {
  const cut = film().subarray(0, 900)
  expect(await decodeInWorker(cut, defaultImagingLimits)).toEqual(await readFilm(cut))
})

test('an examination has all that a platform needs', async () => {
  const outcome = await examineInWorker(film(), defaultImagingLimits, { renderLongestSideMax: 32 })
  const here = await readFilm(film())
  if (!outcome.ok || !here.ok) throw new Error('not read')
  const { film: facts, gate, reduced, rendered, identity, removed } = outcome.value
  expect(facts).toMatchObject({ modality: 'DX', warnings: [] })
  expect(facts).not.toHaveProperty('grey')
  expect(gate).toMatchObject({ ok: false, problem: { code: 'too-small' } })
  expect(reduced).toEqual(areaAverage(here.value, 64, 64))
  expect(rendered?.subarray(1, 4)).toEqual(Uint8Array.from(Buffer.from('PNG')))
  expect(identity).toMatchObject({ family: 'Synthetic' })
  expect(removed).toContain('PatientName')
})

test('a picture has no identity', async () => {
  const outcome = await examineInWorker(await jpegOf(), defaultImagingLimits, { reducedSide: 8 })
  expect(outcome).toMatchObject({ ok: true, value: { identity: undefined, removed: [] } })
  if (outcome.ok) expect(outcome.value.reduced).toHaveLength(64)
})

test('a worker that takes too long is ended', async () => {
  const workerUrl = programOf('for (;;) {}')
  const limits = { ...defaultImagingLimits, wallMillisecondsMax: 100 }
  const started = performance.now()
  expect(await decodeInWorker(film(), limits, { workerUrl })).toMatchObject({
    problem: { code: 'timed-out' },
  })
  expect(performance.now() - started).toBeLessThan(5_000)
})

test('a worker that takes too much memory is ended', async () => {
  const workerUrl = programOf(
    'const all = []; for (;;) all.push(new Array(100_000).fill({}).map(() => ({})))',
  )
  const limits = { ...defaultImagingLimits, workerHeapMegabytesMax: 24 }
  expect(await decodeInWorker(film(), limits, { workerUrl })).toMatchObject({
    problem: { code: 'out-of-memory' },
  })
})

test('a worker that breaks is an error of the program, not of the film', async () => {
  const workerUrl = programOf('throw new TypeError("broken")')
  await expect(decodeInWorker(film(), defaultImagingLimits, { workerUrl })).rejects.toThrow(
    'broken',
  )
  const leaving = programOf('process.exit(0)')
  await expect(
    decodeInWorker(film(), defaultImagingLimits, { workerUrl: leaving }),
  ).rejects.toThrow('without an answer')
})

test('reading stops when it is told to', async () => {
  const workerUrl = programOf('for (;;) {}')
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 50)
  const answer = decodeInWorker(film(), defaultImagingLimits, { workerUrl, signal: stop.signal })
  expect(await answer).toMatchObject({ problem: { code: 'cancelled' } })
  expect(
    await decodeInWorker(film(), defaultImagingLimits, { signal: AbortSignal.abort() }),
  ).toMatchObject({ problem: { code: 'cancelled' } })
})

test('a pool reads many films and refuses what it has no room for', async () => {
  const pool = createImagingWorkerPool({ workers: 1, waitingMax: 2 })
  const stop = new AbortController()
  const answers = [
    pool.readFilm(film()),
    pool.readFilm(film()),
    pool.readFilm(film(), { signal: stop.signal }),
    pool.readFilm(film()),
  ]
  setTimeout(() => stop.abort(), 1)
  const codes = (await Promise.all(answers)).map((answer) =>
    answer.ok ? 'read' : answer.problem.code,
  )
  expect(codes).toEqual(['read', 'read', 'cancelled', 'busy'])
  expect((await pool.examine(film())).ok).toBe(true)
  await pool.close()
  expect(await pool.readFilm(film())).toMatchObject({ problem: { code: 'cancelled' } })
})

test('closing a pool ends what runs and what waits', async () => {
  const pool = createImagingWorkerPool({ workers: 1, workerUrl: programOf('for (;;) {}') })
  const answers = [pool.readFilm(film()), pool.readFilm(film())]
  await new Promise((resolve) => setTimeout(resolve, 50))
  await pool.close()
  for (const answer of await Promise.all(answers)) {
    expect(answer).toMatchObject({ problem: { code: 'cancelled' } })
  }
})

test('it works when it is bundled into a service, with every codec, away from node_modules', async () => {
  const entry = join(folder, 'main.ts')
  const films = {
    jpeg: film({ PixelData: [await jpegOf()] }, transferSyntaxUid.jpegBaseline),
    'jpeg-ls': film({ PixelData: [await jpegLsOf()] }, transferSyntaxUid.jpegLs),
    'jpeg-2000': film({ PixelData: [await jpeg2000Of()] }, transferSyntaxUid.jpeg2000),
  }
  for (const [name, bytes] of Object.entries(films))
    writeFileSync(join(folder, `${name}.dcm`), bytes)
  const source = fileURLToPath(new URL('./index.ts', import.meta.url))
  writeFileSync(
    entry,
    `import { readFileSync } from 'node:fs'
     import { decodeInWorker, defaultImagingLimits } from ${JSON.stringify(source)}
     for (const file of process.argv.slice(2)) {
       const film = await decodeInWorker(new Uint8Array(readFileSync(file)), defaultImagingLimits)
       console.log(film.ok ? film.value.encoding : film.problem.code)
     }`,
  )
  const dist = join(folder, 'dist')
  const bundle = await rolldown({
    input: { main: entry, [imagingWorkerEntry.name]: imagingWorkerEntry.source },
    platform: 'node',
    external: [/^node:/],
    logLevel: 'silent',
  })
  await bundle.write({ dir: dist, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  mkdirSync(join(dist, 'codecs'), { recursive: true })
  for (const { from, to } of imagingCopies) await cp(from, join(dist, to))
  writeFileSync(join(dist, 'package.json'), '{"type":"module"}')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    join(dist, 'main.js'),
    ...Object.keys(films).map((name) => join(folder, `${name}.dcm`)),
  ])
  expect(stdout.trim().split('\n')).toEqual(['JPEG baseline', 'JPEG-LS lossless', 'JPEG 2000'])
  expect(stderr).toBe('')
})

/** A worker's program that does something else than reading films. */
function programOf(source: string): URL {
  const name = `worker-${Buffer.from(source).toString('hex').slice(0, 40)}.mjs`
  const file = join(folder, name)
  writeFileSync(file, source)
  return new URL(`file://${file}`)
}

import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bytes, bytesOf, concat } from '@sealward/attestation/bytes'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemFiles } from './device-files.ts'
import { systemError } from './fake-tsm.fixtures.ts'
import { createGramineSource } from './gramine.ts'
import { driverLimits } from './limits.ts'
import { hasVectors, vector } from './vectors.fixtures.ts'

let folder: string
let stop: () => Promise<void>
const reportData = bytesOf(64, new Uint8Array(64).fill(7)) as Bytes<64>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-gramine-'))
  stop = async () => {}
  await mkdir(join(folder, 'keys'))
  await writeFile(join(folder, 'attestation_type'), 'dcap')
  await writeFile(join(folder, 'user_report_data'), new Uint8Array(64))
  await writeFile(join(folder, 'keys', '_sgx_mrenclave'), new Uint8Array(16).fill(1))
  await writeFile(join(folder, 'keys', '_sgx_mrsigner'), new Uint8Array(16).fill(2))
})
afterEach(async () => {
  await stop()
  await rm(folder, { recursive: true })
})

function quoteOver(over: Uint8Array): Uint8Array {
  const quote = new Uint8Array(4600)
  quote[0] = 3
  quote.set(over.subarray(0, 64), 368)
  return quote
}

/** Gramine's side: whoever opens the quote gets one over what `user_report_data` holds at that time. */
async function serve(quote: (over: Uint8Array) => Uint8Array = quoteOver): Promise<void> {
  const path = join(folder, 'quote')
  execFileSync('mkfifo', [path])
  let serving = true
  const served = (async () => {
    while (serving) {
      // Opens when somebody opens for reading.
      const pipe = await open(path, 'w')
      if (serving) {
        const bytes = quote(new Uint8Array(await readFile(join(folder, 'user_report_data'))))
        await pipe.writeFile(bytes).catch(() => {})
      }
      await pipe.close()
      // Until the reader has seen the end, an open for writing would join it.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  stop = async () => {
    serving = false
    // Both ends at once: that never waits, and lets go whoever does.
    const last = await open(path, 'r+')
    await served
    await last.close()
  }
}

test('an enclave gets a quote over its report data', async () => {
  await serve()
  expect(await createGramineSource({ folder }).evidence(reportData)).toEqual({
    ok: true,
    value: { kind: 'sgx', quote: quoteOver(reportData) },
  })
})

test('two requests at once do not mix: the pseudo-files are one per process', async () => {
  await serve()
  const source = createGramineSource({ folder })
  const other = bytesOf(64, new Uint8Array(64).fill(8)) as Bytes<64>
  const answers = await Promise.all([source.evidence(reportData), source.evidence(other)])
  expect(answers).toEqual([
    { ok: true, value: { kind: 'sgx', quote: quoteOver(reportData) } },
    { ok: true, value: { kind: 'sgx', quote: quoteOver(other) } },
  ])
})

test('a quote over other report data is refused', async () => {
  await serve(() => quoteOver(new Uint8Array(64)))
  expect(await createGramineSource({ folder }).evidence(reportData)).toMatchObject({
    problem: { code: 'evidence-stale' },
  })
})

test.each(['none', 'epid'])('the attestation type %s is refused', async (type) => {
  await writeFile(join(folder, 'attestation_type'), type)
  expect(await createGramineSource({ folder }).evidence(reportData)).toMatchObject({
    problem: { code: 'attestation-type-unsupported' },
  })
})

test('an attestation type that is no line of text is malformed', async () => {
  await writeFile(join(folder, 'attestation_type'), 'dcap\ndcap')
  expect(await createGramineSource({ folder }).evidence(reportData)).toMatchObject({
    problem: { code: 'evidence-malformed' },
  })
})

test('outside Gramine there is no device; with no quote file there is none either', async () => {
  expect(
    await createGramineSource({ folder: join(folder, 'nowhere') }).evidence(reportData),
  ).toMatchObject({ problem: { code: 'device-missing', at: 'attestation_type' } })
  expect(await createGramineSource({ folder }).evidence(reportData)).toMatchObject({
    problem: { code: 'device-missing', at: 'quote' },
  })
})

test('a quote on either side of its limits', async () => {
  const path = join(folder, 'quote')
  const of = async (length: number) => {
    await writeFile(path, concat(quoteOver(reportData), new Uint8Array(8192)).slice(0, length))
    return createGramineSource({ folder }).evidence(reportData)
  }
  expect(await of(driverLimits.quoteBytesMin - 1)).toMatchObject({
    problem: { code: 'read-short' },
  })
  expect(await of(driverLimits.quoteBytesMin)).toMatchObject({ ok: true })
  expect(await of(driverLimits.quoteBytesMax)).toMatchObject({ ok: true })
  expect(await of(driverLimits.quoteBytesMax + 1)).toMatchObject({
    problem: { code: 'read-oversize' },
  })
})

test('report data that is taken in part is refused before a quote is read', async () => {
  const files = {
    ...systemFiles,
    open: async (path: string, mode: 'read' | 'write' | 'read-write') => ({
      ...(await systemFiles.open(path, mode)),
      ...(mode === 'write' ? { write: async () => 32 } : {}),
    }),
  }
  expect(await createGramineSource({ folder, files }).evidence(reportData)).toMatchObject({
    problem: { code: 'write-short', at: 'user_report_data' },
  })
})

test('EACCES is a failed quoting enclave at the quote, and a matter of permissions elsewhere', async () => {
  const refusing = (name: string) => ({
    ...systemFiles,
    open: async (path: string, mode: 'read' | 'write' | 'read-write') => {
      if (path.endsWith(name)) throw systemError('EACCES')
      return systemFiles.open(path, mode)
    },
  })
  expect(
    await createGramineSource({ folder, files: refusing('quote') }).evidence(reportData),
  ).toMatchObject({ problem: { code: 'device-failed', at: 'quote' } })
  expect(
    await createGramineSource({ folder, files: refusing('user_report_data') }).evidence(reportData),
  ).toMatchObject({ problem: { code: 'device-not-permitted' } })
})

test('sealing keys are 16 bytes, and of the policy that was asked for', async () => {
  const source = createGramineSource({ folder })
  expect(await source.sealingKey('mrenclave')).toEqual({
    ok: true,
    value: new Uint8Array(16).fill(1),
  })
  expect(await source.sealingKey('mrsigner')).toEqual({
    ok: true,
    value: new Uint8Array(16).fill(2),
  })
  await chmod(join(folder, 'keys', '_sgx_mrsigner'), 0o600)
  await writeFile(join(folder, 'keys', '_sgx_mrsigner'), '')
  expect(await source.sealingKey('mrsigner')).toMatchObject({ problem: { code: 'read-short' } })
})

test.runIf(hasVectors)('captured: a quote of a real enclave passes through unchanged', async () => {
  const quote = vector('sgx/teepot-debug-enclave/quote.bin')
  await serve(() => quote)
  const over = bytesOf(64, quote.slice(368, 432)) as Bytes<64>
  expect(await createGramineSource({ folder }).evidence(over)).toEqual({
    ok: true,
    value: { kind: 'sgx', quote },
  })
})

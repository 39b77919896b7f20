import { spawn } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { base64UrlOf } from '@sealward/attestation/bytes'
import { encodeInitTimeData, parseEvidenceDocument } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { verifyBindings, verifySgxEvidence } from '@sealward/attestation/verification'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../effects/index.ts'
import { bundleWorkload } from '../../testing/bundle.ts'
import { sampleInitTimeData } from '../../testing/sample.ts'
import { type LaunchOptions, launch, type SimulatedEnclave } from './launch.ts'
import { measureTree } from './measure-tree.ts'
import { type SamplePcs, startSamplePcs } from './sample-pcs.ts'

const initTimeData = encodeInitTimeData(sampleInitTimeData())
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signerPublicKey = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
const running: SimulatedEnclave[] = []
let folder: string
let state: string
let vendor: SampleVendor
let pcs: SamplePcs

beforeAll(async () => {
  folder = await bundleWorkload('workload')
  await writeFile(join(folder, '..', 'outside.mjs'), 'export {}\n')
  state = await mkdtemp(join(tmpdir(), 'sealward-state-'))
  await writeFile(join(state, 'throw.json'), '{"greeting": "throw"}')
  vendor = await createSampleVendor({ at: systemClock.now() })
  pcs = await startSamplePcs({ vendor, clock: systemClock })
  const config = { greeting: 'hello', pcsUrl: pcs.url }
  await writeFile(join(state, 'config.json'), JSON.stringify(config))
})
afterAll(async () => {
  await Promise.all(running.map((enclave) => enclave.stop(1)))
  await pcs.close()
  await rm(dirname(folder), { recursive: true })
  await rm(state, { recursive: true })
})

async function start(changes: Partial<LaunchOptions> = {}): Promise<SimulatedEnclave> {
  const enclave = await launch({
    name: 'workload',
    folder,
    isvProdId: 7,
    isvSvn: 2,
    signerPublicKey,
    vendor,
    initTimeData,
    stateFolder: join(state, 'host'),
    env: { SEALWARD_CONFIG: join(state, 'config.json') },
    ...changes,
  })
  running.push(enclave)
  return enclave
}

async function ask(enclave: SimulatedEnclave, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${enclave.ports['http']}${path}`, {
    signal: AbortSignal.timeout(5000),
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
  })
  return response.json()
}

test('a workload is measured, started, quoted, confined and stopped', async () => {
  const lines: string[] = []
  const enclave = await start({ onLog: (line) => lines.push(line) })
  expect(enclave.mrEnclave).toBe((await measureTree(folder)).mrEnclave)
  expect(enclave.mrSigner).toBe(createHash('sha256').update(signerPublicKey).digest('hex'))

  // It knows itself by its own quote.
  const configId = createHash('sha256').update(initTimeData).digest('hex') + '0'.repeat(64)
  expect(await ask(enclave, '/self')).toEqual({
    mrEnclave: enclave.mrEnclave,
    mrSigner: enclave.mrSigner,
    isvProdId: 7,
    isvSvn: 2,
    configId,
    debug: false,
    cpuSvn: Buffer.from(sampleCpuSvn).toString('hex'),
    greeting: 'hello',
  })

  // Its evidence verifies by the procedure for silicon; only the root differs.
  const nonce = base64UrlOf(new Uint8Array(32).fill(5))
  const document = parseEvidenceDocument(await ask(enclave, '/evidence', { nonce }))
  if (!document.ok) throw new Error(document.problem.code)
  const evidence = await verifySgxEvidence({
    quote: document.value.quote,
    endorsements: document.value.endorsements,
    roots: [vendor.rootSpkiSha256],
    at: systemClock.now(),
  })
  if (!evidence.ok) throw new Error(evidence.problem.code)
  expect(evidence.value).toMatchObject({
    mrEnclave: enclave.mrEnclave,
    mrSigner: enclave.mrSigner,
    configId,
    debug: false,
    tcbStatus: 'UpToDate',
  })
  expect(await verifyBindings(evidence.value, document.value)).toMatchObject({
    ok: true,
    value: { runtimeData: { nonce }, initTimeData: sampleInitTimeData() },
  })

  // What was not measured is closed to it.
  expect(await ask(enclave, '/read')).toEqual({ outcome: 'ERR_ACCESS_DENIED' })
  expect(await ask(enclave, '/import-file')).toEqual({ outcome: 'ERR_ACCESS_DENIED' })
  await ask(enclave, '/debug')
  expect(await ask(enclave, '/self')).toMatchObject({ greeting: 'hello' })

  expect(await enclave.stop()).toEqual({ code: 0, signal: null })
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(
    expect.arrayContaining(['ready', 'request', 'stopping', 'stopped']),
  )
  expect(lines.join('\n')).not.toContain('Debugger')
})

test('one byte changed in the folder changes MRENCLAVE of the next launch', async () => {
  const tampered = await mkdtemp(join(tmpdir(), 'sealward-tampered-'))
  await cp(folder, tampered, { recursive: true })
  const honest = await start()
  await appendFile(join(tampered, 'main.js'), ' ')
  const other = await start({ folder: tampered })
  expect(await ask(other, '/self')).toMatchObject({ mrEnclave: other.mrEnclave })
  expect(other.mrEnclave).not.toBe(honest.mrEnclave)

  // Another code by the same publisher: one sealing key in common, one of its own.
  const keys = (await ask(honest, '/keys')) as Record<string, string>
  const otherKeys = (await ask(other, '/keys')) as Record<string, string>
  expect(otherKeys['mrsigner']).toBe(keys['mrsigner'])
  expect(otherKeys['mrenclave']).not.toBe(keys['mrenclave'])
  await rm(tampered, { recursive: true })
})

test('sealing keys outlive the process, and are others for debug, for another product, on another host', async () => {
  const keysOf = async (changes: Partial<LaunchOptions>): Promise<unknown> => {
    const enclave = await start(changes)
    const keys = await ask(enclave, '/keys')
    await enclave.stop()
    return keys
  }
  const before = await keysOf({})
  expect(await keysOf({})).toEqual(before)
  expect(await keysOf({ debug: true })).not.toEqual(before)
  expect(await keysOf({ isvProdId: 8 })).not.toEqual(before)
  expect(await keysOf({ stateFolder: join(state, 'other-host') })).not.toEqual(before)
})

test('an update of the processor gives other sealing keys, and those of before to whom its host gives them', async () => {
  const updated = sampleCpuSvn.map((svn, index) => (index === 0 ? svn + 1 : svn))
  const before = Buffer.from(sampleCpuSvn).toString('hex')
  const keysOf = async (changes: Partial<LaunchOptions>): Promise<Record<string, string>> => {
    const enclave = await start(changes)
    const keys = await ask(enclave, `/keys?cpuSvn=${before}`)
    await enclave.stop()
    return keys as Record<string, string>
  }
  const then = await keysOf({})
  const now = await keysOf({ cpuSvn: updated })
  expect(now['mrsigner']).not.toBe(then['mrsigner'])
  expect(now['older']).toBe('none')
  const processor = await keysOf({ cpuSvn: updated, olderSealingKeys: true })
  expect(processor['mrsigner']).toBe(now['mrsigner'])
  expect(processor['older']).toBe(then['mrsigner'])
})

test('a raised version of the code gives other sealing keys, and lower code is given none of higher code', async () => {
  const cpuSvn = Buffer.from(sampleCpuSvn).toString('hex')
  const keysOf = async (changes: Partial<LaunchOptions>, asked: number) => {
    const enclave = await start(changes)
    const keys = await ask(enclave, `/keys?cpuSvn=${cpuSvn}&isvSvn=${asked}`)
    await enclave.stop()
    return keys as Record<string, string>
  }
  const then = await keysOf({ olderSealingKeys: true }, 3)
  expect(then['older']).toBe('none')
  const now = await keysOf({ isvSvn: 3 }, 2)
  expect(now['mrsigner']).not.toBe(then['mrsigner'])
  expect(now['mrenclave']).not.toBe(then['mrenclave'])
  expect(now['older']).toBe('none')
  const processor = await keysOf({ isvSvn: 3, olderSealingKeys: true }, 2)
  expect(processor).toEqual({ ...now, older: then['mrsigner'] })
  // Each component counts: the machine is older here than what is asked for.
  const older = sampleCpuSvn.map((svn, index) => (index === 0 ? svn - 1 : svn))
  expect(await keysOf({ isvSvn: 3, cpuSvn: older, olderSealingKeys: true }, 2)).toMatchObject({
    older: 'none',
  })
})

test('a workload that throws when it starts ends early, and its message is not in the log', async () => {
  const lines: string[] = []
  await expect(
    start({
      env: { SEALWARD_CONFIG: join(state, 'throw.json') },
      onLog: (line) => lines.push(line),
    }),
  ).rejects.toMatchObject({ code: 'ended-early' })
  expect(lines.join('\n')).toContain('"errorName":"TypeError"')
  expect(lines.join('\n')).not.toContain('CANARY')
})

test('a workload that nobody catches ends with 1, and the message is not in the log', async () => {
  const lines: string[] = []
  const enclave = await start({ onLog: (line) => lines.push(line) })
  await ask(enclave, '/uncaught')
  expect(await enclave.exited).toEqual({ code: 1, signal: null })
  expect(lines.join('\n')).not.toContain('CANARY')
})

test('a workload without a configuration says so in a sentence', async () => {
  const lines: string[] = []
  await expect(start({ env: {}, onLog: (line) => lines.push(line) })).rejects.toMatchObject({
    code: 'ended-early',
    message: expect.stringMatching(
      /^workload ended before it was ready \(code 1\): Set SEALWARD_CONFIG/,
    ),
  })
  expect(lines.join('\n')).toContain('Set SEALWARD_CONFIG')
})

test('init-time data of production is refused by the workload', async () => {
  const lines: string[] = []
  await expect(
    start({
      initTimeData: encodeInitTimeData(sampleInitTimeData({ development: false })),
      onLog: (line) => lines.push(line),
    }),
  ).rejects.toMatchObject({ code: 'ended-early' })
  expect(lines.join('\n')).toContain('"code":"not-development"')
})

test('names that would change what is loaded are refused', async () => {
  for (const name of ['NODE_OPTIONS', 'LD_PRELOAD', 'NODE_EXTRA_CA_CERTS', 'OPENSSL_CONF']) {
    await expect(start({ env: { [name]: 'x' } })).rejects.toMatchObject({
      code: 'environment-refused',
    })
  }
})

test('a workload does not outlive its host', async () => {
  const host = spawn(process.execPath, [
    fileURLToPath(new URL('../../testing/host.ts', import.meta.url)),
    folder,
    state,
  ])
  const pid = await new Promise<number>((resolve, reject) => {
    host.stdout.once('data', (chunk) => resolve(Number(chunk)))
    host.once('exit', () => reject(new Error('the host ended')))
  })
  expect(isAlive(pid)).toBe(true)
  host.kill('SIGKILL')
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { createSampleVendor } from '@sealward/attestation/sample'
import {
  amdRootSpkis,
  intelSgxRootSpki,
  type SnpVerificationInput,
  verifyDcapEvidence,
  verifySnpEvidence,
} from '@sealward/attestation/verification'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleVerifier } from '../../bench/src/bundle-verifier.ts'
import { chromium as chromiumProgram } from '../../deploy/local/bootstrap/test-programs.mjs'
import { amdWorld } from '../../packages/attestation/src/verification/amd-world.fixtures.ts'

/** Evidence as a page is told of it: bytes are lists, and how it is verified is named. */
interface Task {
  readonly name: 'verifyDcapEvidence' | 'verifySnpEvidence'
  readonly input: Readonly<Record<string, unknown>>
  readonly bytes: Readonly<Record<string, readonly number[]>>
  readonly certificates: readonly (readonly number[])[]
  readonly crls: readonly (readonly number[])[]
}

/** What has to be the same wherever it is computed: JSON of every field, or the code of a refusal. */
interface Said {
  readonly ok: boolean
  readonly text: string
}

const vectors = join(
  process.env['SEALWARD_SHARED'] ?? resolve(import.meta.dirname, '../../../shared'),
  'vectors',
)
const hasVectors = existsSync(vectors)
if (!hasVectors) process.stdout.write('No captured evidence: the browser verifies a sample only.\n')

let server: Server
let browser: Browser
let page: Page

beforeAll(async () => {
  const { code } = await bundleVerifier()
  const worker = `import * as verifier from '/verifier.js'
self.onmessage = async ({ data }) => self.postMessage(await (${inPage.toString()})(data, verifier))`
  server = createServer((request, response) => {
    const script = { '/verifier.js': code, '/worker.js': worker }[request.url ?? '']
    response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html' })
    response.end(script ?? '<!doctype html><title>verifier</title>')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const executablePath = chromiumProgram()
  if (executablePath === undefined) throw new Error('no Chromium: npm test installs one')
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  browser = await chromium.launch({ executablePath, args: [...args, '--disable-quic'] })
  page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
afterAll(async () => {
  await browser?.close()
  server?.close()
})

test('a page and a worker of it say the same as Node, of a sample enclave', async () => {
  const at = 1_795_392_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32).fill(7),
    mrSigner: new Uint8Array(32).fill(8),
    isvProdId: 1,
    isvSvn: 2,
    debug: false,
    reportData: new Uint8Array(64),
  })
  const endorsements = await vendor.endorsements({ at, lifetimeSeconds: 3600 })
  await everywhere(dcapTask(quote, { endorsements, roots: [vendor.rootSpkiSha256], at }), true)
  const changed = quote.map((byte, index) => (index === 200 ? byte ^ 1 : byte))
  await everywhere(dcapTask(changed, { endorsements, roots: [vendor.rootSpkiSha256], at }), false)
})

test('they say the same of a sample guest', async () => {
  const { input, task } = await sampleGuest()
  await everywhere(task, true)
  const changed = input.report.map((byte, index) => (index === 0x90 ? byte ^ 1 : byte))
  await everywhere({ ...task, bytes: { report: [...changed] } }, false)
})

test.runIf(hasVectors).each(['sgx/automata-v3-2025-08', 'tdx/openenclave-v5-eval21'])(
  'they say the same of %s',
  async (name) => {
    const at = Number(json(name, 'expect.json')['verification_time'])
    const endorsements = json(name, 'collateral.json')
    const roots = [intelSgxRootSpki.sha256]
    await everywhere(dcapTask(file(name, 'quote.bin'), { endorsements, roots, at }), true)
  },
)

test.runIf(hasVectors).each(['snp/ms-milan', 'snp/oak-genoa-v5', 'snp/ms-turin'])(
  'they say the same of %s',
  async (name) => {
    const at = Number(json(name, 'expect.json')['verification_time'])
    const task: Task = {
      name: 'verifySnpEvidence',
      input: {
        revocation: { unchecked: 'none in the vectors' },
        roots: Object.values(amdRootSpkis),
        at,
      },
      bytes: { report: [...file(name, 'report.bin')] },
      certificates: ['vcek.der', 'ask.der', 'ark.der'].map((der) => [...file(name, der)]),
      crls: [],
    }
    await everywhere(task, true)
  },
)

async function everywhere(task: Task, isVerified: boolean): Promise<void> {
  const here = await inPage(task, { verifyDcapEvidence, verifySnpEvidence } as never)
  expect(here.ok, here.text).toBe(isVerified)
  expect(here.text).toMatch(isVerified ? /"reportData":"/ : /^[a-z-]+$/)
  const address = '/verifier.js'
  const inThePage = await page.evaluate(
    `import('${address}').then((verifier) => (${inPage.toString()})(${JSON.stringify(task)}, verifier))`,
  )
  expect(inThePage).toEqual(here)
  const inAWorker = await page.evaluate(
    (data) =>
      new Promise((done, failed) => {
        const worker = new Worker('/worker.js', { type: 'module' })
        worker.onmessage = (message) => done(message.data)
        worker.onerror = (error) => failed(new Error(error.message))
        worker.postMessage(data)
      }),
    task,
  )
  expect(inAWorker).toEqual(here)
}

/** Runs in Node, in the page and in a worker: it uses nothing from around it. */
async function inPage(
  task: Task,
  verifier: Readonly<
    Record<
      Task['name'],
      (
        input: object,
      ) => Promise<
        | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
        | { readonly ok: false; readonly problem: { readonly code: string } }
      >
    >
  >,
): Promise<Said> {
  const bytes = Object.entries(task.bytes).map(([name, list]) => [name, Uint8Array.from(list)])
  const certificates = task.certificates.map((list) => Uint8Array.from(list))
  const crls = task.crls.map((list) => Uint8Array.from(list))
  const input = { ...task.input, ...Object.fromEntries(bytes), certificates, crls }
  const verified = await verifier[task.name](input)
  if (!verified.ok) return { ok: false, text: verified.problem.code }
  const text = JSON.stringify(verified.value, (_name, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    return value instanceof Uint8Array ? Array.from(value).join(' ') : value
  })
  return { ok: true, text }
}

async function sampleGuest(): Promise<{
  readonly input: SnpVerificationInput
  readonly task: Task
}> {
  const world = await amdWorld('Milan')
  const input = await world.input()
  const { revocation, roots, at } = input
  const task: Task = {
    name: 'verifySnpEvidence',
    input: { revocation, roots, at },
    bytes: { report: [...input.report] },
    certificates: input.certificates.map((der) => [...der]),
    crls: input.crls.map((der) => [...der]),
  }
  return { input, task }
}

function dcapTask(quote: Uint8Array, input: Readonly<Record<string, unknown>>): Task {
  return {
    name: 'verifyDcapEvidence',
    input,
    bytes: { quote: [...quote] },
    certificates: [],
    crls: [],
  }
}

function file(name: string, part: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectors, name, part)))
}

function json(name: string, part: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(vectors, name, part), 'utf8')) as Record<string, unknown>
}

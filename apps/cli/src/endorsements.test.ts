import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseEndorsements } from '@sealward/attestation/endorsements'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import { parseBundle } from '@sealward/enclave/endorsements'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  generateKdsBytes,
  reportOf,
  type SampleKds,
  startSampleKds,
} from '../../../packages/enclave/src/endorsements/sample-kds.fixtures.ts'
import {
  openWorld,
  start,
  type World,
} from '../../../packages/enclave/src/endorsements/world.fixtures.ts'
import { run } from './program.ts'

let world: World
let kds: SampleKds
let folder: string
let quoteFile: string
let reportFile: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-endorsements-'))
  world = await openWorld()
  kds = world.opening(
    await startSampleKds(
      {
        product: 'Milan',
        chipId: 'ab'.repeat(64),
        query: 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219',
      },
      await generateKdsBytes(start),
    ),
  )
  quoteFile = await fileOf('quote.bin', world.quote)
  reportFile = await fileOf('report.bin', reportOf({}))
})
afterEach(async () => {
  await world.close()
  await rm(folder, { recursive: true })
})

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, content)
  return file
}

async function sealward(
  commandLine: readonly string[],
  interrupted: AbortSignal = new AbortController().signal,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const code = await run(['endorsements', ...commandLine], {
    effects: {
      fetch: () => Promise.reject(new Error('not through here')),
      clock: world.clock,
      random: { bytes: (length) => new Uint8Array(length).fill(7) },
      sleep: world.sleep,
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted,
  })
  return { code, out, err }
}

const services = (): readonly string[] => ['--pcs', world.proxy.url, '--kds', kds.url]

test('what is fetched for a quote verifies it', async () => {
  const { quote, vendor } = world
  for (const [name, content] of [
    ['raw', quote],
    ['hex', `${Buffer.from(quote).toString('hex')}\n`],
    ['base64', Buffer.from(quote).toString('base64')],
  ] as const) {
    const file = await fileOf(name, content)
    const { code, out, err } = await sealward(['fetch', file, ...services()])
    expect([code, err]).toEqual([0, ''])
    const endorsements = parseEndorsements(JSON.parse(out))
    if (!endorsements.ok) throw new Error(endorsements.problem.code)
    expect(
      await verifySgxEvidence({
        quote,
        endorsements: endorsements.value,
        roots: [vendor.rootSpkiSha256],
        at: start,
      }),
    ).toMatchObject({ ok: true })
  }
})

test('for a report certificates are printed as PEM, or all as JSON', async () => {
  const out = join(folder, 'certificates.pem')
  expect(await sealward(['fetch', reportFile, ...services(), '--out', out])).toMatchObject({
    code: 0,
    out: '',
  })
  const pem = await readFile(out, 'utf8')
  expect(pem.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(3)
  const json = await sealward(['fetch', reportFile, ...services(), '--json'])
  expect(JSON.parse(json.out)).toMatchObject({
    product: 'milan',
    key: 'vcek',
    certificate: Buffer.from(kds.bytes.vcek).toString('base64'),
    crl: Buffer.from(kds.bytes.crl).toString('base64'),
  })
})

test('a baseline is asked for by name or number', async () => {
  await sealward(['fetch', quoteFile, ...services(), '--baseline', 'early'])
  await sealward(['fetch', quoteFile, ...services(), '--baseline', '17'])
  expect(world.proxy.targets).toContain('/sgx/certification/v4/qe/identity?update=early')
  expect(world.proxy.targets).toContain(
    '/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=17',
  )
  expect(await sealward(['fetch', quoteFile, '--baseline', 'late'])).toMatchObject({ code: 2 })
})

test('a bundle holds all that evidence asks for, and answers without a network', async () => {
  const bundle = join(folder, 'bundle.json')
  const made = await sealward([
    'bundle',
    quoteFile,
    reportFile,
    quoteFile,
    ...services(),
    '--early',
    '--out',
    bundle,
    '--json',
  ])
  expect([made.code, made.err]).toEqual([0, ''])
  const summary = JSON.parse(made.out)
  expect(summary).toMatchObject({
    file: bundle,
    endsAt: new Date(1000 * (start + 7 * 24 * 3600)).toISOString(),
  })
  // Intel's four and two early ones, AMD's three: each once.
  expect(summary.endorsements).toHaveLength(9)
  expect(world.proxy.targets).toHaveLength(6)
  expect(parseBundle(await readFile(bundle))).toMatchObject({
    ok: true,
    value: { createdAt: start },
  })
  const offline = ['--from', bundle]
  const asked = [world.proxy.targets.length, kds.targets.length]
  for (const baseline of ['standard', 'early']) {
    const fetched = await sealward(['fetch', quoteFile, '--baseline', baseline, ...offline])
    expect(fetched.code).toBe(0)
  }
  expect((await sealward(['fetch', reportFile, ...offline])).code).toBe(0)
  expect([world.proxy.targets.length, kds.targets.length]).toEqual(asked)
  // No drafts are left.
  expect(await readdir(folder)).toEqual(['bundle.json', 'quote.bin', 'report.bin'])
})

test('a summary for people says how many and until when', async () => {
  const bundle = join(folder, 'bundle.json')
  const { out } = await sealward(['bundle', quoteFile, ...services(), '--out', bundle])
  expect(out).toBe(
    `${bundle}: 4 endorsements, all of them usable until ${new Date(1000 * (start + 7 * 24 * 3600)).toISOString()}\n`,
  )
})

test('what a cache holds is not asked for again', async () => {
  const command = ['fetch', quoteFile, ...services(), '--cache', join(folder, 'cache')]
  const first = await sealward(command)
  const second = await sealward(command)
  expect(second).toEqual(first)
  expect(world.proxy.targets).toHaveLength(4)
  expect(await readdir(join(folder, 'cache'))).toHaveLength(4)
})

test('exit codes tell the caller’s part from the world’s', async () => {
  const { proxy, time } = world
  const out = join(folder, 'bundle.json')
  const failing = async (...commandLine: readonly string[]): Promise<unknown> => {
    const { code, err } = await sealward(commandLine)
    return [code, /: ([a-z0-9-]+)/.exec(err)?.[1]]
  }
  expect(await failing('fetch', join(folder, 'nothing'))).toEqual([2, 'file-unreadable'])
  expect(await failing('fetch', await fileOf('text', 'a quote!'))).toEqual([
    2,
    'evidence-unreadable',
  ])
  expect(await failing('fetch', await fileOf('short', world.quote.subarray(0, 40)))).toEqual([
    2,
    'truncated',
  ])
  expect(await failing('fetch', quoteFile, '--from', quoteFile)).toEqual([2, 'json-not-utf8'])
  expect(
    await failing('bundle', quoteFile, ...services(), '--out', join(folder, 'no', 'where')),
  ).toEqual([2, 'file-unwritable'])
  expect((await sealward(['fetch', quoteFile, '--pcs', 'ftp://host'])).code).toBe(2)
  expect((await sealward(['bundle', quoteFile])).code).toBe(2)
  expect((await sealward(['fetch', quoteFile, '--from', out, '--cache', folder])).code).toBe(2)

  proxy.always = { status: 404 }
  expect(await failing('fetch', quoteFile, ...services())).toEqual([2, 'platform-unknown'])
  proxy.always = { status: 500 }
  expect(await failing('bundle', quoteFile, ...services(), '--out', out)).toEqual([
    3,
    'endorsements-unavailable',
  ])
  proxy.always = 'other-json'
  expect(await failing('fetch', quoteFile, ...services())).toEqual([3, 'endorsements-malformed'])
  proxy.always = 'none'
  await sealward(['bundle', quoteFile, ...services(), '--out', out])
  expect(await failing('fetch', reportFile, '--from', out)).toEqual([3, 'endorsements-missing'])
  time.now += 8 * 24 * 3600
  expect(await failing('fetch', quoteFile, '--from', out)).toEqual([3, 'endorsements-expired'])
})

test('Ctrl-C ends a fetch that waits', async () => {
  world.proxy.always = 'silent'
  const interrupt = new AbortController()
  const running = sealward(['fetch', quoteFile, ...services()], interrupt.signal)
  await expect.poll(() => world.proxy.targets.length).toBe(4)
  interrupt.abort(new Error('interrupted'))
  expect(await running).toMatchObject({ code: 130, out: '', err: 'Interrupted.\n' })
})

test('a served bundle answers another client, until Ctrl-C', async () => {
  const bundle = join(folder, 'bundle.json')
  await sealward(['bundle', quoteFile, reportFile, ...services(), '--out', bundle])
  const interrupt = new AbortController()
  let url = ''
  let answers = ''
  const serving = run(['endorsements', 'serve', '--from', bundle, '--port', '0', '--json'], {
    effects: {
      fetch: globalThis.fetch,
      clock: world.clock,
      random: { bytes: (length) => new Uint8Array(length) },
      sleep: world.sleep,
    },
    out: (text) => {
      answers += text
    },
    err: (text) => {
      url = /http:\S+\d/.exec(text)?.[0] ?? url
    },
    env: {},
    version: '0.0.0',
    interrupted: interrupt.signal,
  })
  await expect.poll(() => url).not.toBe('')
  const asked = world.proxy.targets.length
  expect((await sealward(['fetch', quoteFile, '--pcs', url, '--kds', url])).code).toBe(0)
  expect((await sealward(['fetch', reportFile, '--pcs', url, '--kds', url])).code).toBe(0)
  expect(world.proxy.targets).toHaveLength(asked)
  interrupt.abort(new Error('interrupted'))
  expect(await serving).toBe(0)
  expect(
    answers
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).status),
  ).toEqual([200, 200, 200, 200, 200, 200, 200])
  await expect(fetch(url)).rejects.toThrow()
})

test('a port that is taken is told', async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const port = typeof address === 'object' ? String(address?.port) : ''
  const { code, err } = await sealward(['serve', ...services(), '--port', port])
  server.close()
  expect(code).toBe(2)
  expect(err).toContain('address-unavailable')
})

test('the process itself serves, and ends with 0 on Ctrl-C', async () => {
  const bundle = join(folder, 'bundle.json')
  await sealward(['bundle', quoteFile, ...services(), '--out', bundle])
  const main = resolve(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, [
    main,
    'endorsements',
    'serve',
    '--from',
    bundle,
    '--port',
    '0',
  ])
  const url = await new Promise<string>((found, lost) => {
    child.stderr.on('data', (chunk) => {
      const match = /http:\S+\d/.exec(String(chunk))
      if (match !== null) found(match[0])
    })
    child.once('exit', () => lost(new Error('it ended')))
  })
  const answer = await fetch(`${url}/sgx/certification/v4/qe/identity`)
  expect(answer.status).toBe(200)
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGINT')
  expect(await ended).toBe(0)
})

test('help has examples', async () => {
  for (const command of ['fetch', 'bundle', 'serve']) {
    const { code, out } = await sealward([command, '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`  sealward endorsements ${command} `)
  }
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chromium as chromiumProgram } from '../../deploy/local/bootstrap/test-programs.mjs'
import { at } from '../../packages/attestation/src/channel/deployment.fixtures.ts'
import {
  type DeploymentOnline,
  deploymentOnline,
} from '../../packages/attestation/src/channel/deployment-online.fixtures.ts'

const html = `<!doctype html><title>page</title>
<script type=module>import * as channel from '/channel.js'; globalThis.channel = channel</script>`

/** What the page imports. */
type Channel = typeof import('@sealward/attestation/channel')

let server: Server
let browser: Browser
let page: Page
let online: DeploymentOnline | undefined

beforeAll(async () => {
  const code = await channelForBrowsers()
  server = createServer((incoming, outgoing) => {
    if (incoming.url === '/channel.js') {
      outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(code)
    } else if (incoming.method === 'GET' && incoming.url === '/') {
      outgoing.writeHead(200, { 'content-type': 'text/html' }).end(html)
    } else {
      const { method = 'GET', url = '/' } = incoming
      const body = method === 'GET' ? {} : { body: Readable.toWeb(incoming) as BodyInit }
      const answered = online?.fetch(url, { method, ...body })
      if (answered === undefined) return outgoing.writeHead(404).end()
      void answered.then(async (answer) => {
        outgoing.writeHead(answer.status, Object.fromEntries(answer.headers))
        outgoing.end(new Uint8Array(await answer.arrayBuffer()))
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const executablePath = chromiumProgram()
  if (executablePath === undefined) throw new Error('no Chromium: npm test installs one')
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  page = await (await browser.newContext()).newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})

afterAll(async () => {
  await browser?.close()
  server?.close()
  server?.closeAllConnections()
})

async function channelForBrowsers(): Promise<string> {
  const input = fileURLToPath(
    new URL('../../packages/attestation/src/channel/index.ts', import.meta.url),
  )
  const bundle = await rolldown({ input, platform: 'browser' })
  const { output } = await bundle.generate({ format: 'es', codeSplitting: false })
  await bundle.close()
  const [{ code, imports }] = output
  expect(imports).toEqual([])
  return code
}

/** Runs in the page: what its engine knows, a request without a body, and one of so many bytes there and back. */
async function talk({
  configuration,
  now,
  bytes,
}: {
  readonly configuration: DeploymentOnline['configuration']
  readonly now: number
  readonly bytes: number
}) {
  const { channel } = globalThis as unknown as { readonly channel: Channel }
  const world = {
    fetch: (url: string, init?: RequestInit) => fetch(url, init),
    now: () => now,
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
  }
  const sealedFetch = channel.createSealedFetch({
    ...world,
    origin: location.origin,
    verify: () => channel.askPlatform(world, configuration),
    transport: channel.fetchTransport(world.fetch, `${configuration.platform}/sealed`),
  })
  const knowsMlKem = 'encapsulateBits' in crypto.subtle
  const said = await (await sealedFetch('/fhir/Patient?family=Nobody')).json()
  const body = new Uint8Array(bytes).map((_, index) => index % 251)
  let told = 0
  const answer = await sealedFetch('/studies', {
    method: 'POST',
    body: new Blob([body]),
    onUploadProgress: (sent) => {
      told = sent
    },
  })
  const back = new Uint8Array(await answer.arrayBuffer())
  return {
    knowsMlKem,
    said,
    isSame: back.length === bytes && back.every((byte, index) => byte === index % 251),
    told,
  }
}

test('a page talks with a verified platform by the best key that its engine knows', async () => {
  online = await deploymentOnline({
    kems: [0x0010, 0x0020, 0x647a],
    platform: '/platform',
    attestationUrl: '/attestation',
  })
  const bytes = 5_000_000
  const { knowsMlKem, said, isSame, told } = await page.evaluate(talk, {
    configuration: online.configuration,
    now: at,
    bytes,
  })
  process.stdout.write(`Chromium ${browser.version()} knows ML-KEM: ${knowsMlKem}\n`)
  expect(said).toEqual({ method: 'GET', path: '/fhir/Patient?family=Nobody', headers: [] })
  expect(isSame).toBe(true)
  expect(told).toBeGreaterThan(bytes)
  const best = knowsMlKem ? 0x647a : 0x0010
  expect(online.kems).toEqual([best, best])
  for (const line of online.sent) expect(line).not.toMatch(/Nobody|studies|fhir/)
})

test('a platform that only a newer engine could be sealed to gets nothing from an older one', async () => {
  online = await deploymentOnline({
    kems: [0x647a],
    platform: '/platform',
    attestationUrl: '/attestation',
  })
  const outcome = await page
    .evaluate(talk, { configuration: online.configuration, now: at, bytes: 10 })
    .then(
      ({ isSame }) => (isSame ? 'talked' : 'garbled'),
      (error: Error) => error.message,
    )
  if (online.kems.length > 0) expect(outcome).toBe('talked')
  else expect(outcome).toContain('this engine does not know its KEM')
})

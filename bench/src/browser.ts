import { createServer } from 'node:http'
import { builtinModules } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { createSampleVendor } from '@sealward/attestation/sample'
import { chromium } from 'playwright-core'
import { rolldown } from 'rolldown'
import { chromium as chromiumProgram } from '../../deploy/local/bootstrap/test-programs.mjs'
import { quantiles, rounded } from './rate.ts'

/** The verifier as a page loads it. */
export interface VerifierBundle {
  readonly code: string
  readonly gzipBytes: number
  /** Names of Node's own modules that it imports. */
  readonly nodeBuiltIns: readonly string[]
}

/** Bundles and minifies the verifier for a browser. */
export async function bundleVerifier(): Promise<VerifierBundle> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('./verifier-entry.ts', import.meta.url)),
    platform: 'browser',
    treeshake: { moduleSideEffects: false },
  })
  const { output } = await bundle.generate({ format: 'es', minify: true, codeSplitting: false })
  await bundle.close()
  const [{ code, imports, dynamicImports }] = output
  const names = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
  return {
    code,
    gzipBytes: gzipSync(code, { level: 9 }).length,
    nodeBuiltIns: [...imports, ...dynamicImports].filter((name) => names.has(name)),
  }
}

export interface BrowserFigures {
  readonly coldMs: { readonly p50: number; readonly p99: number }
  readonly pages: number
  readonly gzipKb: number
  readonly nodeBuiltIns: readonly string[]
  readonly browser: string
}

/** How long the first verification of a fresh page takes, milliseconds, and how large the verifier is. */
export async function measureBrowser(): Promise<BrowserFigures | undefined> {
  const executablePath = chromiumProgram()
  if (executablePath === undefined) return undefined
  const { code, gzipBytes, nodeBuiltIns } = await bundleVerifier()
  const server = createServer((request, response) => {
    const isScript = request.url === '/verifier.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? code : '<!doctype html><title>verifier</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags] })
  try {
    const input = await sampleInput()
    const times: number[] = []
    for (let page = 0; page < pages; page++) {
      const context = await browser.newContext()
      const tab = await context.newPage()
      await tab.goto(`http://127.0.0.1:${port}/`)
      times.push(await tab.evaluate(firstVerification, input))
      await context.close()
    }
    return {
      coldMs: quantiles(times),
      pages,
      gzipKb: rounded(gzipBytes / 1000),
      nodeBuiltIns,
      browser: browser.version(),
    }
  } finally {
    await browser.close()
    server.close()
  }
}

const pages = 25

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
] as const

interface PageInput {
  readonly quote: readonly number[]
  readonly endorsements: unknown
  readonly roots: readonly string[]
  readonly at: number
}

/** Real quotes are the same in size and signatures; the page needs none of the test data. */
async function sampleInput(): Promise<PageInput> {
  const at = 1_790_000_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32),
    mrSigner: new Uint8Array(32),
    isvProdId: 1,
    isvSvn: 1,
    debug: false,
    reportData: new Uint8Array(64),
  })
  const endorsements = await vendor.endorsements({ at, lifetimeSeconds: 86_400 })
  return { quote: [...quote], endorsements, roots: [vendor.rootSpkiSha256], at: at + 60 }
}

/** Runs in the page. The script is loaded before the clock starts; nothing of it has run. */
async function firstVerification({ quote, ...input }: PageInput): Promise<number> {
  const address = '/verifier.js'
  const verifier = (await import(address)) as {
    verifySgxEvidence(input: object): Promise<{ readonly ok: boolean }>
  }
  const bytes = Uint8Array.from(quote)
  const started = performance.now()
  const verified = await verifier.verifySgxEvidence({ ...input, quote: bytes })
  const took = performance.now() - started
  if (!verified.ok) throw new Error('the quote was refused')
  return took
}

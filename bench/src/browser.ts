import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import { chromium as chromiumProgram } from '../../deploy/local/bootstrap/test-programs.mjs'
import { bundleVerifier } from './bundle-verifier.ts'
import { quantiles, rounded } from './figures.ts'
import { type DcapCase, sgxCase } from './verification/dcap-cases.ts'

export interface BrowserFigures {
  readonly browser: string
  /** What was verified. */
  readonly evidence: string
  /** Each page verifies once. */
  readonly pages: number
  /** Milliseconds of the first verification; the script was loaded, and nothing of it had run but its top level. */
  readonly coldMs: { readonly p50: number; readonly p99: number }
  /** Milliseconds from asking loopback for the script to the verdict. */
  readonly coldWithScriptMs: { readonly p50: number; readonly p99: number }
  readonly gzipKb: number
  readonly nodeBuiltIns: readonly string[]
  readonly targets: readonly BrowserTarget[]
}

export interface BrowserTarget {
  readonly asked: string
  readonly met: boolean
}

/** How long the first verification of a fresh page takes, and how large the verifier is. */
export async function measureBrowser(): Promise<BrowserFigures | undefined> {
  const executablePath = chromiumProgram()
  if (executablePath === undefined) return undefined
  const { code, gzipBytes, nodeBuiltIns } = await bundleVerifier()
  const server = createServer((request, response) => {
    const isScript = request.url === '/verifier.js'
    response.writeHead(200, {
      'content-type': isScript ? 'text/javascript' : 'text/html',
      // Nor does a page find what an earlier one had compiled.
      'cache-control': 'no-store',
    })
    response.end(isScript ? code : '<!doctype html><title>verifier</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags] })
  try {
    const sgx = await sgxCase()
    const input = pageInput(sgx)
    const times: PageTimes[] = []
    for (let page = 0; page < pages; page++) {
      const context = await browser.newContext()
      const tab = await context.newPage()
      await tab.goto(`http://127.0.0.1:${port}/`)
      times.push(await tab.evaluate(firstVerification, input))
      await context.close()
    }
    const coldMs = quantiles(times.map(({ verification }) => verification))
    return {
      browser: browser.version(),
      evidence: sgx.evidence,
      pages,
      coldMs,
      coldWithScriptMs: quantiles(times.map(({ withScript }) => withScript)),
      gzipKb: rounded(gzipBytes / 1000),
      nodeBuiltIns,
      targets: [
        { asked: 'first verification: p50 under 50 ms', met: coldMs.p50 < 50 },
        { asked: 'bundle: under 60 kB with gzip', met: gzipBytes < 60_000 },
        { asked: 'bundle: no Node built-in', met: nodeBuiltIns.length === 0 },
      ],
    }
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
}

const pages = 100

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

interface PageTimes {
  readonly verification: number
  readonly withScript: number
}

function pageInput({ input: { quote, endorsements, roots, at } }: DcapCase): PageInput {
  return { quote: [...quote], endorsements, roots, at }
}

/** Runs in the page. */
async function firstVerification({ quote, ...input }: PageInput): Promise<PageTimes> {
  const bytes = Uint8Array.from(quote)
  const asked = performance.now()
  const address = '/verifier.js'
  const verifier = (await import(address)) as {
    verifySgxEvidence(input: object): Promise<{ readonly ok: boolean }>
  }
  const started = performance.now()
  const verified = await verifier.verifySgxEvidence({ ...input, quote: bytes })
  const ended = performance.now()
  if (!verified.ok) throw new Error('the quote was refused')
  return { verification: ended - started, withScript: ended - asked }
}

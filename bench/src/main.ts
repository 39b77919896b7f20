import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { step } from '../../deploy/local/bootstrap/steps.mjs'
import { measureAttestation, measureEndurance } from './attestation/measure-attestation.ts'
import { measureReleases } from './broker/releases.ts'
import { measureBrowser } from './browser.ts'
import { measureHandshakes } from './channel/handshakes.ts'
import { measureHpkeOpens } from './channel/hpke-opens.ts'
import { measureSealedHttp } from './channel/sealed-http.ts'
import { rounded } from './figures.ts'
import { measureStack } from './stack.ts'
import { measureOnNode20 } from './verification/measure-on-node-20.ts'
import { measureVerification } from './verification/measure-verification.ts'
import { profileVerification } from './verification/profile-verification.ts'
import { reportOf } from './verification/report-of.ts'

/** One part of the bench: its figures are data, and its lines are for a person. */
interface Part {
  readonly title: string
  measure(): Promise<{ readonly figures: unknown; readonly lines?: string }>
}

const parts: Readonly<Record<string, Part>> = {
  quotes: {
    title: 'Evidence verified a second',
    async measure() {
      const figures = await measureVerification()
      return { figures, lines: reportOf(figures) }
    },
  },
  quotesOnNode20: {
    title: 'Evidence verified a second, on Node 20',
    async measure() {
      const figures = await measureOnNode20()
      return figures === undefined
        ? { figures: null, lines: 'No Node 20 on the path: not measured.\n' }
        : { figures, lines: reportOf(figures) }
    },
  },
  browser: {
    title: 'The first verification of a page',
    async measure() {
      const figures = await measureBrowser()
      return figures === undefined
        ? { figures: null, lines: 'No Chromium: not measured.\n' }
        : { figures, lines: `${JSON.stringify(figures, undefined, 2)}\n` }
    },
  },
  attestation: {
    title: 'Attestations a second, over HTTP',
    measure: async () => ({ figures: await measureAttestation() }),
  },
  attestationEndurance: {
    title: 'An attestation service over 100,000 requests, and after bad ones',
    measure: async () => ({ figures: await measureEndurance() }),
  },
  releases: {
    title: 'Keys released a second',
    measure: async () => ({ figures: await measureReleases() }),
  },
  handshakes: {
    title: 'Attested TLS handshakes against plain ones',
    measure: async () => ({ figures: await measureHandshakes() }),
  },
  hpke: {
    title: 'Sealed messages opened a second',
    measure: async () => ({ figures: await measureHpkeOpens() }),
  },
  sealedHttp: {
    title: 'Sealed requests against plain ones, both over TLS 1.3',
    measure: async () => ({ figures: await measureSealedHttp() }),
  },
  stack: {
    title: 'Start-up, and film to result',
    measure: async () => ({ figures: await measureStack() }),
  },
  profile: {
    title: 'Where the time of verification goes',
    measure: async () => ({ figures: await profileVerification() }),
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { profile: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) {
  process.stderr.write(
    `No such part: ${unknown.join(', ')}. Parts: ${Object.keys(parts).join(', ')}\n`,
  )
  process.exit(2)
}
// A profiler slows down what it looks at, so it runs only when it is asked for.
const asked = values.profile
  ? [...positionals, 'profile']
  : positionals.length > 0
    ? positionals
    : Object.keys(parts).filter((name) => name !== 'profile')

const folder = fileURLToPath(new URL('../results', import.meta.url))
const file = join(folder, `${new Date().toISOString().slice(0, 10)}.json`)
mkdirSync(folder, { recursive: true })
for (const name of new Set(asked)) {
  const part = parts[name]
  if (part === undefined) continue
  await step(part.title, async () => {
    const before = load()
    const { figures, lines } = await part.measure()
    keep(name, {
      at: new Date().toISOString(),
      node: process.version,
      processor: cpus()[0]?.model,
      processors: cpus().length,
      loadAverage: [before, load()],
      figures,
    })
    process.stdout.write(`\n${lines ?? `${JSON.stringify(figures, undefined, 2)}\n`}\n`)
  })
}
process.stdout.write('Written to bench/results.\n')

/** Puts one part's figures into the file of the day; those of other parts stay. */
function keep(name: string, measured: unknown): void {
  const kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)
    : {}
  writeFileSync(file, `${JSON.stringify({ ...kept, [name]: measured }, undefined, 2)}\n`)
}

function load(): number {
  return rounded(loadavg()[0] ?? 0)
}

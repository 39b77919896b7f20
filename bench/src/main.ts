import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { step } from '../../deploy/local/bootstrap/steps.mjs'
import { measureBrowser } from './browser.ts'
import { measureQuotes } from './quotes.ts'
import { measureSealedHttp } from './sealed-http.ts'
import { measureStack } from './stack.ts'

const results = fileURLToPath(new URL('../results', import.meta.url))
const measured: Record<string, unknown> = {
  at: new Date().toISOString(),
  node: process.version,
  processor: cpus()[0]?.model,
  processors: cpus().length,
}

/** Parts named on the command line, or all. */
const asked = process.argv.slice(2)
await measure('quotes', 'Evidence verified a second', measureQuotes)
await measure('browser', 'The first verification of a page', measureBrowser)
await measure('sealedHttp', 'Sealed round trip against plain fetch', measureSealedHttp)
await measure('stack', 'Start-up, and film to result', measureStack)

mkdirSync(results, { recursive: true })
const file = join(results, `${new Date().toISOString().slice(0, 10)}.json`)
writeFileSync(file, `${JSON.stringify(measured, undefined, 2)}\n`)
process.stdout.write(`${JSON.stringify(measured, undefined, 2)}\n\nWritten to bench/results.\n`)

async function measure(name: string, title: string, work: () => Promise<unknown>): Promise<void> {
  if (asked.length > 0 && !asked.includes(name)) return
  await step(title, async () => {
    measured[name] = await work()
  })
}

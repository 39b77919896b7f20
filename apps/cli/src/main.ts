import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { standardInput } from './input.ts'
import { run } from './program.ts'

const interrupt = new AbortController()
// The first Ctrl-C asks for an end; the second does not ask.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')))
}

// Whoever reads may have read enough (`| head`): what is left to say is then said to nobody.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const { version } = JSON.parse(
  await readFile(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string }

process.exitCode = await run(process.argv.slice(2), {
  effects: {
    fetch: globalThis.fetch,
    clock: { now: () => Math.floor(Date.now() / 1000) },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  },
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  ...(process.stderr.isTTY === true ? { terminal: process.stderr } : {}),
  input: standardInput(interrupt.signal),
  env: process.env,
  version,
  interrupted: interrupt.signal,
})

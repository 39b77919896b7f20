import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { Offer, Outcome } from './flat-memory.fixtures.ts'

/** `npm run nightly` says 2048. */
const mebibytes = Number(process.env['SEALWARD_STREAM_MEBIBYTES'] ?? 192)
const heapMebibytes = 64

function started(...parameters: readonly string[]): ChildProcess {
  return fork(resolve(import.meta.dirname, 'flat-memory.fixtures.ts'), parameters, {
    execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${heapMebibytes}`],
  })
}

async function said<T>(by: ChildProcess): Promise<T> {
  const gone = once(by, 'exit').then(([code]) => {
    throw new Error(`ended with ${code}`)
  })
  const [message] = await Promise.race([once(by, 'message'), gone])
  gone.catch(() => {})
  return message as T
}

test(`${mebibytes} MiB go up to a route and down from one, and neither process grows`, {
  timeout: 600_000,
}, async () => {
  const server = started('server')
  try {
    const offer = await said<Offer>(server)
    const client = started('client', String(mebibytes), JSON.stringify(offer))
    expect(await said(client)).toBe('warm')
    server.send('watch')
    const began = performance.now()
    client.send('go')
    const here = await said<Outcome>(client)
    const seconds = (performance.now() - began) / 1000
    server.send('tell')
    const there = await said<Outcome>(server)
    process.stdout.write(
      `${mebibytes} MiB both ways took ${seconds.toFixed(1)} s; the server grew by ${there.grownMebibytes} MiB, the client by ${here.grownMebibytes}\n`,
    )
    expect([here.uploaded, here.downloaded, there.uploaded]).toEqual(
      Array.from({ length: 3 }, () => mebibytes * 1_048_576),
    )
    expect(there.grownMebibytes).toBeLessThan(96)
    expect(here.grownMebibytes).toBeLessThan(96)
  } finally {
    server.kill()
  }
})

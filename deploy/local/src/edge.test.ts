import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Edge, openEdge } from './edge.ts'

let edge: Edge
let folder: string
let port: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sealward-edge-'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html>')
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  port = (probe.address() as AddressInfo).port
  await new Promise((resolve) => probe.close(resolve))
  edge = await openEdge(port, folder)
})

afterAll(async () => {
  await edge.close()
  rmSync(folder, { recursive: true })
})

/** The status line that a request with this very target gets. */
function statusOf(target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    )
    socket.once('data', (data) => resolve(String(data).slice(9, 12)))
    socket.once('error', reject)
  })
}

test.each(['//', '/\\', 'http://[', '//:80'])(
  '%s is refused, and does not end the stack',
  async (target) => {
    expect(await statusOf(target)).toBe('400')
    expect(await statusOf('/')).toBe('200')
  },
)

test.each(['/../../etc/passwd', '/..%2f..%2fetc%2fpasswd', '/%00', '/%', `/${'a'.repeat(4096)}`])(
  '%s gets nothing from outside the folder',
  async (target) => {
    const answer = await fetch(`http://127.0.0.1:${port}${target}`)
    expect(['<!doctype html>', '{}']).toContain(await answer.text())
  },
)

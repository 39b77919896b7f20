import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { driverLimits } from '../limits.ts'
import { deviceTransmit, socketTransmit } from './transports.ts'

let folder: string
let server: Server
const command = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7c)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-tpm-'))
})
afterEach(async () => {
  server?.close()
  await rm(folder, { recursive: true })
})

/** A socket that answers each command with `parts`, and then hangs up. */
async function answering(...parts: Uint8Array[]): Promise<string> {
  const path = join(folder, 'tpm')
  server = createServer((socket) => {
    socket.once('data', async () => {
      for (const part of parts) {
        socket.write(part)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      socket.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

test('a response that comes in parts is one response', async () => {
  const path = await answering(command.subarray(0, 4), command.subarray(4))
  expect(await socketTransmit(path)(command)).toEqual({ ok: true, value: command })
})

test('a connection that ends within a response is a short read', async () => {
  const path = await answering(command.subarray(0, 7))
  expect(await socketTransmit(path)(command)).toMatchObject({ problem: { code: 'read-short' } })
})

test('more than one response, or more than any response has, is oversize', async () => {
  const path = await answering(new Uint8Array([...command, 0]))
  expect(await socketTransmit(path)(command)).toMatchObject({ problem: { code: 'read-oversize' } })
  server.close()
  const vast = new Uint8Array(driverLimits.tpmResponseBytesMax + 1)
  vast.set([0x80, 1, 0x7f])
  expect(await socketTransmit(await answering(vast))(command)).toMatchObject({
    problem: { code: 'read-oversize' },
  })
})

test('no socket, or a file that is no socket, is no device', async () => {
  expect(await socketTransmit(join(folder, 'none'))(command)).toMatchObject({
    problem: { code: 'device-missing' },
  })
  expect(await deviceTransmit(join(folder, 'none'))(command)).toMatchObject({
    problem: { code: 'device-missing' },
  })
})

test('a device that answers with a part of a response is a short read', async () => {
  const transmit = deviceTransmit('/dev/tpmrm0', {
    makeFolder: async () => {},
    removeFolder: async () => {},
    open: async () => ({
      write: async (bytes) => bytes.length,
      read: async (buffer) => {
        buffer.set(command.subarray(0, 9))
        return 9
      },
      close: async () => {},
    }),
  })
  expect(await transmit(command)).toMatchObject({ problem: { code: 'read-short' } })
})

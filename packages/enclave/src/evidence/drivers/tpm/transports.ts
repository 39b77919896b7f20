import { createConnection } from 'node:net'
import { concat, ok, refuse } from '@sealward/attestation/bytes'
import { type FileSystem, problemOf, systemFiles, using } from '../device-files.ts'
import type { Driven } from '../evidence-source.ts'
import { driverLimits } from '../limits.ts'
import { withinSeconds } from '../within-seconds.ts'
import type { Transmit } from './transact.ts'

/**
 * A TPM behind a character device, such as Linux's `/dev/tpmrm0`: one write is a command, one read its
 * response.
 */
export function deviceTransmit(path: string, files: FileSystem = systemFiles): Transmit {
  return (command) =>
    withinSeconds(driverLimits.operationSecondsMax, 'tpm', async () => {
      try {
        return await using(files, path, 'read-write', async (file): Promise<Driven<Uint8Array>> => {
          const taken = await file.write(command)
          if (taken !== command.length) {
            return refuse('write-short', 'tpm', `${taken} of ${command.length} bytes were taken`)
          }
          const buffer = new Uint8Array(driverLimits.tpmResponseBytesMax)
          const response = buffer.subarray(0, await file.read(buffer))
          const length = lengthOf(response)
          return length === response.length
            ? ok(response)
            : refuse('read-short', 'tpm', `${response.length} of ${length ?? 'unknown'} bytes`)
        })
      } catch (error) {
        return { ok: false, problem: problemOf(error, 'tpm') }
      }
    })
}

/** A TPM behind a Unix socket that speaks in bare commands and responses, as `swtpm` does. One connection each. */
export function socketTransmit(path: string): Transmit {
  return (command) => {
    const socket = createConnection({ path })
    return withinSeconds(
      driverLimits.operationSecondsMax,
      'tpm',
      () =>
        new Promise<Driven<Uint8Array>>((resolve) => {
          let response: Uint8Array = new Uint8Array(0)
          socket.once('connect', () => socket.write(command))
          socket.once('error', (error) => resolve({ ok: false, problem: problemOf(error, 'tpm') }))
          socket.once('close', () => {
            resolve(refuse('read-short', 'tpm', 'the connection ended within a response'))
          })
          socket.on('data', (part: Uint8Array) => {
            response = concat(response, part)
            const length = lengthOf(response)
            if (length === response.length) resolve(ok(response))
            if (response.length > Math.min(length ?? Infinity, driverLimits.tpmResponseBytesMax)) {
              resolve(refuse('read-oversize', 'tpm', 'more than one response'))
            }
          })
        }),
    ).finally(() => socket.destroy())
  }
}

/** What the header says; `undefined` before it is there. */
function lengthOf(response: Uint8Array): number | undefined {
  return response.length < 6
    ? undefined
    : new DataView(response.buffer, response.byteOffset).getUint32(2)
}

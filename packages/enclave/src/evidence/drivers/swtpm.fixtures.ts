/**
 * A TPM 2.0 for tests: `swtpm`, with an attestation key and indices as an Azure confidential VM has them.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { base64UrlOf, concat, hexOf, ok } from '@sealward/attestation/bytes'
import { createTpm, type Tpm } from './tpm/tpm.ts'
import { sized, type Transmit, transact, u8, u16, u32 } from './tpm/transact.ts'
import { socketTransmit } from './tpm/transports.ts'

export const hasSwtpm: boolean =
  process.env['SEALWARD_QUICK'] !== '1' &&
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'swtpm')))

export const absentSwtpm =
  'No TPM to talk to: install swtpm, or run npm test, which does. npm run quick leaves it out.'

export interface Swtpm {
  readonly transmit: Transmit
  readonly socketPath: string
  readonly tpm: Tpm
  /** Of the key at 0x81000003. */
  readonly attestationKey: KeyObject
  /** Extends a register of the SHA-256 bank. */
  extend(register: number): Promise<void>
  close(): Promise<void>
}

const owner = 0x4000_0001
export const attestationKeyHandle = 0x8100_0003

export async function startSwtpm(): Promise<Swtpm> {
  const folder = await mkdtemp(join(tmpdir(), 'sealward-swtpm-'))
  const socketPath = join(folder, 'tpm')
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      '--tpmstate',
      `dir=${folder}`,
      '--server',
      `type=unixio,path=${socketPath}`,
      '--ctrl',
      `type=unixio,path=${join(folder, 'control')}`,
      '--flags',
      'not-need-init,startup-clear',
    ],
    { stdio: 'ignore' },
  )
  const close = async (): Promise<void> => {
    await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
  const transmit = socketTransmit(socketPath)
  try {
    await answering(transmit)
    return {
      transmit,
      socketPath,
      tpm: createTpm(transmit),
      attestationKey: await createAttestationKey(transmit),
      extend: (register) => extend(transmit, register),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
}

async function answering(transmit: Transmit): Promise<void> {
  for (let count = 0; count < 200; count++) {
    // TPM2_GetTestResult
    if ((await transmit(concat(u16(0x8001), u32(10), u32(0x17c)))).ok) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('swtpm does not answer')
}

/** A restricted RSA key that signs with RSASSA and SHA-256, made persistent. */
async function createAttestationKey(transmit: Transmit): Promise<KeyObject> {
  const none = sized(new Uint8Array(0))
  const template = concat(
    u16(0x0001),
    u16(0x000b),
    // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign
    u32(0x0005_0072),
    none,
    u16(0x0010),
    u16(0x0014),
    u16(0x000b),
    u16(2048),
    u32(0),
    none,
  )
  const password = concat(u32(9), u32(0x4000_0009), u16(0), u8(1), u16(0))
  const body = concat(
    u32(owner),
    password,
    sized(concat(none, none)),
    sized(template),
    none,
    u32(0),
  )
  // TPM2_CreatePrimary: its response has a handle before the parameters.
  const made = await transmit(concat(u16(0x8002), u32(10 + body.length), u32(0x131), body))
  if (!made.ok) throw new Error(made.problem.detail)
  const view = new DataView(made.value.buffer, made.value.byteOffset)
  if (view.getUint32(6) !== 0) throw new Error(`TPM_RC ${view.getUint32(6)}`)
  const handle = view.getUint32(10)
  const publicArea = made.value.subarray(20, 20 + view.getUint16(18))
  await asked(
    transact(
      transmit,
      {
        name: 'TPM2_EvictControl',
        code: 0x120,
        handles: [owner, handle],
        authorized: true,
        parameters: u32(attestationKeyHandle),
      },
      () => {},
    ),
  )
  await asked(
    transact(
      transmit,
      {
        name: 'TPM2_FlushContext',
        code: 0x165,
        handles: [],
        authorized: false,
        parameters: u32(handle),
      },
      () => {},
    ),
  )
  const n = base64UrlOf(publicArea.subarray(-256))
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' })
}

async function extend(transmit: Transmit, register: number): Promise<void> {
  await asked(
    transact(
      transmit,
      {
        name: 'TPM2_PCR_Extend',
        code: 0x182,
        handles: [register],
        authorized: true,
        parameters: concat(u32(1), u16(0x000b), new Uint8Array(32).fill(5)),
      },
      () => {},
    ),
  )
}

async function asked<T>(
  answer: Promise<{ ok: true; value: T } | { ok: false; problem: { detail: string } }>,
): Promise<T> {
  const result = await answer
  if (!result.ok) throw new Error(result.problem.detail)
  return result.value
}

/** An HCL report as Azure's paravisor composes one. */
export function hclReportOf(
  kind: 'snp' | 'tdx',
  userData: Uint8Array,
  change: (hardwareReport: Uint8Array) => void = () => {},
): Uint8Array {
  const claims = new TextEncoder().encode(
    JSON.stringify({
      keys: [{ kid: 'HCLAkPub', kty: 'RSA', e: 'AQAB' }],
      'vm-configuration': { 'secure-boot': true },
      'user-data': hexOf(userData).toUpperCase(),
    }),
  )
  const hardware = new Uint8Array(1184)
  hardware.set(createHash('sha256').update(claims).digest(), kind === 'snp' ? 0x50 : 128)
  change(hardware)
  const little = (...values: number[]): Uint8Array =>
    new Uint8Array(Uint32Array.from(values).buffer)
  const type = kind === 'snp' ? 2 : 4
  return concat(
    little(0x414c_4348, 2, 1236 + claims.length, 2, 0, 0, 0, 0),
    hardware,
    little(20 + claims.length, 1, type, 1, claims.length),
    claims,
    new Uint8Array(64),
  )
}

/**
 * The paravisor: sees what the guest writes into 0x01400002, and exchanges 0x01400001 for `compose` of it,
 * after the guest has read the old one `delay` times.
 */
export async function paravised(
  { transmit, tpm }: Swtpm,
  compose: (userData: Uint8Array) => Uint8Array,
  delay = 0,
): Promise<Transmit> {
  const index = 0x0140_0001
  const first = compose(new Uint8Array(64))
  if (!(await tpm.nvSize(index)).ok) await asked(tpm.nvDefine(index, first.length))
  const store = async (report: Uint8Array): Promise<void> => {
    for (let offset = 0; offset < report.length; offset += 512) {
      await asked(
        transact(
          transmit,
          {
            name: 'TPM2_NV_Write',
            code: 0x137,
            handles: [owner, index],
            authorized: true,
            parameters: concat(sized(report.subarray(offset, offset + 512)), u16(offset)),
          },
          () => {},
        ),
      )
    }
  }
  await store(first)
  let due: { readonly report: Uint8Array; reads: number } | undefined
  return async (command) => {
    const view = new DataView(command.buffer, command.byteOffset)
    const code = view.getUint32(6)
    if (code === 0x169 && view.getUint32(10) === index && due !== undefined && due.reads-- <= 0) {
      await store(due.report)
      due = undefined
    }
    const answer = await transmit(command)
    if (code === 0x137 && view.getUint32(14) === 0x0140_0002) {
      due = { report: compose(command.slice(-66, -2)), reads: delay }
    }
    return answer
  }
}

/** As {@link paravised}, for reports that are larger than an index of `swtpm` may be: it answers for that index. */
export function holding(transmit: Transmit, report: Uint8Array): Transmit {
  return async (command) => {
    const view = new DataView(command.buffer, command.byteOffset)
    const code = view.getUint32(6)
    if (code === 0x169 && view.getUint32(10) === 0x0140_0001) {
      const area = concat(
        u32(0x0140_0001),
        u16(0x000b),
        u32(0x0002_0002),
        u16(0),
        u16(report.length),
      )
      const body = concat(sized(area), sized(new Uint8Array(34)))
      return ok(concat(u16(0x8001), u32(10 + body.length), u32(0), body))
    }
    if (code === 0x14e && view.getUint32(14) === 0x0140_0001) {
      const size = view.getUint16(command.length - 4)
      const offset = view.getUint16(command.length - 2)
      const data = sized(report.subarray(offset, offset + size))
      const body = concat(u32(data.length), data, u16(0), u8(1), u16(0))
      return ok(concat(u16(0x8002), u32(10 + body.length), u32(0), body))
    }
    return transmit(command)
  }
}

/**
 * A start on a machine, and, as a program, one that is killed. Arguments: the file of the secret, the machine as JSON,
 * and before which step on the disk the process is gone, 1 for the first. It ends with 0 where there were fewer.
 *
 * @module
 */

import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { sampleCpuSvn } from '@sealward/attestation/sample'
import type { SealingPolicy } from '../evidence/index.ts'
import { sealingKeyAt } from '../evidence/simulated/sealing-key.ts'
import { masterKeyFrom, masterKeyIdOf } from '../sealing/index.ts'
import { sampleInitTimeData } from '../testing/sample.ts'
import { type KeptMasterKeyOptions, openKeptMasterKey } from './kept-master-key.ts'
import { secretFile } from './place.ts'

export interface Machine {
  readonly policy: SealingPolicy
  /** The machine and the code on it. */
  readonly isUpdated?: boolean
  /** Whether there is data that was sealed under the sealing key itself. */
  readonly isDirect?: boolean
}

/** The id of the master key, or the code of the problem. */
export async function startOn(
  file: string,
  { policy, isDirect, ...machine }: Machine,
): Promise<string> {
  const tee = teeOn(machine)
  const direct = masterKeyFrom(await teeOn({}).sealingKey('mrsigner'), tee.initTimeData)
  const kept = await openKeptMasterKey({
    name: 'master',
    place: secretFile(file),
    tee,
    policy,
    sealedUnder: isDirect === true ? [masterKeyIdOf(direct)] : [],
  })
  return kept.ok ? masterKeyIdOf(kept.value.key) : kept.problem.code
}

function teeOn({
  isUpdated = false,
}: {
  readonly isUpdated?: boolean
}): KeptMasterKeyOptions['tee'] {
  const cpuSvn = isUpdated ? sampleCpuSvn.map((svn) => Math.min(svn + 1, 255)) : sampleCpuSvn
  const host = {
    hostSecret: new Uint8Array(32).fill(7),
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 1,
    isvSvn: isUpdated ? 2 : 1,
    debug: false,
    cpuSvn,
    olderSealingKeys: true,
  }
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return {
    self: {
      mrEnclave: hex(host.mrEnclave),
      mrSigner: hex(host.mrSigner),
      isvProdId: 1,
      isvSvn: host.isvSvn,
      configId: '0'.repeat(128),
      debug: false,
      cpuSvn: hex(cpuSvn),
    },
    initTimeData: sampleInitTimeData(),
    sealingKey: async (policy) => sealingKeyAt(host, policy, undefined),
    olderSealingKey: async (policy, asked) => sealingKeyAt(host, policy, asked),
  }
}

const [, program, file, machine, last] = process.argv
if (program === import.meta.filename && file !== undefined && machine !== undefined) {
  let steps = 0
  const counted =
    <Args extends unknown[], T>(step: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> => {
      steps += 1
      if (steps === Number(last)) process.kill(process.pid, 'SIGKILL')
      return step(...args)
    }
  const { link, mkdir, open, rename, rm } = fs
  const countedOpen = counted(async (...args: Parameters<typeof open>) => {
    const handle = await open(...args)
    handle.writeFile = counted(handle.writeFile.bind(handle))
    handle.close = counted(handle.close.bind(handle))
    return handle
  })
  Object.assign(fs, {
    link: counted(link),
    mkdir: counted(mkdir),
    open: countedOpen,
    rename: counted(rename),
    rm: counted(rm),
  })
  syncBuiltinESMExports()
  await startOn(file, JSON.parse(machine) as Machine)
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onPath } from '../../../deploy/local/bootstrap/test-programs.mjs'
import { type Recording, readCapture } from './read-capture.ts'

/** Records every packet on every interface of this machine while it runs. */
export interface WireRecorder {
  /** Ends the recording. Fails when the kernel dropped a packet: what was not seen cannot be said to be clean. */
  stop(): Promise<Recording>
  /** Ends the recording without looking at it. */
  giveUp(): void
}

/** Why nothing can be recorded here; `undefined` where it can. */
export function whyNoWireRecorder(): string | undefined {
  if (process.platform !== 'linux') return 'packets are recorded on Linux only'
  if (!onPath('tcpdump')) return 'tcpdump is not installed'
  return process.getuid?.() === 0 ? undefined : 'recording packets takes root'
}

/** @param file - where the packets are written while recording. */
export async function startWireRecorder(file: string): Promise<WireRecorder> {
  // As root still (-Z): the folder that it writes to is ours alone.
  const parameters = '-i any -y LINUX_SLL2 -s 0 -B 262144 -n -U -Z root -w'.split(' ')
  const child = spawn('tcpdump', [...parameters, file])
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await listening(child, () => said)
  return {
    async stop() {
      const ended = once(child, 'close')
      child.kill('SIGINT')
      await ended
      const dropped = /(\d+) packets dropped by kernel/.exec(said)?.[1]
      if (dropped !== '0') throw new Error(`the recorder missed packets: ${said}`)
      return readCapture(readFileSync(file))
    },
    giveUp: () => void child.kill('SIGKILL'),
  }
}

async function listening(child: ChildProcess, said: () => string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!said().includes('listening on')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`tcpdump: ${said()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

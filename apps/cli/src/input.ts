import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { textOf } from '@sealward/attestation/bytes'

/** Whoever, or whatever, is at standard input. */
export interface Input {
  /** Whether somebody sits there, who can be asked. */
  readonly isTerminal: boolean
  /** Asks, on standard error; what is hidden is not shown as it is typed. */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string>
  /** All that comes, where nobody sits there; `undefined` where it is more than `bytesMax`, or no UTF-8. */
  text(bytesMax: number): Promise<string | undefined>
}

/** Standard input. */
export function standardInput(signal: AbortSignal): Input {
  const { stdin, stderr } = process
  return {
    isTerminal: stdin.isTTY === true,
    async ask(question, { hidden = false } = {}) {
      stderr.write(question)
      // What is typed is echoed by what writes it: where that is nothing, it is not seen.
      const output = hidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : stderr
      const lines = createInterface({ input: stdin, output, terminal: true })
      try {
        return await lines.question('', { signal })
      } finally {
        lines.close()
        if (hidden) stderr.write('\n')
      }
    },
    async text(bytesMax) {
      const parts: Buffer[] = []
      let length = 0
      for await (const part of stdin as AsyncIterable<Buffer>) {
        length += part.length
        if (length > bytesMax) return undefined
        parts.push(part)
      }
      return textOf(Buffer.concat(parts))
    },
  }
}

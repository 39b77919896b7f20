import { createWriteStream } from 'node:fs'

/** Appends lines to a log file of the state folder. */
export function openLog(file: string): (line: string) => void {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 })
  return (line) => stream.write(`${line}\n`)
}

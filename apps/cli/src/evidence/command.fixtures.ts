/**
 * The command line in this process, and files for it.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'

/** What the clock says, where `--at` is not given: 2026-11-23. */
export const now = 1_795_392_000

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Judged {
  readonly code: number
  readonly err: string
  /** The one line that was printed. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface Scratch {
  readonly folder: string
  /** The path of a new file. */
  written(content: string | Uint8Array): string
  remove(): void
}

export function openScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-evidence-'))
  let files = 0
  return {
    folder,
    written(content) {
      files += 1
      const file = join(folder, `${files}.bin`)
      writeFileSync(file, content)
      return file
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export async function sealward(...commandLine: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const surroundings: Surroundings = {
    effects: { clock: { now: () => now } } as Surroundings['effects'],
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  }
  const code = await run(commandLine, surroundings)
  return { code, out, err }
}

/** `evidence verify … --json`. */
export async function verifyJson(...parameters: readonly string[]): Promise<Judged> {
  const { code, out, err } = await sealward('evidence', 'verify', ...parameters, '--json')
  if (out.indexOf('\n') !== out.length - 1) throw new Error(`not one line: ${out}`)
  return { code, err, json: JSON.parse(out) as Judged['json'] }
}

export function pemOf(...ders: readonly Uint8Array[]): string {
  return ders
    .map((der) => {
      const base64 = Buffer.from(der).toString('base64')
      return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}

export function at(seconds: number): readonly string[] {
  return ['--at', new Date(1000 * seconds).toISOString()]
}

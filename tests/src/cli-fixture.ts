import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from './sources.ts'

/** How the command line ended, and all it printed. */
export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly output: string
}

/** Runs `sealward` as a user's shell does, by its bin file. */
export function runCli(
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'apps/cli/bin/sealward.js'), ...parameters],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({ code: code ?? -1, stdout, stderr, output: stdout + stderr }),
    )
  })
}

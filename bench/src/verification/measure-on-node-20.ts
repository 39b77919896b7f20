import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import type { VerificationFigures } from './measure-verification.ts'
import { vectors } from './vectors.ts'

const run = promisify(execFile)

/** The same measurement on the Node 20 of this machine, or `undefined` where there is none. */
export async function measureOnNode20(): Promise<VerificationFigures | undefined> {
  const node = await systemNode20()
  if (node === undefined) return undefined
  // Beside the packages, so that the peers are found and not bundled.
  const folder = mkdtempSync(join(root, 'node_modules', '.sealward-bench-'))
  try {
    const file = join(folder, 'on-this-node.mjs')
    const bundle = await rolldown({
      input: fileURLToPath(new URL('./on-this-node.ts', import.meta.url)),
      platform: 'node',
    })
    await bundle.write({ file, format: 'es', codeSplitting: false })
    await bundle.close()
    const env = { ...process.env, SEALWARD_SHARED: join(vectors, '..') }
    const { stdout } = await run(node, [file], { env })
    return JSON.parse(stdout) as VerificationFigures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The first on the path that no package brought: scripts of npm have those first. */
async function systemNode20(): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  for (const folder of folders.filter((name) => !name.split(sep).includes('node_modules'))) {
    const node = join(folder, 'node')
    if (!existsSync(node)) continue
    const { stdout } = await run(node, ['--version'])
    if (stdout.startsWith('v20.')) return node
  }
  return undefined
}

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/** Bundles `testing/<name>.ts` as `main.js` into `dist` of a new temporary folder, as a service is built. */
export async function bundleWorkload(name: string): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), `sealward-${name}-`)), 'dist')
  const bundle = await rolldown({
    input: { main: fileURLToPath(new URL(`./${name}.ts`, import.meta.url)) },
    platform: 'node',
    external: [/^node:/],
    logLevel: 'silent',
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  return folder
}

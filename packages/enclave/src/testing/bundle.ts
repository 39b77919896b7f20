import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/** Bundles `testing/<name>.ts`, or another source, as `main.js` into `dist` of a new temporary folder, as a service is built. */
export async function bundleWorkload(
  name: string,
  source: URL = new URL(`./${name}.ts`, import.meta.url),
): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), `sealward-${name}-`)), 'dist')
  const bundle = await rolldown({
    input: { main: fileURLToPath(source) },
    platform: 'node',
    external: [/^node:/, 'pg-native', 'pg-cloudflare'],
    logLevel: 'silent',
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  return folder
}

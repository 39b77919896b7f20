import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

/** What a service's own `build.ts` says beyond the one entry that every service has. */
export interface ServiceBuild {
  /** Name of the bundle to source file: `{ main: 'src/main.ts' }`. */
  readonly entries: Readonly<Record<string, string>>
  /** Modules that stay outside the bundle; they are among the copies then. */
  readonly external?: readonly (string | RegExp)[]
  /** Files or folders that lie beside the bundle, since it reads them when it runs. */
  readonly copies?: readonly { readonly from: string; readonly to: string }[]
}

/**
 * Bundles a service into `dist/`: all it runs on but Node itself, so that its tree hash covers all.
 * The new folder takes the old one's place in one step.
 */
export async function buildService(folder: string): Promise<void> {
  const { entries, external = [], copies = [] } = await readBuild(folder)
  const fresh = join(folder, 'dist.new')
  await rm(fresh, { recursive: true, force: true })
  const bundle = await rolldown({
    input: Object.fromEntries(
      Object.entries(entries).map(([name, source]) => [name, join(folder, source)]),
    ),
    platform: 'node',
    external: [/^node:/, 'pg-native', 'pg-cloudflare', ...external],
    logLevel: 'silent',
    cwd: folder,
  })
  await bundle.write({
    dir: fresh,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunk-[name].js',
    minify: false,
    sourcemap: false,
    comments: { legal: false },
  })
  await bundle.close()
  for (const { from, to } of copies) {
    const target = join(fresh, to)
    await mkdir(dirname(target), { recursive: true })
    await cp(resolve(folder, from), target, { recursive: true, dereference: true })
  }
  await rm(join(folder, 'dist'), { recursive: true, force: true })
  await rename(fresh, join(folder, 'dist'))
}

async function readBuild(folder: string): Promise<ServiceBuild> {
  const own = join(folder, 'build.ts')
  if (!existsSync(own)) return { entries: { main: 'src/main.ts' } }
  const { build } = (await import(pathToFileURL(own).href)) as { readonly build: ServiceBuild }
  return build
}

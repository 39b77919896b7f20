import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

/** The verifier as a page loads it. */
export interface VerifierBundle {
  readonly code: string
  readonly gzipBytes: number
  /** Modules that it imports, of Node or of anybody: whatever is not in the bundle. */
  readonly imports: readonly string[]
  /** Those of them that are Node's own. */
  readonly nodeBuiltIns: readonly string[]
}

/** Bundles and minifies the verifier for a browser. */
export async function bundleVerifier(): Promise<VerifierBundle> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('./verifier-entry.ts', import.meta.url)),
    platform: 'browser',
    treeshake: { moduleSideEffects: false },
  })
  const { output } = await bundle.generate({ format: 'es', minify: true, codeSplitting: false })
  await bundle.close()
  const [{ code, imports, dynamicImports }] = output
  const names = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
  const imported = [...imports, ...dynamicImports]
  return {
    code,
    gzipBytes: gzipSync(code, { level: 9 }).length,
    imports: imported,
    nodeBuiltIns: imported.filter((name) => names.has(name)),
  }
}

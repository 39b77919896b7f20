/**
 * What a service's build needs to know to bundle this package: the worker's entry and the codecs
 * that lie beside the bundle. Not imported at run time.
 *
 * @module
 */

import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codecFiles } from './codecs.ts'

/** Name of the worker's bundle, beside the one that starts it, and its source. */
export const imagingWorkerEntry: { readonly name: string; readonly source: string } = {
  name: 'imaging-worker',
  source: fileURLToPath(new URL('./worker.ts', import.meta.url)),
}

/** Codec modules, and the `.wasm` that each reads from its own folder. */
export const imagingCopies: readonly { readonly from: string; readonly to: string }[] =
  Object.entries(codecFiles).flatMap(([name, { module, wasm }]) => [
    { from: pathOf(module), to: `codecs/${name}.cjs` },
    { from: pathOf(wasm), to: `codecs/${basename(pathOf(wasm))}` },
  ])

function pathOf(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier))
}

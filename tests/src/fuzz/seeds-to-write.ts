import type { FuzzSeeds } from './fuzz-seeds.ts'
import type { FuzzTarget } from './targets.ts'

/**
 * Of each target, the seeds that are kept, or those that were made where `named` says so or those that are kept will not do.
 *
 * @throws when a target has no seeds, or refuses one that was made for it.
 */
export async function seedsToWrite(
  targets: readonly Pick<FuzzTarget, 'name' | 'run'>[],
  seeds: { readonly kept: FuzzSeeds; readonly made: FuzzSeeds; readonly named: readonly string[] },
): Promise<FuzzSeeds> {
  const without = targets.find(({ name }) => !seeds.made.get(name)?.length)
  if (without !== undefined) throw new Error(`no seeds are made for ${without.name}`)
  const written = new Map<string, readonly Uint8Array[]>()
  // What is kept stays where it stands.
  for (const name of new Set([...seeds.kept.keys(), ...seeds.made.keys()])) {
    const run = targets.find((target) => target.name === name)?.run
    const [kept = [], made] = [seeds.kept.get(name), seeds.made.get(name)]
    if (run === undefined || made === undefined) continue
    const isEnough = kept.length === made.length && !seeds.named.includes(name)
    if (isEnough && (await accepts(run, kept))) written.set(name, kept)
    else if (await accepts(run, made)) written.set(name, made)
    else throw new Error(`${name} refuses a seed that was made for it`)
  }
  return written
}

async function accepts(run: FuzzTarget['run'], seeds: readonly Uint8Array[]): Promise<boolean> {
  for (const seed of seeds) if (!(await run(seed)).ok) return false
  return true
}

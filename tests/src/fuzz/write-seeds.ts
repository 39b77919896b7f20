/**
 * `node tests/src/fuzz/write-seeds.ts [target…]` writes `tests/fixtures/fuzz-seeds.json`.
 *
 * Only the same bytes give the same inputs, so seeds are kept as long as their parser accepts them: what is made anew are those
 * of targets that are named, that have none yet, or more or fewer than are made, or one that is refused by now. To write
 * twice is to write the same.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { base64Of } from '@sealward/attestation/bytes'
import { fuzzSeedsFile, readFuzzSeeds } from './fuzz-seeds.ts'
import { makeFuzzSeeds } from './make-seeds.ts'
import { seedsToWrite } from './seeds-to-write.ts'
import { fuzzTargets } from './targets.ts'

const named = process.argv.slice(2)
const unknown = named.filter((name) => !fuzzTargets().some((target) => target.name === name))
if (unknown.length > 0) {
  process.stderr.write(`write-seeds: no such target: ${unknown.join(', ')}.\n`)
  process.exit(2)
}
const kept = readFuzzSeeds()
const seeds = await seedsToWrite(fuzzTargets(), { kept, made: await makeFuzzSeeds(), named })
const entries = [...seeds].map(([name, list]) => entryOf(name, list.map(base64Of)))
writeFileSync(fuzzSeedsFile, `{\n${entries.join(',\n')}\n}\n`)
for (const [name, list] of seeds) {
  if (list !== kept.get(name)) process.stdout.write(`${name}: ${list.length} made anew\n`)
}

/** On one line where there is room, as the formatter has it. */
function entryOf(name: string, texts: readonly string[]): string {
  const quoted = texts.map((text) => JSON.stringify(text))
  const line = `  ${JSON.stringify(name)}: [${quoted.join(', ')}]`
  return line.length < 100
    ? line
    : `  ${JSON.stringify(name)}: [\n${quoted.map((text) => `    ${text}`).join(',\n')}\n  ]`
}

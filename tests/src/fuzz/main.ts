/** `npm run fuzz -- [target|all] [--seconds 60] [--seed N]`: a finding is written to `fuzz-findings/`, and ends it with 1. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'
import { fuzzTargets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const [name = 'all'] = positionals
const targets = (await fuzzTargets()).filter((target) => name === 'all' || target.name === name)
if (targets.length === 0) {
  const known = (await fuzzTargets()).map((target) => target.name).join(', ')
  process.stderr.write(`No such target: ${name}. There are: ${known}.\n`)
  process.exit(2)
}
let findings = 0
for (const target of targets) {
  const settings = {
    seed,
    executionsMax: Number.POSITIVE_INFINITY,
    secondsMax: Number(values.seconds),
  }
  const { executions, seconds, longestMs, finding } = fuzz(target, settings)
  const rate = Math.round(executions / seconds)
  process.stdout.write(
    `${target.name}: ${executions} inputs, ${rate} a second, the longest ${longestMs.toFixed(1)} ms, seed ${seed}\n`,
  )
  if (finding === undefined) continue
  findings += 1
  mkdirSync('fuzz-findings', { recursive: true })
  const file = `fuzz-findings/${target.name}-${seed}-${executions}.hex`
  writeFileSync(file, Buffer.from(finding.input).toString('hex'))
  process.stdout.write(`FOUND ${target.name} ${finding.what}: ${file}\n`)
}
process.exitCode = findings === 0 ? 0 : 1

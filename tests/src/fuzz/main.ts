/**
 * `npm run fuzz -- [target|all] [--seconds 60] [--seed N]`: a finding is written to `fuzz-findings/` and ends it with 1.
 *
 * `npm run fuzz -- target --input FILE` tries one that was written. Each target has a process of its own (`--here` is
 * that process): a parser may bring down all of it, and that is a finding too, which its seed brings back.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { bytesOfHex, hexOf } from '@sealward/attestation/bytes'
import { fuzz, fuzzOnce } from './fuzz.ts'
import { type FuzzTarget, fuzzTargets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    input: { type: 'string' },
    here: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const seconds = Number(values.seconds)
const [name = 'all'] = positionals
const all = fuzzTargets()
const targets = all.filter((target) => name === 'all' || target.name === name)
if (targets.length === 0) {
  wrongUsage(`no such target: ${name}. There are: ${all.map((one) => one.name).join(', ')}.`)
}
if (!Number.isSafeInteger(seed) || !(seconds > 0)) wrongUsage('seconds and seed are numbers.')

const { input, here } = values
const stands: boolean[] = []
for (const target of targets) {
  if (input !== undefined) stands.push(await replay(target, input))
  else stands.push(here ? await run(target) : runApart(target))
}
process.exitCode = stands.every(Boolean) ? 0 : 1

function runApart({ name: target }: FuzzTarget): boolean {
  const parameters = [target, '--here', '--seconds', String(seconds), '--seed', String(seed)]
  const program = [...process.execArgv, import.meta.filename, ...parameters]
  const { status, signal } = spawnSync(process.execPath, program, { stdio: 'inherit' })
  if (signal !== null) write(`FOUND ${target} ends the process, ${signal}: seed ${seed}`)
  return status === 0
}

async function run(target: FuzzTarget): Promise<boolean> {
  const settings = { seed, executionsMax: Number.POSITIVE_INFINITY, secondsMax: seconds }
  const report = await fuzz(target, settings)
  const { executions, accepted, finding } = report
  const rate = Math.round(executions / report.seconds)
  write(
    `${target.name}: ${executions} inputs, ${accepted} accepted, ${rate} a second, the longest ${report.longestMs.toFixed(1)} ms, seed ${seed}`,
  )
  if (finding === undefined) return true
  mkdirSync('fuzz-findings', { recursive: true })
  const file = `fuzz-findings/${target.name}-${seed}-${executions}.hex`
  writeFileSync(file, hexOf(finding.input))
  write(`FOUND ${target.name} ${finding.what}: ${file}`)
  return false
}

async function replay(target: FuzzTarget, file: string): Promise<boolean> {
  const input = bytesOfHex(readFileSync(file, 'utf8').trim())
  if (input === undefined) return wrongUsage(`${file} is not hex.`)
  const finding = await fuzzOnce(target, input)
  write(`${target.name}: ${finding === undefined ? 'stands it' : finding.what}`)
  return finding === undefined
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}

function wrongUsage(problem: string): never {
  process.stderr.write(`fuzz: ${problem}\n`)
  process.exit(2)
}

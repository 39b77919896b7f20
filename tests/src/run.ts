import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How many facts a gate looked at, and what became of them. */
interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Gate {
  readonly name: string
  readonly run: () => Promise<Tally>
}

const quick = process.argv.includes('quick')
if (quick) process.env['SEALWARD_QUICK'] = '1'
const results = mkdtempSync(join(tmpdir(), 'sealward-results-'))

const gates: readonly Gate[] = [
  command('format and lint (Biome)', 'biome', 'check', '.'),
  command('lint with types (oxlint)', 'oxlint', '--type-aware', '--deny-warnings'),
  command('types: Node code', 'tsc', '--noEmit', '-p', 'tsconfig.json'),
  command(
    'types: the trust core without host types',
    'tsc',
    '--noEmit',
    '-p',
    'packages/attestation/tsconfig.json',
  ),
  command('types: portal', 'tsc', '--noEmit', '-p', 'apps/portal/tsconfig.json'),
  vitest('unit, property, vector and architecture tests', 'vitest.config.ts'),
  ...(quick
    ? []
    : [vitest('end to end: real processes, a real browser', 'tests/vitest.e2e.config.ts')]),
]

let total: Tally = { passed: 0, failed: 0, skipped: 0 }
for (const gate of gates) {
  const started = Date.now()
  write(`\n── ${gate.name}\n`)
  const tally = await gate.run()
  total = {
    passed: total.passed + tally.passed,
    failed: total.failed + tally.failed,
    skipped: total.skipped + tally.skipped,
  }
  write(
    `${tally.failed === 0 ? '✓' : '✗'} ${gate.name}: ${told(tally)} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`,
  )
}
rmSync(results, { recursive: true, force: true })
write(`\n${told(total)}\n`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1

/** A program whose success is one fact. */
function command(name: string, program: string, ...parameters: readonly string[]): Gate {
  return {
    name,
    run: async () => {
      const code = await call(program, parameters)
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
    },
  }
}

/** A Vitest run, counted from its own report; a run that examined nothing has failed. */
function vitest(name: string, config: string): Gate {
  return {
    name,
    run: async () => {
      const report = join(results, `${config.replaceAll('/', '-')}.json`)
      const code = await call('vitest', [
        'run',
        '--config',
        config,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ])
      const counted = readReport(report)
      const missed = code !== 0 && counted.failed === 0 ? 1 : 0
      const nothing = counted.passed + counted.failed === 0 ? 1 : 0
      return { ...counted, failed: counted.failed + Math.max(missed, nothing) }
    },
  }
}

function readReport(file: string): Tally {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly numPassedTests: number
      readonly numFailedTests: number
      readonly numPendingTests: number
      readonly numTodoTests: number
    }
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

function call(program: string, parameters: readonly string[]): Promise<number> {
  const child = spawn(program, parameters, { stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve) => {
    child.once('error', (error) => {
      write(`${program}: ${error.message}\n`)
      resolve(1)
    })
    child.once('close', (code) => resolve(code ?? 1))
  })
}

function told({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}

function write(text: string): void {
  process.stdout.write(text)
}

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '@sealward/enclave/effects'
import { freePort } from '@sealward/enclave/local-servers'
import { readStackConfiguration } from '../../apps/cli/src/configuration.ts'
import { readCredentials } from '../../apps/cli/src/credentials.ts'
import { diagnose } from '../../apps/cli/src/diagnose.ts'
import { openHospital } from '../../apps/cli/src/hospital-client.ts'
import { quantiles, rounded } from './figures.ts'

/** Seconds until `/healthz` answers 200, and milliseconds from a film in memory to its kept receipt. */
export interface StackFigures {
  /** An empty state folder; packages installed, services built. */
  readonly firstStartSeconds: number
  /** The same state folder again. */
  readonly secondStartSeconds: number
  /** Verifying the platform, and sealing, storing, interpreting, recording, reading back each film. */
  readonly filmToResultMs: { readonly p50: number; readonly p99: number; readonly films: number }
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const films = 60

/** Starts the stack twice as `npm start` does, and then sends it films one after the other. */
export async function measureStack(): Promise<StackFigures> {
  const home = mkdtempSync(join(tmpdir(), 'sealward-bench-'))
  const env = { ...process.env, SEALWARD_HOME: join(home, 'state'), PORT: String(await freePort()) }
  try {
    const first = await start(env)
    await end(first.child)
    const second = await start(env)
    const times = await timeFilms(env)
    await end(second.child)
    return {
      firstStartSeconds: first.seconds,
      secondStartSeconds: second.seconds,
      filmToResultMs: { ...quantiles(times), films: times.length },
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

type StackEnv = Readonly<Record<'SEALWARD_HOME' | 'PORT', string>> & NodeJS.ProcessEnv

async function start(
  env: StackEnv,
): Promise<{ readonly child: ChildProcess; readonly seconds: number }> {
  const started = performance.now()
  const child = spawn(process.execPath, [join(root, 'deploy/local/bootstrap/start.mjs')], {
    cwd: root,
    env,
    stdio: 'ignore',
  })
  while (!(await isHealthy(env.PORT))) {
    if (child.exitCode !== null) throw new Error('the stack did not start')
    await sleep(20)
  }
  return { child, seconds: rounded((performance.now() - started) / 1000) }
}

function isHealthy(port: string): Promise<boolean> {
  return fetch(`http://localhost:${port}/healthz`).then(
    (answer) => answer.ok,
    () => false,
  )
}

function end(child: ChildProcess): Promise<unknown> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  return ended
}

async function timeFilms(env: StackEnv): Promise<readonly number[]> {
  const folder = join(root, 'models', 'synthetic-films')
  const [film] = readdirSync(folder).filter((name) => name.endsWith('.dcm'))
  const bytes = new Uint8Array(readFileSync(join(folder, film ?? '')))
  const effects = {
    fetch,
    clock: systemClock,
    random: systemRandom,
    sleep: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
  }
  const configuration = accepted(
    await readStackConfiguration(effects, `http://localhost:${env.PORT}`),
  )
  const credentials = accepted(await readCredentials(join(env.SEALWARD_HOME, 'cli.json')))
  const times: number[] = []
  for (let run = -5; run < films; run++) {
    const started = performance.now()
    const hospital = accepted(await openHospital(effects, configuration, credentials))
    accepted(
      await diagnose(effects, hospital, bytes, {
        receiptFolder: join(env.SEALWARD_HOME, '..', 'receipts'),
        timeoutSeconds: 60,
      }),
    )
    if (run >= 0) times.push(performance.now() - started)
  }
  return times
}

function accepted<T>(
  outcome:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly problem: { readonly code: string } },
): T {
  if (outcome.ok) return outcome.value
  throw new Error(outcome.problem.code)
}

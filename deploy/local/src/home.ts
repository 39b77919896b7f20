import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StackProblem } from './problem.ts'

/** The one folder that holds all state. Its marker lets `npm run reset` know that it may remove it. */
export interface Home {
  readonly folder: string
  path(...parts: readonly string[]): string
  /** Reads a secret, or makes and keeps it (mode 0600) the first time. */
  secret(name: string, make: () => string | Promise<string>): Promise<string>
  release(): void
}

/**
 * Opens the state folder, makes it if needed (mode 0700), and takes its lock.
 *
 * @throws StackProblem `home-unwritable`, `home-foreign` or `home-in-use`, each with a sentence.
 */
export function openHome(folder: string): Home {
  const home = resolve(folder)
  const path = (...parts: readonly string[]): string => join(home, ...parts)
  const lock = path('stack.pid')
  const marker = path('sealward-home')
  try {
    const fresh = !existsSync(home)
    mkdirSync(home, { recursive: true, mode: 0o700 })
    if (fresh || existsSync(marker) || isEmpty(home)) {
      writeFileSync(marker, 'State of a local Sealward stack. `npm run reset` removes it.\n')
    } else {
      throw new StackProblem(
        'home-foreign',
        `${home} holds other files. Choose an empty folder with SEALWARD_HOME.`,
      )
    }
  } catch (error) {
    if (error instanceof StackProblem) throw error
    throw new StackProblem(
      'home-unwritable',
      `The state folder ${home} cannot be written (${codeOf(error)}). Choose another with SEALWARD_HOME.`,
    )
  }
  takeLock(lock, home)
  return {
    folder: home,
    path,
    async secret(name, make) {
      const file = path(name)
      if (existsSync(file)) return readFileSync(file, 'utf8')
      const value = await make()
      writeFileSync(file, value, { mode: 0o600, flag: 'wx' })
      return value
    },
    release: () => rmSync(lock, { force: true }),
  }
}

function takeLock(lock: string, home: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch {
      if (isAlive(Number(readFileSync(lock, 'utf8')))) break
      rmSync(lock, { force: true })
    }
  }
  throw new StackProblem(
    'home-in-use',
    `Sealward is already running from ${home}. Stop it first, or choose another folder with SEALWARD_HOME.`,
  )
}

/** Whether a process of that id exists. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LocalProblem, takeLock } from '@sealward/enclave/local-servers'

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
 * @throws LocalProblem `home-unwritable`, `home-foreign` or `home-in-use`, each with a sentence.
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
      throw new LocalProblem(
        'home-foreign',
        `${home} holds other files. Choose an empty folder with SEALWARD_HOME.`,
      )
    }
  } catch (error) {
    if (error instanceof LocalProblem) throw error
    throw new LocalProblem(
      'home-unwritable',
      `The state folder ${home} cannot be written (${codeOf(error)}). Choose another with SEALWARD_HOME.`,
    )
  }
  if (!takeLock(lock)) {
    throw new LocalProblem(
      'home-in-use',
      `Sealward is already running from ${home}. Stop it first, or choose another folder with SEALWARD_HOME.`,
    )
  }
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

function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

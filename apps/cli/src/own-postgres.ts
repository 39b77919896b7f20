import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  LocalProblem,
  type Postgres,
  runningPostgres,
  startPostgres,
  takeLock,
} from '@sealward/enclave/local-servers'

/**
 * Starts PostgreSQL with its data in the state folder; made there the first time.
 *
 * @throws LocalProblem `state-in-use`, where another process has done so; what `startPostgres` throws.
 */
export async function startOwnPostgres(stateFolder: string): Promise<Postgres> {
  const place = await placeIn(stateFolder)
  const lock = `${place.folder}.pid`
  if (!takeLock(lock)) {
    throw new LocalProblem(
      'state-in-use',
      `Another service runs from ${resolve(stateFolder)}. Stop it first, or choose another folder.`,
    )
  }
  const release = (): void => rmSync(lock, { force: true })
  try {
    const postgres = await startPostgres({ ...place, durable: true })
    return {
      ...postgres,
      async stop() {
        await postgres.stop()
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** Whether a service has ever run with this state folder. Nothing is made by asking. */
export function hasOwnPostgres(stateFolder: string): boolean {
  return existsSync(join(resolve(stateFolder), 'postgres'))
}

/** The address of the one that a service with this state folder has started; `undefined` while none runs. */
export async function ownPostgres(stateFolder: string): Promise<string | undefined> {
  return runningPostgres(await placeIn(stateFolder))
}

async function placeIn(
  stateFolder: string,
): Promise<{ readonly folder: string; readonly password: string }> {
  const folder = resolve(stateFolder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, 'postgres-owner')
  await writeFile(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    },
  )
  return { folder: join(folder, 'postgres'), password: await readFile(file, 'utf8') }
}

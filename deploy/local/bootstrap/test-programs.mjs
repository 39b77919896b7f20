import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { pinnedNode, root } from './install.mjs'
import { run } from './run.mjs'
import { Stop, step } from './steps.mjs'

/** What the tests drive beside the npm packages, by the name of Debian's package and how it is found. */
const programs = [
  { package: 'chromium', found: () => chromium() !== undefined },
  { package: 'tcpdump', found: () => onPath('tcpdump') || process.platform !== 'linux' },
  { package: 'swtpm', found: () => onPath('swtpm') },
  { package: 'softhsm2', found: () => onPath('softhsm2-util') },
  { package: 'g++', found: () => onPath('g++') },
  { package: 'redis-server', found: () => onPath('redis-server') || onPath('valkey-server') },
  { package: 'nginx-light', found: () => onPath('nginx') || existsSync('/usr/sbin/nginx') },
  {
    package: 'fonts-noto-cjk',
    found: () => existsSync('/usr/share/fonts/opentype/noto') || process.platform !== 'linux',
  },
]

/** A browser that the tests can drive, or `undefined`. */
export function chromium() {
  const known = [
    process.env.SEALWARD_CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ]
  return known.find((file) => file !== undefined && existsSync(file))
}

/** Installs the missing ones from the system's packages, and says which; builds what tokens of PKCS#11 are reached by. */
export async function installTestPrograms() {
  await installMissing()
  await buildPkcs11()
}

/** Its package brings no binary. Where it cannot be built, its tests say that they are skipped. */
async function buildPkcs11() {
  const folder = join(root, 'node_modules/pkcs11js')
  const built = join(folder, 'build/Release/pkcs11.node')
  const headers = join(dirname(pinnedNode()), '../include/node')
  if (!existsSync(folder) || existsSync(built) || !existsSync(headers) || !onPath('g++')) return
  await step('Building pkcs11js', async () => {
    mkdirSync(dirname(built), { recursive: true })
    const sources = ['dl.cpp', 'common.cpp', 'main.cpp'].map((name) => join('src', name))
    const flags = '-std=c++17 -O1 -shared -fPIC -DNODE_GYP_MODULE_NAME=pkcs11'.split(' ')
    const defined = ['-DBUILDING_NODE_EXTENSION', '-DNAPI_DISABLE_CPP_EXCEPTIONS']
    const more = ['-I', headers, '-I', 'includes', '-o', built, '-ldl']
    const linked = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
    await run('g++', [...flags, ...defined, ...linked, ...sources, ...more], { cwd: folder })
  })
}

async function installMissing() {
  const missing = programs.filter(({ found }) => !found()).map((program) => program.package)
  if (missing.length === 0) return
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (!onPath('apt-get') || (sudo.length > 0 && !onPath('sudo'))) {
    throw new Stop(`The tests need ${missing.join(', ')}: install them, then run npm test again.`)
  }
  await step(`Installing ${missing.join(', ')} from the system's packages`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const apt = (...parameters) => {
      const [command, ...rest] = [...sudo, 'apt-get', ...parameters]
      return run(command, rest, { env })
    }
    await apt('update', '-q')
    await apt('install', '-q', '-y', '--no-install-recommends', ...missing)
  })
}

/** Whether a program of this name is installed. */
export function onPath(program) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => existsSync(join(folder, program)))
}

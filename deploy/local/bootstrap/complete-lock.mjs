// Completes package-lock.json with the binaries of every platform.
//
// npm leaves an optional dependency out of the lockfile when the registry that it asks does not have it,
// and `npm ci` then refuses the lockfile, on every platform. Run after any change of dependencies.

import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../../../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const added = []

for (const [place, entry] of Object.entries(lock.packages)) {
  if (!place.includes('node_modules/')) continue
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `${folderOf(place)}${name}`
    if ([own, `node_modules/${name}`, `${place}/node_modules/${name}`].some(holds(version)))
      continue
    const platform = platformOf(name)
    if (platform === undefined || !/^\d/.test(version)) continue
    lock.packages[own] = {
      version,
      ...platform,
      ...(entry.dev === true ? { dev: true } : {}),
      optional: true,
    }
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)),
)
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`)
process.stdout.write(
  added.length === 0
    ? 'The lockfile was complete.\n'
    : `Added to the lockfile:\n  ${added.join('\n  ')}\n`,
)

/** The `node_modules/` folder in which a package lies. */
function folderOf(place) {
  return place.slice(0, place.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function holds(version) {
  return (place) => lock.packages[place]?.version === version
}

/** Which machines a platform's package is for, read from its name as these packages name themselves. */
function platformOf(name) {
  const systems = [
    'aix',
    'android',
    'darwin',
    'freebsd',
    'linux',
    'netbsd',
    'openbsd',
    'openharmony',
    'sunos',
    'win32',
  ]
  const words = name.split('/').at(-1).split('-')
  const cpu = words.find((word) =>
    /^(x64|arm64|arm|ia32|ppc64|riscv64|s390x|wasm32|loong64)$/.test(word),
  )
  const os = systems.find((system) => words.includes(system))
  if (cpu === 'wasm32') return { cpu: ['wasm32'] }
  if (cpu === undefined || os === undefined) return undefined
  const libc = words.includes('musl')
    ? ['musl']
    : words.includes('gnu') && os === 'linux'
      ? ['glibc']
      : undefined
  return { cpu: [cpu], os: [os], ...(libc === undefined ? {} : { libc }) }
}

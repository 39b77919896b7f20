import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { type Source, sourcesBelow } from './sources.ts'

const core = sourcesBelow('packages/attestation/src')
const enclave = sourcesBelow('packages/enclave/src')
const imaging = sourcesBelow('packages/imaging/src')
const services = [
  'attestation-service',
  'cache-gateway',
  'diagnostics',
  'key-broker',
  'platform',
].map((name) => ({
  name,
  sources: sourcesBelow(`services/${name}/src`),
}))
const portal = sourcesBelow('apps/portal/src')
const cli = sourcesBelow('apps/cli/src')
const local = sourcesBelow('deploy/local/src')
const inService = services.flatMap(({ sources }) => sources)
const all = [...core, ...enclave, ...imaging, ...inService, ...portal, ...cli, ...local]

/** The one way through the trust core. A folder imports only from its left. */
const order = [
  'bytes',
  'der',
  'x509',
  'evidence',
  'endorsements',
  'verification',
  'claims',
  'policy',
  'token',
  'channel',
  'receipt',
  'sample',
]

test('the architecture test read the whole project', () => {
  process.stdout.write(
    `architecture: ${all.length} files, ${all.flatMap((file) => file.imports).length} imports\n`,
  )
  expect(core.length).toBeGreaterThan(40)
  for (const { sources } of services) expect(sources.length).toBeGreaterThan(3)
  for (const part of [enclave, imaging, portal, cli, local]) expect(part.length).toBeGreaterThan(3)
  expect(all.flatMap((file) => file.imports).length).toBeGreaterThan(500)
})

test('a folder of the trust core imports only from its left', () => {
  const folderOf = (path: string): string => path.split('/')[3] ?? ''
  const back = core.flatMap((file) =>
    file.imports
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(posix.dirname(file.path), name))
      .filter((target) => order.indexOf(folderOf(target)) > order.indexOf(folderOf(file.path)))
      .map((target) => `${file.path} -> ${target}`),
  )
  expect(new Set(core.map((file) => folderOf(file.path)))).toEqual(new Set(order))
  expect(back).toEqual([])
})

test('the trust core imports nothing but itself, cborg, hpke, jose and a grammar of JMESPath', () => {
  const foreign = outside(
    core,
    (name) =>
      name.startsWith('.') ||
      ['cborg', 'hpke', 'jose', '@jmespath-community/jmespath'].includes(name),
  )
  expect(foreign).toEqual([])
})

test('the trust core has no clock, no randomness, no network and no console of its own', () => {
  // The sample vendor stands for silicon: it draws its own keys and serial numbers.
  const pure = core.filter((file) => !file.path.includes('/sample/'))
  const forbidden =
    /(\bDate\.now|new Date\(\)|Math\.random|getRandomValues|randomUUID|(await|return|=) fetch\(|globalThis\.fetch|console\.|process\.|localStorage)/
  expect(
    pure.filter((file) => forbidden.test(withoutComments(file.text))).map((file) => file.path),
  ).toEqual([])
})

test('services never import each other', () => {
  const crossing = services.flatMap(({ name, sources }) =>
    outside(
      sources,
      (target) =>
        !services.some(
          (other) => other.name !== name && target.startsWith(`@sealward/${other.name}`),
        ) && !target.includes('../../../'),
    ),
  )
  expect(crossing).toEqual([])
})

test('packages import no service, no application and no deployment', () => {
  const up = outside(
    [...core, ...enclave, ...imaging],
    (name) => !name.startsWith('@sealward/') || /^@sealward\/(attestation|enclave)\//.test(name),
  )
  expect(up).toEqual([])
})

test('the sample vendor is imported by the simulated driver, the local stack and the command line only', () => {
  const allowed =
    /^(packages\/attestation\/src\/sample|packages\/enclave\/src\/evidence\/simulated|deploy\/local|apps\/cli)\//
  const users = all.filter((file) => file.imports.some((name) => /\/sample(\/|$)/.test(name)))
  expect(users.length).toBeGreaterThan(0)
  expect(users.filter((file) => !allowed.test(file.path)).map((file) => file.path)).toEqual([])
})

test('only verification, tokens, the peer check and statements make a Verified value', () => {
  const makers = all.filter((file) =>
    /\bas (unknown as )?(Verified<|Verified[A-Z])/.test(file.text),
  )
  const allowed =
    /^packages\/attestation\/src\/(verification\/|token\/|channel\/verify-peer|receipt\/statement)/
  expect(makers.length).toBeGreaterThan(0)
  expect(makers.filter((file) => !allowed.test(file.path)).map((file) => file.path)).toEqual([])
})

test('the portal runs nothing of Node and ships no sample vendor', () => {
  expect(
    outside(portal, (name) => !name.startsWith('node:') && !name.includes('/enclave')),
  ).toEqual([])
})

/** Imports that `allowed` does not allow, as `file -> import`. */
function outside(files: readonly Source[], allowed: (name: string) => boolean): readonly string[] {
  return files.flatMap((file) =>
    file.imports.filter((name) => !allowed(name)).map((name) => `${file.path} -> ${name}`),
  )
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:])\/\/.*$/gm, '$1')
}

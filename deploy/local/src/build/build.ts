import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { measureTree } from '@sealward/enclave/evidence'
import { buildService } from './service.ts'
import { digestOfSources, projectRoot } from './sources.ts'

/** The services that run in a TEE; their measurements are the reference values. */
export const measuredServices = ['cache-gateway', 'diagnostics', 'key-broker', 'platform'] as const
export type MeasuredService = (typeof measuredServices)[number]

/** Reference values as the builder of the software publishes them: one MRENCLAVE a service, hex. */
export type ReferenceMeasurements = Readonly<Record<MeasuredService, string>>

const builds = [
  'attestation-service',
  'cache-gateway',
  'diagnostics',
  'key-broker',
  'platform',
  'portal',
] as const
type Target = (typeof builds)[number]

const common = [
  'package-lock.json',
  'deploy/local/src/build',
  'packages/attestation',
  'packages/enclave',
]
const sources: Readonly<Record<Target, readonly string[]>> = {
  'attestation-service': [...common, 'services/attestation-service'],
  'cache-gateway': [...common, 'services/cache-gateway'],
  diagnostics: [...common, 'services/diagnostics', 'models'],
  'key-broker': [...common, 'services/key-broker'],
  platform: [...common, 'packages/imaging', 'services/platform'],
  portal: ['package-lock.json', 'packages/attestation', 'apps/portal'],
}

const stampFile = join(projectRoot, 'dist', 'stamps.json')
const referenceFile = join(projectRoot, 'dist', 'reference-values.json')

/** Where a target's built files are. */
export function builtFolder(target: Target): string {
  return join(projectRoot, target === 'portal' ? 'apps' : 'services', target, 'dist')
}

/**
 * Builds what has changed since the last build, and only then measures it. Built files that were
 * changed by hand keep their old reference value: nothing here makes them look right.
 *
 * @param announce runs each build, for example with a line of progress around it.
 */
export async function buildAll(
  announce: (target: string, build: () => Promise<void>) => Promise<void>,
): Promise<ReferenceMeasurements> {
  const stamps = readJson<Partial<Record<Target, string>>>(stampFile) ?? {}
  const measurements = readJson<Partial<Record<MeasuredService, string>>>(referenceFile) ?? {}
  for (const target of builds) {
    const stamp = digestOfSources(sources[target])
    if (stamps[target] === stamp && existsSync(builtFolder(target))) continue
    await announce(target, async () => {
      if (target === 'portal') await buildPortal()
      else await buildService(dirname(builtFolder(target)))
    })
    if (isMeasured(target)) {
      measurements[target] = (await measureTree(builtFolder(target))).mrEnclave
      writeJson(referenceFile, measurements)
    }
    stamps[target] = stamp
    writeJson(stampFile, stamps)
  }
  return measurements as ReferenceMeasurements
}

async function buildPortal(): Promise<void> {
  const { build } = await import('vite')
  const before = process.env['NODE_ENV']
  // Where it is set, as a test runner does, Vite takes it over `mode`, and React is its slow build for development.
  process.env['NODE_ENV'] = 'production'
  try {
    await build({ root: dirname(builtFolder('portal')), logLevel: 'silent', mode: 'production' })
  } finally {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  }
}

function isMeasured(target: Target): target is MeasuredService {
  return measuredServices.some((service) => service === target)
}

function readJson<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined
}

function writeJson(file: string, value: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`)
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  amdWorld,
  instant,
  milanChip,
} from '../../../../packages/attestation/src/verification/amd-world.fixtures.ts'
import { startSampleKds } from '../../../../packages/enclave/src/endorsements/sample-kds.fixtures.ts'
import {
  day,
  openWorld,
  start,
  type World,
} from '../../../../packages/enclave/src/endorsements/world.fixtures.ts'
import { run } from '../program.ts'

// What `sealward endorsements` writes is what `sealward evidence` reads.
let world: World
let folder: string
let services: readonly string[]
let report: string
let amdRoot: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-bundled-'))
  world = await openWorld()
  const amd = await amdWorld('Milan')
  const input = await amd.input({
    crl: { nextUpdate: instant + 3000 * day },
    leaf: { notAfter: instant + 3000 * day },
  })
  const [vcek, intermediate, ark] = input.certificates
  const [crl] = input.crls
  if (!vcek || !intermediate || !ark || !crl) throw new Error('three certificates and a list')
  const chip = {
    product: 'Milan',
    chipId: Buffer.from(milanChip).toString('hex'),
    query: 'blSPL=4&teeSPL=1&snpSPL=24&ucodeSPL=219',
  } as const
  const kds = world.opening(await startSampleKds(chip, { vcek, intermediate, root: ark, crl }))
  report = await fileOf('report.bin', input.report)
  amdRoot = await fileOf('ark.der', ark)
  services = ['--pcs', world.proxy.url, '--kds', kds.url]
})
afterEach(async () => {
  await world.close()
  await rm(folder, { recursive: true })
})

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

async function sealward(
  ...commandLine: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const code = await run(commandLine, {
    effects: {
      fetch: () => Promise.reject(new Error('not through here')),
      clock: world.clock,
      random: { bytes: (length) => new Uint8Array(length).fill(7) },
      sleep: world.sleep,
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  })
  return { code, out, err }
}

const at = (seconds: number): readonly string[] => ['--at', new Date(1000 * seconds).toISOString()]

test('a bundle verifies the quote that it was made for, until it runs out', async () => {
  const quote = await fileOf('quote.bin', world.quote)
  const root = await fileOf('root.pem', world.vendor.rootCertificatePem)
  const bundle = join(folder, 'bundle.json')
  expect(
    await sealward('endorsements', 'bundle', quote, ...services, '--early', '--out', bundle),
  ).toMatchObject({ code: 0 })
  const asked = world.proxy.targets.length
  const command = [quote, '--endorsements', bundle, '--root', root, '--json']
  const verify = async (seconds: number): Promise<{ code: number; json: object }> => {
    const { code, out } = await sealward('evidence', 'verify', ...command, ...at(seconds))
    return { code, json: JSON.parse(out) as object }
  }
  expect(await verify(start)).toMatchObject({
    code: 0,
    json: {
      tcbStatus: 'UpToDate',
      expires: new Date(1000 * (start + 7 * day)).toISOString().replace('.000', ''),
    },
  })
  // The same answer as for the same endorsements in another file: old ones are not missing.
  expect(await verify(start + 8 * day)).toMatchObject({
    code: 1,
    json: { verdict: 'contraindicated', problem: { code: expect.stringMatching(/-expired$/) } },
  })
  const forecast = await sealward(
    'evidence',
    'forecast',
    '--early',
    bundle,
    ...command,
    ...at(start),
  )
  expect(forecast.code).toBe(0)
  expect(JSON.parse(forecast.out)).toMatchObject({ changes: false, early: { kind: 'verified' } })
  expect(world.proxy.targets).toHaveLength(asked)
})

test('a bundle of other evidence has nothing to say, and early endorsements are not made up', async () => {
  const quote = await fileOf('quote.bin', world.quote)
  const root = await fileOf('root.pem', world.vendor.rootCertificatePem)
  const of = async (evidence: string): Promise<string> => {
    const bundle = `${evidence}.json`
    await sealward('endorsements', 'bundle', evidence, ...services, '--out', bundle)
    return bundle
  }
  const [ofQuote, ofReport] = [await of(quote), await of(report)]
  const none = await sealward(
    'evidence',
    'verify',
    quote,
    '--endorsements',
    ofReport,
    '--root',
    root,
    ...at(start),
    '--json',
  )
  expect(none.code).toBe(3)
  expect(JSON.parse(none.out)).toMatchObject({
    verdict: 'none',
    problem: { code: 'missing-endorsements' },
  })
  const forecast = await sealward(
    'evidence',
    'forecast',
    quote,
    '--endorsements',
    ofQuote,
    '--early',
    ofQuote,
    '--root',
    root,
    ...at(start),
  )
  expect(forecast.code).toBe(3)
  expect(forecast.out).toContain('missing-endorsements')
})

test('what is fetched for a report is read in every form that it is written in', async () => {
  const pem = join(folder, 'certificates.pem')
  await sealward('endorsements', 'fetch', report, ...services, '--out', pem)
  const json = await sealward('endorsements', 'fetch', report, ...services, '--json')
  const bundle = join(folder, 'bundle.json')
  await sealward('endorsements', 'bundle', report, ...services, '--out', bundle)
  for (const [endorsements, verdict] of [
    // PEM of certificates only: nobody can look whether one is revoked.
    [pem, 'warning'],
    [await fileOf('fetched.json', json.out), 'affirming'],
    [bundle, 'affirming'],
  ] as const) {
    const { code, out } = await sealward(
      'evidence',
      'verify',
      report,
      '--endorsements',
      endorsements,
      '--root',
      amdRoot,
      ...at(instant),
      '--json',
    )
    expect([code, JSON.parse(out).verdict]).toEqual([0, verdict])
  }
})

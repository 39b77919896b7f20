import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bytes, bytesOf, bytesOfBase64Url, concat } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { type FileSystem, systemFiles } from './device-files.ts'
import { createFakeTsm, type FakeTsmOptions, systemError } from './fake-tsm.fixtures.ts'
import { driverLimits } from './limits.ts'
import { createTsmSource, type TsmSourceOptions } from './tsm.ts'
import { hasVectors, vector } from './vectors.fixtures.ts'

const root = '/sys/kernel/config/tsm/report'
const reportData = bytesOf(64, new Uint8Array(64).fill(7)) as Bytes<64>

/** A quote of version 4 as far as this driver looks into it. */
function tdxQuote(over: Uint8Array): Uint8Array {
  const quote = new Uint8Array(5000)
  quote[0] = 4
  quote.set(over, 48 + 520)
  return quote
}

function snpReport(over: Uint8Array): Uint8Array {
  const report = new Uint8Array(1184)
  report[0] = 2
  report.set(over, 0x50)
  return report
}

function guest(
  options: Partial<FakeTsmOptions> = {},
  source: TsmSourceOptions = {},
): { kernel: ReturnType<typeof createFakeTsm>; ask: ReturnType<typeof createTsmSource> } {
  const kernel = createFakeTsm({
    root,
    provider: 'tdx_guest',
    report: (inblob) => ({ outblob: tdxQuote(inblob) }),
    ...options,
  })
  return { kernel, ask: createTsmSource({ ...source, files: kernel }) }
}

const snp: Partial<FakeTsmOptions> = {
  provider: 'sev_guest',
  privilegeLevelFloor: 1,
  report: (inblob) => ({ outblob: snpReport(inblob), auxblob: new Uint8Array(9000).fill(3) }),
}

test('a TD answers with a quote over the report data, and the entry is gone afterwards', async () => {
  const { kernel, ask } = guest()
  expect(await ask.evidence(reportData)).toEqual({
    ok: true,
    value: { kind: 'tdx', quote: tdxQuote(reportData) },
  })
  expect(kernel.made).toHaveLength(1)
  expect(kernel.entries.size).toBe(0)
})

test('an SNP guest answers with a report and the certificate table', async () => {
  const { ask } = guest(snp)
  expect(await ask.evidence(reportData)).toEqual({
    ok: true,
    value: {
      kind: 'snp',
      report: snpReport(reportData),
      certificateTable: new Uint8Array(9000).fill(3),
    },
  })
})

test('a certificate table that the host left empty is absent', async () => {
  const { ask } = guest({ ...snp, report: (inblob) => ({ outblob: snpReport(inblob) }) })
  const evidence = await ask.evidence(reportData)
  expect(evidence.ok && Object.keys(evidence.value)).toEqual(['kind', 'report'])
})

test('a privilege level and a service provider are written before the report data', async () => {
  const { kernel, ask } = guest(snp, { privilegeLevel: 2, serviceProvider: 'svsm' })
  expect(await ask.evidence(reportData)).toMatchObject({
    ok: true,
    value: { manifest: new TextEncoder().encode('manifest') },
  })
  expect(kernel.made[0]?.written).toEqual(['privlevel', 'service_provider', 'inblob'])
})

test('a privilege level below the floor, or of a TD, is refused', async () => {
  for (const { ask } of [guest(snp, { privilegeLevel: 0 }), guest({}, { privilegeLevel: 0 })]) {
    expect(await ask.evidence(reportData)).toMatchObject({
      problem: { code: 'privilege-level-unsupported' },
    })
  }
})

test('another provider than the expected one, or an unknown one, is refused', async () => {
  for (const [provider, expected] of [
    ['tdx_guest', 'sev_guest'],
    ['arm_cca_guest', undefined],
  ] as const) {
    const { kernel, ask } = guest({ provider }, expected && { provider: expected })
    expect(await ask.evidence(reportData)).toMatchObject({
      problem: { code: 'provider-unsupported' },
    })
    expect(kernel.entries.size).toBe(0)
  }
})

test('a write of somebody else between writing and reading is seen, and the request repeated', async () => {
  let strangers = 1
  const { kernel, ask } = guest({
    before(operation, attribute, entry) {
      if (operation !== 'open' || attribute !== 'outblob' || strangers === 0) return
      strangers--
      entry.generation++
      entry.inblob = new Uint8Array(64).fill(9)
    },
  })
  expect(await ask.evidence(reportData)).toMatchObject({
    ok: true,
    value: { quote: tdxQuote(reportData) },
  })
  expect(kernel.made[0]?.written).toEqual(['inblob', 'inblob'])
})

test('a writer that never stops is a conflict after a bounded number of attempts', async () => {
  const { kernel, ask } = guest({
    before(operation, attribute, entry) {
      if (operation === 'open' && attribute === 'outblob') entry.generation++
    },
  })
  expect(await ask.evidence(reportData)).toMatchObject({
    problem: { code: 'generation-conflict' },
  })
  expect(kernel.made[0]?.written).toHaveLength(driverLimits.attemptsMax)
  expect(kernel.entries.size).toBe(0)
})

test('a stranger who writes between the report and its certificates is a conflict too', async () => {
  const { ask } = guest({
    ...snp,
    before(operation, attribute, entry) {
      if (operation === 'open' && attribute === 'auxblob') entry.generation++
    },
  })
  expect(await ask.evidence(reportData)).toMatchObject({
    problem: { code: 'generation-conflict' },
  })
})

test('a report over other report data is refused', async () => {
  const { ask } = guest({ report: () => ({ outblob: tdxQuote(new Uint8Array(64)) }) })
  expect(await ask.evidence(reportData)).toMatchObject({ problem: { code: 'evidence-stale' } })
})

test('report data that is taken in part is refused, and not completed by a second write', async () => {
  const { kernel, ask } = guest({ taken: (_attribute, length) => length - 1 })
  expect(await ask.evidence(reportData)).toMatchObject({ problem: { code: 'write-short' } })
  expect(kernel.made[0]?.written).toEqual(['inblob'])
  expect(kernel.entries.size).toBe(0)
})

test('a firmware that is busy is asked again, and given up on after a bounded number of attempts', async () => {
  let times = 0
  const busy = (count: number): Partial<FakeTsmOptions> => ({
    before(operation, attribute) {
      if (operation === 'read' && attribute === 'outblob' && times++ < count) {
        throw systemError('EBUSY')
      }
    },
  })
  expect(await guest(busy(2)).ask.evidence(reportData)).toMatchObject({ ok: true })
  times = 0
  expect(await guest(busy(99)).ask.evidence(reportData)).toMatchObject({
    problem: { code: 'device-busy', at: 'outblob' },
  })
  expect(times).toBe(driverLimits.attemptsMax)
})

test.each([
  ['ENXIO', 'device-missing'],
  ['EPERM', 'device-not-permitted'],
  ['EFBIG', 'read-oversize'],
  ['ETIMEDOUT', 'device-timeout'],
  ['EIO', 'device-failed'],
])('%s while the report is read is %s, and the entry is removed', async (errno, code) => {
  const { kernel, ask } = guest({
    before(operation, attribute) {
      if (operation === 'read' && attribute === 'outblob') throw systemError(errno)
    },
  })
  expect(await ask.evidence(reportData)).toMatchObject({ problem: { code, at: 'outblob' } })
  expect(kernel.entries.size).toBe(0)
})

test('a report on either side of its limits', async () => {
  const of = (length: number) =>
    guest({
      ...snp,
      report: (inblob) => ({
        outblob: concat(snpReport(inblob), new Uint8Array(65_536)).slice(0, length),
      }),
    }).ask.evidence(reportData)
  expect(await of(driverLimits.snpReportBytesMin - 1)).toMatchObject({
    problem: { code: 'read-short' },
  })
  expect(await of(driverLimits.snpReportBytesMin)).toMatchObject({ ok: true })
  expect(await of(driverLimits.blobBytesMax)).toMatchObject({ ok: true })
  expect(await of(driverLimits.blobBytesMax + 1)).toMatchObject({
    problem: { code: 'read-oversize' },
  })
})

test('a quote of a version that nobody knows is malformed', async () => {
  const { ask } = guest({ report: () => ({ outblob: new Uint8Array(5000) }) })
  expect(await ask.evidence(reportData)).toMatchObject({ problem: { code: 'evidence-malformed' } })
})

test('a machine without configfs-tsm has no device', async () => {
  expect(await guest({}, { folder: '/elsewhere' }).ask.evidence(reportData)).toMatchObject({
    problem: { code: 'device-missing' },
  })
  expect(
    await createTsmSource({ folder: join(import.meta.dirname, 'nowhere') }).evidence(reportData),
  ).toMatchObject({ problem: { code: 'device-missing' } })
})

test('an entry that cannot be removed is a problem, unless there is a greater one', async () => {
  expect(await guest({ removal: 'EBUSY' }).ask.evidence(reportData)).toMatchObject({
    problem: { code: 'device-busy' },
  })
  expect(
    await guest({ removal: 'EBUSY', provider: 'unknown' }).ask.evidence(reportData),
  ).toMatchObject({ problem: { code: 'provider-unsupported' } })
})

test('many who ask at once each get their own', async () => {
  const { kernel, ask } = guest()
  const each = Array.from({ length: 8 }, (_, index) => bytesOf(64, new Uint8Array(64).fill(index)))
  const answers = await Promise.all(each.map((one) => ask.evidence(one as Bytes<64>)))
  expect(
    answers.map((answer) => answer.ok && 'quote' in answer.value && answer.value.quote[600]),
  ).toEqual(each.map((_, index) => index))
  expect(kernel.made).toHaveLength(8)
})

test('a line that is too long turns the last one away', async () => {
  const { ask } = guest()
  const asked = Array.from({ length: driverLimits.waitingMax + 2 }, () => ask.evidence(reportData))
  const answers = await Promise.all(asked)
  expect(answers.slice(0, -1).every((answer) => answer.ok)).toBe(true)
  expect(answers.at(-1)).toMatchObject({ problem: { code: 'device-busy', at: 'queue' } })
})

test('on a real file system: one open, one write, a close, and reading in whatever parts there are', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealward-tsm-'))
  let generation = 0
  /** What the kernel does between the calls; the calls themselves are the system's. */
  const files: FileSystem = {
    async makeFolder(path) {
      await systemFiles.makeFolder(path)
      await writeFile(join(path, 'provider'), 'sev_guest\n')
      await writeFile(join(path, 'generation'), '0\n')
      await writeFile(join(path, 'inblob'), '')
    },
    async open(path, mode) {
      const file = await systemFiles.open(path, mode)
      return {
        ...file,
        async close() {
          await file.close()
          if (mode !== 'write') return
          const entry = join(path, '..')
          await writeFile(join(entry, 'generation'), `${++generation}\n`)
          await writeFile(join(entry, 'outblob'), snpReport(await readFile(path)))
        },
      }
    },
    async removeFolder(path) {
      for (const name of await readdir(path)) await rm(join(path, name))
      await systemFiles.removeFolder(path)
    },
  }
  try {
    expect(await createTsmSource({ folder, files }).evidence(reportData)).toEqual({
      ok: true,
      value: { kind: 'snp', report: snpReport(reportData) },
    })
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.runIf(hasVectors)('captured: the report and certificate table of a Genoa guest', async () => {
  const captured = JSON.parse(
    Buffer.from(vector('snp/veraison-genoa-v3/tsm-report.json')).toString(),
  ) as Record<'outblob' | 'auxblob' | 'provider', string>
  const outblob = bytesOfBase64Url(captured.outblob) ?? new Uint8Array(0)
  const auxblob = bytesOfBase64Url(captured.auxblob) ?? new Uint8Array(0)
  const { ask } = guest({
    ...snp,
    provider: captured.provider.trim(),
    report: () => ({ outblob, auxblob }),
  })
  const over = bytesOf(64, outblob.slice(0x50, 0x90)) as Bytes<64>
  expect(await ask.evidence(over)).toEqual({
    ok: true,
    value: { kind: 'snp', report: outblob, certificateTable: auxblob },
  })
})

test.runIf(hasVectors)('captured: TDX quotes of versions 4 and 5', async () => {
  for (const [name, at] of [
    ['go-tdx-guest-spr-e4', 568],
    ['go-tdx-guest-v5', 574],
  ] as const) {
    const outblob = vector(`tdx/${name}/quote.bin`)
    const { ask } = guest({ report: () => ({ outblob }) })
    const over = bytesOf(64, outblob.slice(at, at + 64)) as Bytes<64>
    expect(over.some((byte) => byte !== 0)).toBe(true)
    expect(await ask.evidence(over)).toEqual({ ok: true, value: { kind: 'tdx', quote: outblob } })
  }
})

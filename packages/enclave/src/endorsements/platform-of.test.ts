import { hexOf } from '@sealward/attestation/bytes'
import { parseCertificate } from '@sealward/attestation/x509'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
} from '../../../attestation/src/verification/shared-vectors.fixtures.ts'
import { createEndorsementsClient } from './endorsements-client.ts'
import { amdItemsOf, platformOf } from './platform-of.ts'
import { createRemoteSource } from './remote-source.ts'
import { generateKdsBytes, reportOf, startSampleKds } from './sample-kds.fixtures.ts'
import { readSnpVectors } from './snp-vectors.fixtures.ts'
import { targetOf } from './target.ts'
import { start } from './world.fixtures.ts'

const snpVectors = readSnpVectors()
process.stdout.write(
  hasSharedVectors ? `${snpVectors.length} reports of real chips read\n` : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are reports and quotes to examine', () => {
  expect(snpVectors.length).toBeGreaterThan(15)
})

test.each(snpVectors.filter(({ vcek }) => vcek !== undefined))(
  "$name: the URL asks for what the chip's own certificate says",
  async ({ product, report, certified: says, vcek, intermediate, root }) => {
    if (says === undefined || vcek === undefined) throw new Error('no certificate')
    if (intermediate === undefined || root === undefined) throw new Error('no chain')
    const crl = (await generateKdsBytes(start)).crl
    // A service that has this one chip, asked by the report alone.
    const kds = await startSampleKds(
      {
        product,
        chipId: says.hwID ?? '',
        query: Object.entries({
          fmcSPL: says.fmcSPL,
          blSPL: says.blSPL,
          teeSPL: says.teeSPL,
          snpSPL: says.snpSPL,
          ucodeSPL: says.ucodeSPL,
        })
          .filter(([, level]) => level !== undefined)
          .map(([name, level]) => `${name}=${level}`)
          .join('&'),
      },
      { vcek, intermediate, root, crl },
    )
    const client = createEndorsementsClient(
      createRemoteSource({ kds: { baseUrl: kds.url }, clock: { now: () => start } }),
    )
    const parsed = parseCertificate(vcek)
    const outcome = await client.snpEndorsementsFor(report)
    await client.close()
    await kds.close()
    if (parsed.ok && parsed.value.notAfter <= start) {
      expect(outcome).toMatchObject({ problem: { code: 'endorsements-expired' } })
      return
    }
    expect(outcome).toEqual({
      ok: true,
      value: {
        product: product.toLowerCase(),
        key: 'vcek',
        certificate: vcek,
        intermediate,
        root,
        crl,
      },
    })
  },
)

test.each(snpVectors.filter(({ signingKey }) => signingKey === 'VLEK'))(
  '$name: a VLEK is not asked for, its chain is',
  ({ report, product }) => {
    const platform = platformOf(report)
    if (!platform.ok || platform.value.tee !== 'snp') throw new Error('a report expected')
    const [line] = platform.value.products
    const items = amdItemsOf(platform.value, line)
    expect(items.vcek).toBeUndefined()
    expect(targetOf(items.chain)).toBe(`/vlek/v1/${product}/cert_chain`)
    expect(targetOf(items.crl)).toBe(`/vlek/v1/${product}/crl`)
  },
)

const quotes = (['sgx', 'tdx'] as const).flatMap((tee) =>
  readCapturedVectors(tee)
    .filter(({ expected }) => expected.parsed?.pck !== undefined)
    .map(({ name, quote = new Uint8Array(), expected }) => ({
      tee,
      name,
      quote,
      pck: expected.parsed?.pck,
    })),
)

test.each(quotes)('$tee/$name: the platform is the one of its PCK certificate', (vector) => {
  const platform = platformOf(vector.quote)
  expect(platform).toEqual({
    ok: true,
    value: {
      tee: vector.tee,
      fmspc: vector.pck?.fmspc.toLowerCase(),
      ca: vector.pck?.issuer.includes('Processor') ? 'processor' : 'platform',
    },
  })
})

test('product lines are told by the processor', () => {
  const lineOf = (family: number, model: number, version = 3): unknown => {
    const platform = platformOf(reportOf({ version, cpuId: [family, model] }))
    if (!platform.ok) return platform.problem.code
    return platform.value.tee === 'snp' ? platform.value.products : 'a quote'
  }
  expect(lineOf(0x19, 0x01)).toEqual(['milan'])
  expect(lineOf(0x19, 0x11, 5)).toEqual(['genoa'])
  expect(lineOf(0x19, 0xa0)).toEqual(['genoa'])
  expect(lineOf(0x1a, 0x02)).toEqual(['turin'])
  expect(lineOf(0x17, 0x31)).toBe('platform-unknown')
  expect(lineOf(0x19, 0x61)).toBe('platform-unknown')
  expect(lineOf(0, 0, 2)).toEqual(['milan', 'genoa'])
  expect(lineOf(0, 0, 6)).toBe('unsupported-version')
})

test('a Turin chip is named by 8 bytes, its TCB by five levels', () => {
  const platform = platformOf(
    reportOf({
      cpuId: [0x1a, 0x02],
      tcb: '0101020400000051',
      chipId: '01'.repeat(8) + '00'.repeat(56),
    }),
  )
  if (!platform.ok || platform.value.tee !== 'snp') throw new Error('a report expected')
  const { vcek } = amdItemsOf(platform.value, 'turin')
  expect(vcek && targetOf(vcek)).toBe(
    `/vcek/v1/Turin/${'01'.repeat(8)}?fmcSPL=1&blSPL=1&teeSPL=2&snpSPL=4&ucodeSPL=81`,
  )
})

test('a report of a host that hides its chip, and one that no key signed, name no platform', async () => {
  const hidden = reportOf({ chipId: '00'.repeat(64) })
  const client = createEndorsementsClient(createRemoteSource({ clock: { now: () => start } }))
  expect(await client.snpEndorsementsFor(hidden)).toMatchObject({
    problem: { code: 'platform-unknown' },
  })
  expect(platformOf(reportOf({ signingKey: 7 }))).toMatchObject({
    problem: { code: 'platform-unknown' },
  })
  expect(await client.endorsementsFor(reportOf({}))).toMatchObject({
    problem: { code: 'platform-unknown' },
  })
  await client.close()
})

test('a report of version 2 may be of either product line', async () => {
  const bytes = await generateKdsBytes(start)
  const report = reportOf({ version: 2, tcb: '0a00000000001754' })
  for (const product of ['Milan', 'Genoa'] as const) {
    const kds = await startSampleKds(
      {
        product,
        chipId: hexOf(report.slice(0x1a0, 0x1e0)),
        query: 'blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=84',
      },
      bytes,
    )
    const client = createEndorsementsClient(
      createRemoteSource({ kds: { baseUrl: kds.url }, clock: { now: () => start } }),
    )
    expect(await client.snpEndorsementsFor(report)).toMatchObject({
      ok: true,
      value: { product: product.toLowerCase(), certificate: bytes.vcek },
    })
    await client.close()
    await kds.close()
  }
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1300, minLength: 0 }), (bytes) => {
      platformOf(bytes)
    }),
  )
})

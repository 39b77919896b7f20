import { createHash } from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../effects/index.ts'
import { sampleInitTimeData } from '../testing/sample.ts'
import { openTee, teeOf } from './open-tee.ts'
import type { Host } from './simulated/host.ts'

const initTimeData = encodeInitTimeData(sampleInitTimeData())
let vendor: SampleVendor

beforeAll(async () => {
  vendor = await createSampleVendor({ at: systemClock.now() })
})

/** A host that launched the workload with this CONFIGID, or without KSS. */
function hostOf(configId: Uint8Array | undefined): Host {
  return {
    quote: (reportData) =>
      vendor.quote({
        mrEnclave: new Uint8Array(32),
        mrSigner: new Uint8Array(32),
        isvProdId: 1,
        isvSvn: 1,
        debug: false,
        reportData,
        ...(configId === undefined ? {} : { configId }),
      }),
    sealingKey: async () => new Uint8Array(32),
    ready: () => {},
    closed: Promise.resolve(),
    close: () => {},
  }
}

const configIdOf = (bytes: Uint8Array): Uint8Array =>
  concat(createHash('sha256').update(bytes).digest(), new Uint8Array(32))

test('init-time data whose hash is CONFIGID is accepted', async () => {
  expect(await teeOf(hostOf(configIdOf(initTimeData)), initTimeData)).toMatchObject({
    ok: true,
    value: { initTimeData: { role: 'platform' } },
  })
})

test('init-time data that was exchanged after the launch is refused', async () => {
  const other = encodeInitTimeData(sampleInitTimeData({ role: 'diagnostics' }))
  expect(await teeOf(hostOf(configIdOf(initTimeData)), other)).toMatchObject({
    ok: false,
    problem: { code: 'config-id-mismatch' },
  })
})

test('an enclave without KSS, whose CONFIGID nobody measured, is refused', async () => {
  expect(await teeOf(hostOf(undefined), initTimeData)).toMatchObject({
    problem: { code: 'config-id-mismatch' },
  })
})

test('CONFIGID with anything behind the hash is refused', async () => {
  const configId = configIdOf(initTimeData)
  configId[63] = 1
  expect(await teeOf(hostOf(configId), initTimeData)).toMatchObject({
    problem: { code: 'config-id-mismatch' },
  })
})

test('init-time data without a role or a deployment is refused', async () => {
  for (const name of ['role', 'deployment']) {
    const { [name]: _left, ...rest } = { ...sampleInitTimeData() } as Record<string, unknown>
    const bytes = new TextEncoder().encode(JSON.stringify(rest))
    expect(await teeOf(hostOf(configIdOf(bytes)), bytes)).toMatchObject({
      problem: { code: 'init-time-data-malformed' },
    })
  }
})

test('a process that nobody launched has no TEE', async () => {
  expect(await openTee({ initTimeData })).toMatchObject({ problem: { code: 'tee-missing' } })
  expect(await openTee()).toMatchObject({ problem: { code: 'init-time-data-missing' } })
})

import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { type Clock, systemClock } from '../effects/index.ts'
import { type SamplePcs, startSamplePcs } from '../evidence/index.ts'
import { sampleIdentity } from '../testing/sample.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.fixtures.ts'
import type { Sleep } from './pause.ts'

export const start: number = systemClock.now()
export const day: number = 24 * 3600

/** A sample vendor's service, a proxy before it, a clock that only sleeping moves. */
export interface World {
  readonly vendor: SampleVendor
  readonly quote: Uint8Array
  readonly pcs: SamplePcs
  readonly proxy: FaultProxy
  readonly time: { now: number }
  readonly clock: Clock
  /** Does not sleep: the clock moves instead. */
  readonly sleep: Sleep
  /** Milliseconds slept, in order. */
  readonly slept: number[]
  opening<T extends { close(): Promise<void> }>(one: T): T
  close(): Promise<void>
}

let vendor: Promise<{ readonly vendor: SampleVendor; readonly quote: Uint8Array }> | undefined

async function makeVendor(): Promise<{
  readonly vendor: SampleVendor
  readonly quote: Uint8Array
}> {
  const made = await createSampleVendor({ at: start })
  const { identity } = await sampleIdentity({ vendor: made })
  return { vendor: made, quote: (await identity.quoted(new Uint8Array(32))).quote }
}

export async function openWorld(): Promise<World> {
  vendor ??= makeVendor()
  const sample = await vendor
  const time = { now: start }
  const clock: Clock = { now: () => time.now }
  const pcs = await startSamplePcs({ vendor: sample.vendor, clock })
  const proxy = await startFaultProxy(pcs.url)
  const opened: { close(): Promise<void> }[] = []
  const slept: number[] = []
  return {
    ...sample,
    pcs,
    proxy,
    time,
    clock,
    slept,
    sleep: async (milliseconds) => {
      slept.push(milliseconds)
      time.now += Math.ceil(milliseconds / 1000)
    },
    opening(one) {
      opened.push(one)
      return one
    },
    async close() {
      await Promise.all(opened.map((one) => one.close()))
      await proxy.close()
      await pcs.close()
    },
  }
}

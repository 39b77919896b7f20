import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndorsementItem } from './item.ts'
import { parseTarget, targetOf } from './target.ts'

const hex = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b).toString('hex'))
const baseline = fc.oneof(
  fc.constantFrom('standard' as const, 'early' as const),
  fc.integer({ min: 0, max: 999_999_999 }),
)
const tee = fc.constantFrom('sgx' as const, 'tdx' as const)
const level = fc.integer({ min: 0, max: 255 })
const tcb = {
  fmc: fc.constant(undefined),
  bootloader: level,
  tee: level,
  snp: level,
  microcode: level,
}
const items: fc.Arbitrary<EndorsementItem> = fc.oneof(
  fc.record({ kind: fc.constant('tcb-info' as const), tee, fmspc: hex(6), baseline }),
  fc.record({ kind: fc.constant('qe-identity' as const), tee, baseline }),
  fc.record({
    kind: fc.constant('pck-crl' as const),
    ca: fc.constantFrom('platform' as const, 'processor' as const),
  }),
  fc.constant({ kind: 'root-ca-crl' as const }),
  fc.record({
    kind: fc.constant('vcek' as const),
    product: fc.constantFrom('milan' as const, 'genoa' as const),
    chipId: hex(64),
    tcb: fc.record(tcb),
  }),
  fc.record({
    kind: fc.constant('vcek' as const),
    product: fc.constant('turin' as const),
    chipId: hex(8),
    tcb: fc.record({ ...tcb, fmc: level }),
  }),
  fc.record({
    kind: fc.constantFrom('amd-chain' as const, 'amd-crl' as const),
    key: fc.constantFrom('vcek' as const, 'vlek' as const),
    product: fc.constantFrom('milan' as const, 'genoa' as const, 'turin' as const),
  }),
)

test('every endorsement has a target, and the target names it', () => {
  fc.assert(
    fc.property(items, (item) => {
      expect(parseTarget(targetOf(item))).toEqual({ ok: true, value: { item, encoding: 'der' } })
    }),
  )
})

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (text) => {
      expect(parseTarget(text).ok).toBe(false)
    }),
  )
})

test.each([
  ['/sgx/certification/v4/tcb', 'bad-query'],
  ['/sgx/certification/v4/tcb?fmspc=xyz', 'bad-query'],
  ['/sgx/certification/v4/tcb?fmspc=00906ed50000&fmspc=00906ed50000', 'bad-query'],
  ['/sgx/certification/v4/tcb?fmspc=00906ed50000&update=soon', 'bad-query'],
  [
    '/sgx/certification/v4/tcb?fmspc=00906ed50000&update=early&tcbEvaluationDataNumber=17',
    'bad-query',
  ],
  ['/sgx/certification/v4/tcb?fmspc=00906ed50000&more=1', 'bad-query'],
  ['/sgx/certification/v4/pckcrl', 'bad-query'],
  ['/sgx/certification/v4/pckcrl?ca=platform&encoding=xml', 'bad-query'],
  ['/tdx/certification/v4/pckcrl?ca=platform', 'unknown-path'],
  ['/sgx/certification/v3/tcb?fmspc=00906ed50000', 'unknown-path'],
  ['/sgx/certification/v4/tcb/', 'unknown-path'],
  ['/sgx/certification/v4/pckcert', 'unknown-path'],
  [`/vcek/v1/Milan/${'ab'.repeat(64)}`, 'bad-query'],
  [`/vcek/v1/Milan/${'ab'.repeat(64)}?blSPL=1&teeSPL=1&snpSPL=1&ucodeSPL=256`, 'bad-query'],
  [`/vcek/v1/Milan/${'ab'.repeat(64)}?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=1&ucodeSPL=1`, 'bad-query'],
  [`/vcek/v1/Milan/${'ab'.repeat(8)}?blSPL=1&teeSPL=1&snpSPL=1&ucodeSPL=1`, 'unknown-path'],
  [`/vcek/v1/Turin/${'ab'.repeat(8)}?blSPL=1&teeSPL=1&snpSPL=1&ucodeSPL=1`, 'bad-query'],
  ['/vcek/v1/Rome/crl', 'unknown-path'],
  ['http://host/sgx/certification/v4/rootcacrl', 'unknown-path'],
])('%s is refused as %s', (target, code) => {
  expect(parseTarget(target)).toMatchObject({ problem: { code } })
})

test("AMD's own spelling of levels is understood", () => {
  const target = `/vcek/v1/Milan/${'AB'.repeat(64)}?blSPL=02&teeSPL=00&snpSPL=06&ucodeSPL=61`
  expect(parseTarget(target)).toMatchObject({
    ok: true,
    value: {
      item: {
        chipId: 'ab'.repeat(64),
        tcb: { fmc: undefined, bootloader: 2, tee: 0, snp: 6, microcode: 61 },
      },
    },
  })
})

import { expect, test } from 'vitest'
import { unsignedInteger } from '../sample/der-writer.ts'
import { type Cryptography, webCryptography } from '../x509/index.ts'
import { amdExtensions, amdWorld, instant, milanChip } from './amd-world.fixtures.ts'
import { createSnpMemory, type SnpTools, verifySnpEvidence } from './index.ts'

const world = await amdWorld('Milan')
const input = await world.input()
const refusedWith = (code: string): object => ({ ok: false, problem: { code } })

/** Tools with a memory, and how many signatures were asked about since the last time. */
function counting(keysMax = 4): SnpTools & { asked(): number } {
  let asked = 0
  const cryptography: Cryptography = {
    ...webCryptography,
    verify(question) {
      asked += 1
      return webCryptography.verify(question)
    },
  }
  return {
    cryptography,
    memory: createSnpMemory(keysMax),
    asked() {
      const before = asked
      asked = 0
      return before
    },
  }
}

test('a known key costs one signature, and says the same', async () => {
  const tools = counting()
  const first = await verifySnpEvidence(input, tools)
  expect(first).toMatchObject({ ok: true })
  // VCEK, ASK, ARK, list, report.
  expect(tools.asked()).toBe(5)
  expect(await verifySnpEvidence(input, tools)).toEqual(first)
  expect(tools.asked()).toBe(1)
  expect(await verifySnpEvidence(input)).toEqual(first)
})

test('of another report, the report is verified', async () => {
  const tools = counting()
  await verifySnpEvidence(input, tools)
  tools.asked()
  const report = await world.report({ fields: [[0x30, [2]]] })
  expect(await verifySnpEvidence({ ...input, report }, tools)).toMatchObject({
    ok: true,
    value: { vmpl: 2 },
  })
  expect(tools.asked()).toBe(1)
  const forged = await world.report({ signer: world.keys.strangerEc })
  expect(await verifySnpEvidence({ ...input, report: forged }, tools)).toMatchObject(
    refusedWith('report-signature'),
  )
})

test.each([
  ['TCB', [0x180, [9]], 'tcb-mismatch'],
  ['chip', [0x1a0, [9]], 'chip-id-mismatch'],
  ['processor', [0x188, [0x1a]], 'product-mismatch'],
] as const)('a known key is not that of another %s', async (_, field, code) => {
  const tools = counting()
  expect(await verifySnpEvidence(input, tools)).toMatchObject({ ok: true })
  const report = await world.report({ fields: [field] })
  expect(await verifySnpEvidence({ ...input, report }, tools)).toMatchObject(refusedWith(code))
})

test.each([
  ['leaf', { leaf: { notAfter: instant + 9 } }, 'certificate-expired'],
  ['ASK', { intermediate: { notAfter: instant + 9 } }, 'certificate-expired'],
  ['root', { root: { notAfter: instant + 9 } }, 'certificate-expired'],
  ['list', { crl: { nextUpdate: instant + 9 } }, 'crl-expired'],
] as const)('a remembered key does not outlive its %s', async (_, changes, code) => {
  const tools = counting()
  const shorter = await world.input(changes)
  for (const at of [instant, instant + 9]) {
    expect(await verifySnpEvidence({ ...shorter, at }, tools)).toMatchObject({ ok: true })
  }
  expect(await verifySnpEvidence({ ...shorter, at: instant + 10 }, tools)).toMatchObject(
    refusedWith(code),
  )
  expect(await verifySnpEvidence({ ...shorter, at: 0 }, tools)).toMatchObject({ ok: false })
  expect(await verifySnpEvidence(shorter, tools)).toMatchObject({ ok: true })
})

test('a remembered key does not outlive the revocation of what issued it', async () => {
  const tools = counting()
  expect(await verifySnpEvidence(input, tools)).toMatchObject({ ok: true })
  const crls = [await world.crl({ revoked: [0x1_0001] })]
  expect(await verifySnpEvidence({ ...input, crls }, tools)).toMatchObject(refusedWith('revoked'))
})

test('a list of the same length that revokes is another list', async () => {
  const tools = counting()
  const crls = [await world.crl({ revoked: [0x1_0002] })]
  const revoking = [await world.crl({ revoked: [0x1_0001] })]
  expect(revoking.map(({ length }) => length)).toEqual(crls.map(({ length }) => length))
  expect(await verifySnpEvidence({ ...input, crls }, tools)).toMatchObject({ ok: true })
  expect(await verifySnpEvidence({ ...input, crls: revoking }, tools)).toMatchObject(
    refusedWith('revoked'),
  )
})

test('of several keys beside a report, the one that fits is remembered for each', async () => {
  const other = await amdWorld('Genoa')
  const newer = { amd: { ...amdExtensions('Milan', 'vcek'), '3.3': unsignedInteger(25) } }
  const provider = await world.input({
    kind: 'vlek',
    report: { fields: [[0x1a0, [...milanChip]]] },
  })
  const inputs = [
    input,
    await world.input({ leaf: newer, report: { fields: [[0x186, [25]]] } }),
    provider,
    // The same TCB and no chip: only the processor is another.
    await other.input({ kind: 'vlek', report: { fields: [[0x1a0, [...milanChip]]] } }),
  ]
  const heap = {
    certificates: inputs.flatMap(({ certificates }) => certificates),
    crls: inputs.flatMap(({ crls }) => crls),
    roots: [world.rootSpkiSha256, other.rootSpkiSha256],
  }
  const tools = counting()
  for (const round of ['first', 'again']) {
    for (const { report } of inputs) {
      expect(await verifySnpEvidence({ ...input, ...heap, report }, tools), round).toMatchObject({
        ok: true,
      })
    }
  }
})

test('what one root vouched for is nothing to whoever trusts another', async () => {
  const tools = counting()
  expect(await verifySnpEvidence(input, tools)).toMatchObject({ ok: true })
  expect(await verifySnpEvidence({ ...input, roots: ['00'.repeat(32)] }, tools)).toMatchObject(
    refusedWith('root-not-trusted'),
  )
})

test('what was verified without a list is nothing to whoever requires one', async () => {
  const tools = counting()
  const unchecked = { ...input, crls: [], revocation: { unchecked: 'not asked' } }
  expect(await verifySnpEvidence(unchecked, tools)).toMatchObject({
    ok: true,
    value: { revocation: 'unchecked' },
  })
  expect(await verifySnpEvidence({ ...input, crls: [] }, tools)).toMatchObject(
    refusedWith('missing-endorsements'),
  )
  expect(await verifySnpEvidence(input, tools)).toMatchObject({
    ok: true,
    value: { revocation: 'good' },
  })
})

test('bytes that moved from one list to the other are other bytes', async () => {
  const tools = counting()
  const unchecked = { ...input, crls: [], revocation: { unchecked: 'not asked' } }
  expect(await verifySnpEvidence(unchecked, tools)).toMatchObject({ ok: true })
  const [leaf = new Uint8Array(), ...authorities] = input.certificates
  const moved = { ...unchecked, certificates: [leaf], crls: authorities }
  expect(await verifySnpEvidence(moved, tools)).toMatchObject({ ok: false })
  const torn = {
    ...unchecked,
    certificates: [leaf.subarray(0, 9), leaf.subarray(9), ...authorities],
  }
  expect(await verifySnpEvidence(torn, tools)).toMatchObject({ ok: false })
})

test('what is remembered stays what it was when the bytes it was read from change', async () => {
  const tools = counting()
  const borrowed = { ...input, certificates: input.certificates.map((der) => der.slice()) }
  expect(await verifySnpEvidence(borrowed, tools)).toMatchObject({ ok: true })
  for (const der of borrowed.certificates) der.fill(0)
  expect(await verifySnpEvidence(borrowed, tools)).toMatchObject(
    refusedWith('endorsements-malformed'),
  )
  tools.asked()
  expect(await verifySnpEvidence(input, tools)).toMatchObject({ ok: true })
  expect(tools.asked()).toBe(1)
})

test('refusals are not remembered', async () => {
  const tools = counting()
  const broken = { ...input, roots: [] }
  await verifySnpEvidence(broken, tools)
  const asked = tools.asked()
  await verifySnpEvidence(broken, tools)
  expect(asked).toBeGreaterThan(0)
  expect(tools.asked()).toBe(asked)
})

test('the key that was used least recently is forgotten first', async () => {
  const tools = counting(2)
  const [first, second, third] = await Promise.all([world.input(), world.input(), world.input()])
  const costOf = async (one: typeof input): Promise<number> => {
    expect(await verifySnpEvidence(one, tools)).toMatchObject({ ok: true })
    return tools.asked()
  }
  expect([await costOf(first), await costOf(second)]).toEqual([5, 5])
  expect([await costOf(first), await costOf(third)]).toEqual([1, 5])
  expect([await costOf(first), await costOf(second)]).toEqual([1, 5])
})

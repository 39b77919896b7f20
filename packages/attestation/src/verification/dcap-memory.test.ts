import { expect, test } from 'vitest'
import { type Cryptography, webCryptography } from '../x509/index.ts'
import { createDcapMemory } from './dcap-memory.ts'
import { type DcapTools, verifySgxEvidence } from './index.ts'
import { instant, lifetimeSeconds, sampleWorld } from './sample-world.fixtures.ts'

const { vendor, enclave, quote, endorsements, endorsementsWith } = await sampleWorld()
const roots = [vendor.rootSpkiSha256]

/** Tools with a memory, and how many signatures were asked about. */
function counting(limits = { endorsementsMax: 4, platformsMax: 4 }): DcapTools & {
  asked(): number
} {
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
    memory: createDcapMemory(limits),
    asked() {
      const before = asked
      asked = 0
      return before
    },
  }
}

const input = { quote, endorsements, roots, at: instant }
const refusedWith = (code: string): object => ({ ok: false, problem: { code } })

test('a known platform costs one signature, and says the same', async () => {
  const tools = counting()
  const first = await verifySgxEvidence(input, tools)
  expect(tools.asked()).toBe(10)
  expect(await verifySgxEvidence(input, tools)).toEqual(first)
  expect(tools.asked()).toBe(1)
  const other = await vendor.quote({ ...enclave, isvSvn: 9 })
  expect(await verifySgxEvidence({ ...input, quote: other }, tools)).toMatchObject({
    ok: true,
    value: { isvSvn: 9 },
  })
  expect(tools.asked()).toBe(1)
  expect(await verifySgxEvidence(input)).toEqual(first)
})

test('equal endorsements are known again, whoever holds them', async () => {
  const tools = counting()
  await verifySgxEvidence(input, tools)
  tools.asked()
  expect(
    await verifySgxEvidence({ ...input, endorsements: { ...endorsements } }, tools),
  ).toMatchObject({ ok: true })
  expect(tools.asked()).toBe(1)
})

test('what is remembered ends with the first thing that it rested on', async () => {
  const tools = counting()
  const verified = await verifySgxEvidence(input, tools)
  if (!verified.ok) throw new Error(verified.problem.code)
  const last = verified.value.earliestExpiry
  expect(last).toBe(instant + lifetimeSeconds)
  expect(await verifySgxEvidence({ ...input, at: last }, tools)).toMatchObject({ ok: true })
  expect(await verifySgxEvidence({ ...input, at: last + 1 }, tools)).toMatchObject(
    refusedWith('crl-expired'),
  )
  expect(await verifySgxEvidence({ ...input, at: instant - 1 }, tools)).toMatchObject({ ok: false })
  expect(await verifySgxEvidence(input, tools)).toMatchObject({ ok: true })
})

test.each(['pck', 'platform-ca', 'tcb-signing'] as const)(
  'a remembered platform does not outlive the revocation of its %s',
  async (name) => {
    const tools = counting()
    expect(await verifySgxEvidence(input, tools)).toMatchObject({ ok: true })
    const revoking = await endorsementsWith({ revoked: [name] })
    expect(await verifySgxEvidence({ ...input, endorsements: revoking }, tools)).toMatchObject(
      refusedWith('revoked'),
    )
  },
)

test('a remembered platform does not outlive a new TCB info', async () => {
  const tools = counting()
  expect(await verifySgxEvidence(input, tools)).toMatchObject({
    ok: true,
    value: { tcbStatus: 'UpToDate' },
  })
  const newer = await endorsementsWith({ tcbStatus: 'OutOfDate', tcbEvaluationDataNumber: 99 })
  expect(await verifySgxEvidence({ ...input, endorsements: newer }, tools)).toMatchObject({
    ok: true,
    value: { tcbStatus: 'OutOfDate' },
  })
  const revoked = await endorsementsWith({ tcbStatus: 'Revoked' })
  expect(await verifySgxEvidence({ ...input, endorsements: revoked }, tools)).toMatchObject(
    refusedWith('tcb-revoked'),
  )
})

test('an object whose texts were exchanged after it was verified is verified anew', async () => {
  const tools = counting()
  const changing = { ...endorsements }
  expect(await verifySgxEvidence({ ...input, endorsements: changing }, tools)).toMatchObject({
    ok: true,
  })
  Object.assign(changing, await endorsementsWith({ revoked: ['pck'] }))
  expect(await verifySgxEvidence({ ...input, endorsements: changing }, tools)).toMatchObject(
    refusedWith('revoked'),
  )
})

test('what one root vouched for is nothing to whoever trusts another', async () => {
  const tools = counting()
  expect(await verifySgxEvidence(input, tools)).toMatchObject({ ok: true })
  expect(await verifySgxEvidence({ ...input, roots: ['00'.repeat(32)] }, tools)).toMatchObject(
    refusedWith('root-not-trusted'),
  )
  expect(await verifySgxEvidence({ ...input, roots: [] }, tools)).toMatchObject(
    refusedWith('root-not-trusted'),
  )
})

test('a known platform lends its key to no other quote', async () => {
  const tools = counting()
  await verifySgxEvidence(input, tools)
  for (let offset = 0; offset < quote.length; offset += 7) {
    const changed = quote.slice()
    changed[offset] = (changed[offset] ?? 0) ^ 0x10
    const verified = await verifySgxEvidence({ ...input, quote: changed }, tools)
    expect(verified.ok).toBe(false)
  }
})

test('refusals are not remembered, and take nobody else with them', async () => {
  const tools = counting()
  const broken = { ...endorsements, tcb_info: `${endorsements.tcb_info} ` }
  expect(await verifySgxEvidence({ ...input, endorsements: broken }, tools)).toMatchObject(
    refusedWith('tcb-info-signature'),
  )
  expect(await verifySgxEvidence(input, tools)).toMatchObject({ ok: true })
})

test('no more is remembered than was said', async () => {
  const tools = counting({ endorsementsMax: 1, platformsMax: 1 })
  await verifySgxEvidence(input, tools)
  const others = await endorsementsWith({ tcbEvaluationDataNumber: 55 })
  await verifySgxEvidence({ ...input, endorsements: others }, tools)
  tools.asked()
  await verifySgxEvidence({ ...input, endorsements: { ...endorsements } }, tools)
  expect(tools.asked()).toBe(10)
})

import { systemRandom } from '@sealward/enclave/server'
import { beforeAll, expect, test } from 'vitest'
import { combineShares, createRecoverySet, recoveryKeyEncryption } from './recovery-key.ts'

type Made = Awaited<ReturnType<typeof createRecoverySet>>
const rootKey = systemRandom.bytes(32)
let made: Made
let other: Made
let wrapped: Uint8Array

beforeAll(async () => {
  made = await createRecoverySet({ shares: 5, threshold: 3 }, systemRandom)
  other = await createRecoverySet({ shares: 3, threshold: 2 }, systemRandom)
  const sealed = await recoveryKeyEncryption(made.set).wrap(rootKey, 'root')
  if (!sealed.ok) throw new Error(sealed.problem.detail)
  wrapped = sealed.value
})

const sharesOf = (...numbers: readonly number[]) =>
  made.shares.filter(({ number }) => numbers.includes(number))
const sets = () => [other.set, made.set]

test('each three of five open what was wrapped for the set', async () => {
  let examined = 0
  for (let one = 1; one <= 5; one++) {
    for (let two = one + 1; two <= 5; two++) {
      for (let three = two + 1; three <= 5; three++) {
        const combined = await combineShares(sharesOf(one, two, three), sets())
        if (!combined.ok) throw new Error(combined.problem.detail)
        const opened = await combined.value.key.unwrap(wrapped, 'root')
        expect(opened).toMatchObject({ ok: true })
        expect(opened.ok && Buffer.from(opened.value).equals(Buffer.from(rootKey))).toBe(true)
        examined++
      }
    }
  }
  expect(examined).toBe(10)
  expect(await combineShares(made.shares, sets())).toMatchObject({ ok: true })
})

test('too few, a repeated one, one of another set, an altered one, and a foreign set are each said', async () => {
  const [first, second, third] = made.shares
  const [foreign] = other.shares
  if (!first || !second || !third || !foreign) throw new Error('too few')
  const bytes = third.bytes.slice()
  bytes[0] = (bytes[0] ?? 0) ^ 1
  const cases = [
    [[], 'shares-too-few'],
    [[first, second], 'shares-too-few'],
    [[first, second, second], 'share-repeated'],
    [[first, second, foreign], 'recovery-set-mixed'],
    [[first, second, { ...third, bytes }], 'share-altered'],
    [[first, second, { ...third, number: 4 }], 'share-altered'],
  ] as const
  for (const [shares, code] of cases) {
    expect(await combineShares(shares, sets())).toMatchObject({ ok: false, problem: { code } })
  }
  expect(await combineShares(sharesOf(1, 2, 3), [other.set])).toMatchObject({
    problem: { code: 'recovery-set-unknown' },
  })
  const mixed = await combineShares([first, second, foreign], sets())
  expect(mixed.ok ? '' : mixed.problem.detail).toContain(`Share 1 is of set ${first.set}`)
})

test('shares of which somebody changed the digests make no other key', async () => {
  const [first, second, third] = made.shares
  const forged = await createRecoverySet({ shares: 5, threshold: 3 }, systemRandom)
  const [, , other3] = forged.shares
  if (!first || !second || !third || !other3) throw new Error('too few')
  const digests = [...made.set.digests.slice(0, 2), forged.set.digests[2] ?? '']
  const set = { ...made.set, digests }
  const shares = [first, second, { ...other3, set: first.set }]
  expect(await combineShares(shares, [set])).toMatchObject({ problem: { code: 'share-altered' } })
})

test('what is wrapped opens in its context alone, and without shares not at all', async () => {
  const combined = await combineShares(sharesOf(2, 3, 5), sets())
  if (!combined.ok) throw new Error(combined.problem.detail)
  const { key } = combined.value
  const refused = { ok: false, problem: { code: 'key-encryption-refused' } }
  expect(await key.unwrap(wrapped, 'another')).toMatchObject(refused)
  for (let index = 0; index < wrapped.length; index += 7) {
    const altered = wrapped.slice()
    altered[index] = (altered[index] ?? 0) ^ 1
    expect(await key.unwrap(altered, 'root')).toMatchObject(refused)
  }
  expect(await key.unwrap(new Uint8Array(), 'root')).toMatchObject(refused)
  expect(await recoveryKeyEncryption(made.set).unwrap(wrapped, 'root')).toMatchObject({
    problem: { code: 'key-encryption-unavailable' },
  })
})

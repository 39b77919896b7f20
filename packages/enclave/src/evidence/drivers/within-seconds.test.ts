import { ok } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { withinSeconds } from './within-seconds.ts'

test('what never answers is a timeout', async () => {
  expect(await withinSeconds(0.01, 'quote', () => new Promise(() => {}))).toMatchObject({
    problem: { code: 'device-timeout', at: 'quote' },
  })
})

test('what answers in time is passed on, a failure of the program included', async () => {
  expect(await withinSeconds(30, 'quote', async () => ok(1))).toEqual({ ok: true, value: 1 })
  const broken = withinSeconds(30, 'quote', async () => {
    throw new RangeError('broken')
  })
  await expect(broken).rejects.toThrow(RangeError)
})

import { concat, ok } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { driverLimits } from '../limits.ts'
import { createTpm } from './tpm.ts'
import { type Transmit, transact, u16, u32 } from './transact.ts'

const command = {
  name: 'TPM2_GetRandom',
  code: 0x17b,
  handles: [],
  authorized: false,
  parameters: u16(4),
} as const

const answer = (code: number, body: Uint8Array = new Uint8Array(0), tag = 0x8001): Uint8Array =>
  concat(u16(tag), u32(10 + body.length), u32(code), body)

const always =
  (response: Uint8Array): Transmit =>
  async () =>
    ok(response)

test('a command without a session is header and parameters, big-endian', async () => {
  const sent: Uint8Array[] = []
  const transmit: Transmit = async (bytes) => {
    sent.push(bytes)
    return ok(answer(0, Uint8Array.of(0, 2, 8, 9)))
  }
  expect(await transact(transmit, command, (reader) => reader.sized())).toEqual({
    ok: true,
    value: Uint8Array.of(8, 9),
  })
  expect(sent).toEqual([Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 4)])
})

test.each([
  [0x18b, 'device-missing'],
  [0x98e, 'device-not-permitted'],
  [0x9a2, 'device-not-permitted'],
  [0x149, 'device-not-permitted'],
  [0x921, 'device-not-permitted'],
  [0x922, 'device-busy'],
  [0x14a, 'evidence-stale'],
  [0x101, 'device-failed'],
  [0x1d5, 'device-failed'],
])('TPM_RC 0x%s is %s', async (code, expected) => {
  expect(await transact(always(answer(code)), command, () => {})).toMatchObject({
    problem: { code: expected },
  })
})

test('a TPM that says later is asked again, but not for ever', async () => {
  let times = 0
  const later =
    (count: number): Transmit =>
    async () =>
      ok(answer(times++ < count ? 0x922 : 0))
  expect(await transact(later(2), command, () => 'done')).toEqual({ ok: true, value: 'done' })
  times = 0
  expect(await transact(later(99), command, () => 'done')).toMatchObject({
    problem: { code: 'device-busy' },
  })
  expect(times).toBe(driverLimits.attemptsMax)
})

test('a response of another length, tag or content is malformed', async () => {
  const whole = answer(0, Uint8Array.of(0, 2, 8, 9))
  for (const response of [
    new Uint8Array(0),
    whole.subarray(0, 13),
    concat(whole, new Uint8Array(1)),
    answer(0, Uint8Array.of(0, 3, 8, 9)),
    answer(0, Uint8Array.of(0, 2, 8, 9), 0x8002),
  ]) {
    expect(await transact(always(response), command, (reader) => reader.sized())).toMatchObject({
      problem: { code: 'evidence-malformed' },
    })
  }
})

test('whatever a TPM answers, nothing throws', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(0x8001, 0x8002), fc.uint8Array({ maxLength: 200 })), {
        minLength: 1,
        maxLength: 4,
      }),
      async (bodies) => {
        let count = 0
        const transmit: Transmit = async () => {
          const [tag, body] = bodies[count++ % bodies.length] ?? [0, new Uint8Array(0)]
          return ok(answer(0, body, tag))
        }
        const tpm = createTpm(transmit)
        await tpm.nvRead(1, 64)
        await tpm.quote(1, new Uint8Array(64))
      },
    ),
  )
})

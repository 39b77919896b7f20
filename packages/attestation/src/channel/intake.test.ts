import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../bytes/index.ts'
import { createIntake, readNow, varintOf } from './intake.ts'

const intakeOf = () => createIntake({ truncated: 'truncated', tooLarge: 'too-large' })

describe('bytes that come piece by piece', () => {
  test('are read in their order, however they were cut and are asked for', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.uint8Array({ maxLength: 3000 }) }),
        fc.record({ take: fc.nat(4000) }),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(steps, (list) => {
        const intake = intakeOf()
        const pushed: number[] = []
        const taken: number[] = []
        for (const step of list) {
          if ('push' in step) {
            pushed.push(...step.push)
            intake.push(step.push.slice())
          } else {
            const length = Math.min(step.take, intake.available())
            taken.push(...readNow(intake.bytes(length)))
          }
        }
        taken.push(...readNow(intake.bytes(intake.available())))
        expect(hexOf(Uint8Array.from(taken))).toBe(hexOf(Uint8Array.from(pushed)))
        expect(intake.offset()).toBe(pushed.length)
      }),
      { numRuns: 100 },
    )
  })

  test('a million pieces of one byte take little more than their bytes, and little time', () => {
    const intake = intakeOf()
    const before = process.memoryUsage()
    for (let index = 0; index < 1_000_000; index++) intake.push(Uint8Array.of(index % 251))
    intake.end()
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1_048_576)
    const bytes = readNow(intake.rest(1_000_000))
    expect(bytes).toHaveLength(1_000_000)
    expect(bytes.every((byte, index) => byte === index % 251)).toBe(true)
  })

  test('what was handed out is not changed by what comes later', () => {
    const intake = intakeOf()
    intake.push(Uint8Array.of(1, 2, 3))
    intake.push(Uint8Array.of(4))
    const first = readNow(intake.bytes(3))
    const second = readNow(intake.bytes(1))
    intake.push(Uint8Array.of(5))
    intake.push(Uint8Array.of(6))
    expect([...first, ...second, ...readNow(intake.bytes(2))]).toEqual([1, 2, 3, 4, 5, 6])
  })
})

test('numbers of every length are read as they are written', () => {
  for (const value of [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, Number.MAX_SAFE_INTEGER]) {
    const intake = intakeOf()
    intake.push(varintOf(value))
    expect(readNow(intake.varint())).toBe(value)
  }
})

import { expect, test } from 'vitest'
import { roleOf } from './me.ts'

const role = (...roles: readonly string[]) => roleOf({ name: 'n', roles })

test('of several roles the one that may do most is shown', () => {
  expect(role('clerk', 'privacy-officer')).toBe('privacy-officer')
  expect(role('clerk', 'radiologist')).toBe('radiologist')
  expect(role('clerk')).toBe('clerk')
  expect(role('janitor')).toBeUndefined()
})

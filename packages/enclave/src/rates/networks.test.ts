import { expect, test } from 'vitest'
import { addressesOf } from './networks.ts'

test('networks of both families are told apart', () => {
  const list = addressesOf(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
  expect(list.check('10.255.0.1', 'ipv4')).toBe(true)
  expect(list.check('11.0.0.1', 'ipv4')).toBe(false)
  expect(list.check('192.0.2.1', 'ipv4')).toBe(true)
  expect(list.check('192.0.2.2', 'ipv4')).toBe(false)
  expect(list.check('2001:db8::7', 'ipv6')).toBe(true)
  expect(list.check('2001:db9::7', 'ipv6')).toBe(false)
})

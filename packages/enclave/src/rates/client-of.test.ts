import { expect, test } from 'vitest'
import { clientOf } from './client-of.ts'
import { addressesOf } from './networks.ts'

const none = addressesOf([])
const proxies = addressesOf(['10.0.0.0/8', '2001:db8:1::/48', '127.0.0.1'])

test.each([
  // What anybody may write into the header counts for nothing without a trusted proxy.
  ['203.0.113.5', undefined, none, '203.0.113.5'],
  ['203.0.113.5', '198.51.100.1', none, '203.0.113.5'],
  ['203.0.113.5', '198.51.100.1', proxies, '203.0.113.5'],
  // A trusted one: the last address that is not a proxy's.
  ['10.1.2.3', '198.51.100.1', proxies, '198.51.100.1'],
  ['10.1.2.3', '192.0.2.9, 198.51.100.1, 10.9.9.9', proxies, '198.51.100.1'],
  ['::ffff:10.1.2.3', '198.51.100.1:4711', proxies, '198.51.100.1'],
  ['10.1.2.3', 'nonsense', proxies, '10.1.2.3'],
  ['10.1.2.3', '198.51.100.1, nonsense', proxies, '10.1.2.3'],
  ['10.1.2.3', '', proxies, '10.1.2.3'],
  ['10.1.2.3', undefined, proxies, '10.1.2.3'],
  ['127.0.0.1', '10.0.0.1, 10.0.0.2', proxies, '10.0.0.1'],
  // One host of IPv6 may have a whole /64.
  ['2001:db8:2:3:4:5:6:7', undefined, none, '2001:db8:2:3::/64'],
  ['2001:db8:2:3::1', undefined, none, '2001:db8:2:3::/64'],
  ['2001:db8:1::1', '[2001:db8:7:0008::1]:443', proxies, '2001:db8:7:8::/64'],
  ['::1', undefined, none, '0:0:0:0::/64'],
])('of %s, forwarded for %s', (connection, forwardedFor, trusted, client) => {
  expect(clientOf(connection, forwardedFor, trusted)).toBe(client)
})

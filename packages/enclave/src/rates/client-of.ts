import { type BlockList, isIP } from 'node:net'

/**
 * Who asks: the address of the connection or, where that is a proxy that is trusted, the last address in
 * `X-Forwarded-For` that is not. What stands before it, anybody may have written.
 *
 * @returns an address of IPv4, or the /64 network of one of IPv6, which a single host may have whole.
 */
export function clientOf(
  connection: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: BlockList,
): string {
  let client = plain(connection ?? '')
  const hops = forwardedFor?.split(',') ?? []
  while (isTrusted(client, trustedProxies)) {
    const hop = plain(hops.pop()?.trim() ?? '')
    // A proxy that says nothing of use is itself the one who asks.
    if (isIP(hop) === 0) break
    client = hop
  }
  return isIP(client) === 6 ? networkOf(client) : client
}

/** Without a port, and IPv4 as what it is. */
function plain(text: string): string {
  const [, bracketed] = /^\[([0-9a-f:.]+)\](?::[0-9]+)?$/i.exec(text) ?? []
  const [, withPort] = /^([0-9.]+):[0-9]+$/.exec(text) ?? []
  const address = bracketed ?? withPort ?? text
  return address.toLowerCase().replace(/^::ffff:(?=[0-9.]+$)/, '')
}

function isTrusted(address: string, proxies: BlockList): boolean {
  const family = isIP(address)
  return family !== 0 && proxies.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

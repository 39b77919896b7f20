import { BlockList, isIP } from 'node:net'

/** All addresses of `networks`, to be asked about one. */
export function addressesOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of networks) {
    const network = networkOf(text)
    if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family)
  }
  return list
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** An IP address, or one with a prefix length; `undefined` for anything else. */
export function networkOf(text: string): Network | undefined {
  const [address = '', length, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return undefined
  const bits = family === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (length !== undefined && !/^[0-9]{1,3}$/.test(length)) return undefined
  if (prefix > bits) return undefined
  return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' }
}

/**
 * Kinds of keys, and what may be done with each.
 *
 * @see Key Vault, "Key types, algorithms, and operations"
 * @module
 */

/** As they are asked for. `-HSM` is kept as a name: no key of this broker is in hardware of its own. */
export const keyTypes = ['RSA', 'RSA-HSM', 'EC', 'EC-HSM', 'oct', 'oct-HSM'] as const

export type KeyType = (typeof keyTypes)[number]

export type KeyFamily = 'RSA' | 'EC' | 'oct'

export function familyOf(type: KeyType): KeyFamily {
  return type.replace('-HSM', '') as KeyFamily
}

export const curves = ['P-256', 'P-384', 'P-521'] as const

export type Curve = (typeof curves)[number]

export const rsaSizes = [2048, 3072, 4096] as const
export const octSizes = [128, 192, 256] as const

export const keyOperations = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'wrapKey',
  'unwrapKey',
  'export',
] as const

export type KeyOperation = (typeof keyOperations)[number]

/** What a key of each family can do; what it may do unless somebody says less. */
export const operationsOf: Readonly<Record<KeyFamily, readonly KeyOperation[]>> = {
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  EC: ['sign', 'verify'],
  oct: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
}

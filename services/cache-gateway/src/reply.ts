/**
 * Replies of the Redis protocol.
 *
 * @see Redis serialization protocol specification (RESP2, RESP3)
 * @module
 */

import { concat, unreachable, utf8Of } from '@sealward/attestation/bytes'

/** First word of an error reply, by which clients tell errors apart. */
export type ErrorPrefix = 'ERR' | 'NOAUTH' | 'NOPERM' | 'NOPROTO' | 'WRONGPASS'

export type Reply =
  | { readonly kind: 'simple'; readonly text: string }
  | {
      readonly kind: 'error'
      readonly prefix: ErrorPrefix
      readonly code: string
      readonly detail: string
    }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bulk'; readonly value: Uint8Array }
  | { readonly kind: 'null' }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Reply])[] }

/** Version of the protocol that a connection speaks. */
export type RespVersion = 2 | 3

export const okReply: Reply = { kind: 'simple', text: 'OK' }
export const nullReply: Reply = { kind: 'null' }
export const integerReply = (value: number): Reply => ({ kind: 'integer', value })
export const bulkReply = (value: Uint8Array | string): Reply => ({
  kind: 'bulk',
  value: typeof value === 'string' ? utf8Of(value) : value,
})
export const errorReply = (prefix: ErrorPrefix, code: string, detail: string): Reply => ({
  kind: 'error',
  prefix,
  code,
  detail,
})

/** The bytes of a reply. Errors are `-<prefix> <code> <sentence>`, on one line whatever they are made of. */
export function encodeReply(reply: Reply, version: RespVersion): Uint8Array {
  return concat(...pieces(reply, version))
}

function pieces(reply: Reply, version: RespVersion): readonly Uint8Array[] {
  switch (reply.kind) {
    case 'simple':
      return [line('+', reply.text)]
    case 'error':
      return [line('-', `${reply.prefix} ${reply.code} ${reply.detail}`)]
    case 'integer':
      return [line(':', String(reply.value))]
    case 'bulk':
      return [line('$', String(reply.value.length)), reply.value, lineEnd]
    case 'null':
      return [version === 3 ? line('_', '') : line('$', '-1')]
    case 'array':
      return [
        line('*', String(reply.items.length)),
        ...reply.items.flatMap((item) => pieces(item, version)),
      ]
    case 'map':
      return [
        version === 3
          ? line('%', String(reply.entries.length))
          : line('*', String(2 * reply.entries.length)),
        ...reply.entries.flatMap(([name, value]) => [
          ...pieces(bulkReply(name), version),
          ...pieces(value, version),
        ]),
      ]
    default:
      return unreachable(reply)
  }
}

const lineEnd = utf8Of('\r\n')

function line(marker: string, text: string): Uint8Array {
  return utf8Of(`${marker}${text.replaceAll(/[\r\n]/g, ' ')}\r\n`)
}

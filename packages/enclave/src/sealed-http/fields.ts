import type { Field } from '@sealward/attestation/channel'

/** Fields that speak about a connection, which there is none of in here. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Of these a server takes the first and drops what comes after it. */
const single: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-type',
  'etag',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Fields of an opened request as a server gives them to the inner routes: one text for each name. */
export function headersOf(fields: readonly Field[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of fieldsOf(fields)) {
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (!single.has(name))
      headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return headers
}

/** Fields that go on, in either direction. */
export function fieldsOf(fields: readonly Field[]): readonly Field[] {
  return fields.filter(([name]) => !hopByHop.has(name))
}

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

/** Fields of an opened request as the inner routes get them. */
export function headersOf(fields: readonly Field[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of fieldsOf(fields)) {
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/** Fields that go on, in either direction. */
export function fieldsOf(fields: readonly Field[]): readonly Field[] {
  return fields.filter(([name]) => !hopByHop.has(name))
}

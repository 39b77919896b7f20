import fc from 'fast-check'
import { expect, test } from 'vitest'
import { found } from './traces.ts'

const text = 'Zzyzx Çanary/7?>'

const encodings: Readonly<Record<string, (bytes: Buffer) => string | Buffer>> = {
  'UTF-8': (bytes) => bytes,
  'hexadecimal of UTF-8': (bytes) => bytes.toString('hex'),
  'base64 of UTF-8': (bytes) => bytes.toString('base64'),
  'base64url of UTF-8': (bytes) => bytes.toString('base64url'),
}

test.each(Object.entries(encodings))('%s is found, whatever is around it', (name, encode) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      (one, other) => {
        const around = Buffer.concat([one, Buffer.from(text), other])
        expect(found(Buffer.from(encode(around)), text)).toContain(name)
      },
    ),
  )
})

test('UTF-16 of both byte orders, URLs and JSON escapes are found', () => {
  const utf16 = Buffer.from(text, 'utf16le')
  expect(found(utf16, text)).toContain('UTF-16LE')
  expect(found(Buffer.from(utf16).swap16(), text)).toContain('UTF-16BE')
  expect(found(Buffer.from(utf16.toString('base64')), text)).toContain('base64 of UTF-16LE')
  expect(found(Buffer.from(`/x?q=${encodeURIComponent(text)}`), text)).toContain('URL')
  expect(
    found(Buffer.from(`/x?${new URLSearchParams({ q: 'Zzyzx canary' })}`), 'Zzyzx canary'),
  ).toContain('URL')
  const json = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)).map(
    (one) => `\\u${one.toString(16).padStart(4, '0')}`,
  )
  expect(found(Buffer.from(json.join('')), text)).toContain('JSON escapes')
})

test('nothing is found where there is nothing', () => {
  expect(found(Buffer.from('Zzyzx anary and other bytes'), text)).toEqual([])
})

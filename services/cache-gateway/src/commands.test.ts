import { textOf, utf8Of } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandOf } from './commands.ts'
import { createInProcessStore } from './in-process-store.ts'
import { limits } from './limits.ts'
import { encodeReply } from './reply.ts'
import type { Store } from './store.ts'

function fixture(bytesMax = 100_000): {
  readonly store: Store
  readonly run: (...words: string[]) => Promise<string | undefined>
  readonly wait: (ms: number) => void
} {
  let nowMs = 1_000
  const store = createInProcessStore({ bytesMax, now: () => nowMs })
  return {
    store,
    wait: (ms) => {
      nowMs += ms
    },
    run: async (name, ...words) => {
      const command = commandOf(name)
      if (command === undefined) return 'refused'
      return textOf(encodeReply(await command.run(store, words.map(utf8Of)), 2))
    },
  }
}

test('a value is read back as it was written, and is gone when deleted', async () => {
  const { run } = fixture()
  expect(await run('GET', 'k')).toBe('$-1\r\n')
  expect(await run('SET', 'k', 'v\r\n')).toBe('+OK\r\n')
  expect(await run('GET', 'k')).toBe('$3\r\nv\r\n\r\n')
  expect(await run('EXISTS', 'k', 'k', 'other')).toBe(':2\r\n')
  expect(await run('MGET', 'k', 'other')).toBe('*2\r\n$3\r\nv\r\n\r\n$-1\r\n')
  expect(await run('DEL', 'k', 'other')).toBe(':1\r\n')
  expect(await run('GET', 'k')).toBe('$-1\r\n')
})

test('a value is gone when its lifetime is over', async () => {
  const { run, wait } = fixture()
  await run('SET', 'k', 'v', 'EX', '2')
  expect(await run('TTL', 'k')).toBe(':2\r\n')
  wait(1_500)
  expect(await run('PTTL', 'k')).toBe(':500\r\n')
  expect(await run('EXPIRE', 'k', '10')).toBe(':1\r\n')
  wait(9_999)
  expect(await run('EXISTS', 'k')).toBe(':1\r\n')
  wait(2)
  expect(await run('GET', 'k')).toBe('$-1\r\n')
  expect(await run('PTTL', 'k')).toBe(':-2\r\n')
  expect(await run('EXPIRE', 'k', '10')).toBe(':0\r\n')
})

test('a value written again without a lifetime has none', async () => {
  const { run, wait } = fixture()
  await run('SET', 'k', 'v', 'PX', '5')
  await run('SET', 'k', 'w')
  wait(60_000)
  expect(await run('GET', 'k')).toBe('$1\r\nw\r\n')
  expect(await run('TTL', 'k')).toBe(':-1\r\n')
})

test('a condition that does not hold writes nothing', async () => {
  const { run } = fixture()
  expect(await run('SET', 'k', 'v', 'XX')).toBe('$-1\r\n')
  expect(await run('SET', 'k', 'v', 'NX', 'PX', '1000')).toBe('+OK\r\n')
  expect(await run('SET', 'k', 'w', 'NX')).toBe('$-1\r\n')
  expect(await run('SET', 'k', 'w', 'xx')).toBe('+OK\r\n')
  expect(await run('GET', 'k')).toBe('$1\r\nw\r\n')
})

test('options that contradict each other or are not known are refused', async () => {
  const { run } = fixture()
  for (const options of [['NX', 'XX'], ['EX', '1', 'PX', '1'], ['KEEPTTL'], ['GET']]) {
    expect(await run('SET', 'k', 'v', ...options)).toMatch(/^-ERR syntax /)
  }
  for (const digits of ['0', '-1', '1.5', '', 'x', '99999999999999', '2592001']) {
    expect(await run('SET', 'k', 'v', 'EX', digits)).toMatch(/^-ERR bad-lifetime /)
    expect(await run('EXPIRE', 'k', digits)).toMatch(/^-ERR bad-lifetime /)
  }
  expect(await run('SET', 'k', 'v', 'EX')).toMatch(/^-ERR bad-lifetime /)
  expect(await run('SET', 'k', 'v', 'EX', '2592000')).toBe('+OK\r\n')
})

test('a key may be as long as the limit, and no longer', async () => {
  const { run } = fixture()
  expect(await run('SET', 'k'.repeat(limits.keyBytesMax), 'v')).toBe('+OK\r\n')
  expect(await run('SET', 'k'.repeat(limits.keyBytesMax + 1), 'v')).toMatch(/^-ERR key-too-long /)
  expect(await run('DEL', 'k', 'k'.repeat(limits.keyBytesMax + 1))).toMatch(/^-ERR key-too-long /)
})

test('keys that are not text are told apart byte by byte', async () => {
  const { store } = fixture()
  await store.set(Uint8Array.of(0xff), utf8Of('a'), {})
  await store.set(Uint8Array.of(0xfe), utf8Of('b'), {})
  expect(await store.getMany([Uint8Array.of(0xff), Uint8Array.of(0xfe)])).toEqual([
    utf8Of('a'),
    utf8Of('b'),
  ])
})

test('the in-process store keeps its limit, the newest values staying', async () => {
  const { store, run } = fixture(10_000)
  for (let index = 0; index < 50; index++) {
    await store.set(utf8Of(`k${index}`), new Uint8Array(1_000), {})
  }
  expect(await run('EXISTS', 'k49')).toBe(':1\r\n')
  expect(await run('EXISTS', 'k0')).toBe(':0\r\n')
})

test('commands that are not listed are unknown, whatever they are called', () => {
  for (const name of [
    'FLUSHALL',
    'KEYS',
    'EVAL',
    'CONFIG',
    'SUBSCRIBE',
    'MULTI',
    'INCR',
    '',
    '__proto__',
    'constructor',
  ]) {
    expect(commandOf(name)).toBeUndefined()
  }
})

test('there is one database, and clients may say their name', async () => {
  const { run } = fixture()
  expect(await run('SELECT', '0')).toBe('+OK\r\n')
  expect(await run('SELECT', '1')).toMatch(/^-ERR one-database /)
  expect(await run('CLIENT', 'SETNAME', 'x')).toBe('+OK\r\n')
  expect(await run('CLIENT', 'SETINFO', 'LIB-NAME', 'x')).toBe('+OK\r\n')
  expect(await run('CLIENT', 'KILL', 'x')).toMatch(/^-NOPERM command-refused /)
  expect(await run('INFO')).toContain('store:in-process')
})

test('an error is one line, whatever it is made of', () => {
  fc.assert(
    fc.property(fc.string(), (detail) => {
      const text = textOf(encodeReply({ kind: 'error', prefix: 'ERR', code: 'x', detail }, 2)) ?? ''
      expect(text.indexOf('\r\n')).toBe(text.length - 2)
      expect(text.slice(0, -2)).not.toMatch(/[\r\n]/)
    }),
  )
})

test('the two versions differ in nulls and maps', () => {
  const map = { kind: 'map', entries: [['a', { kind: 'null' }]] } as const
  expect(textOf(encodeReply(map, 2))).toBe('*2\r\n$1\r\na\r\n$-1\r\n')
  expect(textOf(encodeReply(map, 3))).toBe('%1\r\n$1\r\na\r\n_\r\n')
})

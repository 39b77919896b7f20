/**
 * What an admitted client may say: these commands and no others.
 *
 * @module
 */

import { textOf } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import { bulkReply, errorReply, integerReply, nullReply, okReply, type Reply } from './reply.ts'
import type { SetOptions, Store } from './store.ts'

/** One command: how many arguments it takes, its name left out, and what it does. */
export interface Command {
  readonly argumentsMin: number
  readonly argumentsMax: number
  /** Whether its answer may be so large that nothing else is answered beside it. */
  readonly alone?: true
  run(store: Store, words: readonly Uint8Array[]): Promise<Reply>
}

/** The command of that name, in any case; `undefined` for every other word. */
export function commandOf(name: string): Command | undefined {
  return commands.get(name)
}

const keysMax = 1023

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['GET', onKey(async (store, key) => valueReply(await store.get(key)))],
  ['SET', { argumentsMin: 2, argumentsMax: 7, run: runSet }],
  [
    'MGET',
    {
      ...onKeys(async (store, keys) => ({
        kind: 'array',
        items: (await store.getMany(keys)).map(valueReply),
      })),
      argumentsMax: limits.valuesMax,
      alone: true,
    },
  ],
  ['DEL', onKeys(async (store, keys) => integerReply(await store.remove(keys)))],
  ['EXISTS', onKeys(async (store, keys) => integerReply(await store.count(keys)))],
  ['EXPIRE', { argumentsMin: 2, argumentsMax: 2, run: runExpire }],
  ['PTTL', onKey(async (store, key) => lifetimeReply(await store.lifetimeOf(key), 1))],
  ['TTL', onKey(async (store, key) => lifetimeReply(await store.lifetimeOf(key), 1000))],
  ['SELECT', { argumentsMin: 1, argumentsMax: 1, run: runSelect }],
  ['CLIENT', { argumentsMin: 1, argumentsMax: 3, run: runClient }],
  ['COMMAND', { argumentsMin: 0, argumentsMax: keysMax, run: runCommand }],
  [
    'INFO',
    { argumentsMin: 0, argumentsMax: 8, run: async (store) => bulkReply(informationOf(store)) },
  ],
])

function onKey(run: (store: Store, key: Uint8Array) => Promise<Reply>): Command {
  return { ...onKeys((store, [key]) => run(store, key)), argumentsMax: 1 }
}

function onKeys(
  run: (store: Store, keys: readonly [Uint8Array, ...Uint8Array[]]) => Promise<Reply>,
): Command {
  return {
    argumentsMin: 1,
    argumentsMax: keysMax,
    run: async (store, words) => {
      const [first, ...rest] = words
      if (first === undefined || words.some(isTooLong)) return keyTooLong
      return run(store, [first, ...rest])
    },
  }
}

async function runSet(store: Store, words: readonly Uint8Array[]): Promise<Reply> {
  const [key, value, ...rest] = words
  if (key === undefined || value === undefined) return syntax
  if (isTooLong(key)) return keyTooLong
  const options = setOptionsOf(rest.map(wordOf))
  if ('kind' in options) return options
  return (await store.set(key, value, options)) ? okReply : nullReply
}

function setOptionsOf(words: readonly string[]): SetOptions | Reply {
  let lifetimeMs: number | undefined
  let condition: SetOptions['condition']
  for (let index = 0; index < words.length; index++) {
    const word = words[index]
    if ((word === 'NX' || word === 'XX') && condition === undefined) {
      condition = word === 'NX' ? 'absent' : 'present'
    } else if ((word === 'EX' || word === 'PX') && lifetimeMs === undefined) {
      lifetimeMs = lifetimeOf(words[++index], word === 'EX' ? 1000 : 1)
      if (lifetimeMs === undefined) return badLifetime
    } else return syntax
  }
  return {
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    ...(condition === undefined ? {} : { condition }),
  }
}

async function runExpire(store: Store, words: readonly Uint8Array[]): Promise<Reply> {
  const [key, seconds] = words
  if (key === undefined || seconds === undefined) return syntax
  if (isTooLong(key)) return keyTooLong
  const lifetimeMs = lifetimeOf(wordOf(seconds), 1000)
  if (lifetimeMs === undefined) return badLifetime
  return integerReply((await store.expire(key, lifetimeMs)) ? 1 : 0)
}

async function runSelect(_store: Store, [index]: readonly Uint8Array[]): Promise<Reply> {
  if (index !== undefined && wordOf(index) === '0') return okReply
  return errorReply('ERR', 'one-database', 'there is database 0 only')
}

/** Clients name themselves when they connect. It is let pass, and not kept. */
async function runClient(_store: Store, words: readonly Uint8Array[]): Promise<Reply> {
  const [verb] = words.map(wordOf)
  if (verb === 'SETNAME' && words.length === 2) return okReply
  if (verb === 'SETINFO' && words.length === 3) return okReply
  return errorReply('NOPERM', 'command-refused', 'this command is not offered')
}

/** Clients that ask which commands there are get the answer of a server that does not tell. */
async function runCommand(_store: Store, [verb]: readonly Uint8Array[]): Promise<Reply> {
  if (verb === undefined) return { kind: 'array', items: [] }
  switch (wordOf(verb)) {
    case 'COUNT':
      return integerReply(commands.size)
    case 'DOCS':
      return { kind: 'map', entries: [] }
    default:
      return errorReply('NOPERM', 'command-refused', 'this command is not offered')
  }
}

function informationOf(store: Store): string {
  return [
    '# Server',
    'server_name:sealward-cache-gateway',
    'redis_mode:standalone',
    '# Persistence',
    'loading:0',
    '# Sealward',
    `store:${store.kind}`,
    '',
  ].join('\r\n')
}

const syntax = errorReply('ERR', 'syntax', 'options that do not go together, or are not known')
const badLifetime = errorReply(
  'ERR',
  'bad-lifetime',
  `a whole number above 0, at most ${limits.lifetimeMsMax} ms`,
)
const keyTooLong = errorReply('ERR', 'key-too-long', `at most ${limits.keyBytesMax} bytes`)

function isTooLong(key: Uint8Array): boolean {
  return key.length > limits.keyBytesMax
}

function valueReply(value: Uint8Array | undefined): Reply {
  return value === undefined ? nullReply : bulkReply(value)
}

function lifetimeReply(lifetime: number | 'absent' | 'unlimited', unitMs: number): Reply {
  if (lifetime === 'absent') return integerReply(-2)
  if (lifetime === 'unlimited') return integerReply(-1)
  return integerReply(Math.round(lifetime / unitMs))
}

function lifetimeOf(digits: string | undefined, unitMs: number): number | undefined {
  if (digits === undefined || !/^[1-9][0-9]{0,12}$/.test(digits)) return undefined
  const lifetimeMs = Number(digits) * unitMs
  return lifetimeMs <= limits.lifetimeMsMax ? lifetimeMs : undefined
}

/** A short word in upper case; anything longer or not text is no word that is known. */
export function wordOf(bytes: Uint8Array): string {
  return bytes.length > wordBytesMax ? '' : (textOf(bytes) ?? '').toUpperCase()
}

const wordBytesMax = 32

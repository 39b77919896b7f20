import { hkdfSync } from 'node:crypto'
import { concat, ok, type Problem, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import {
  ChannelError,
  encodeKeyConfigs,
  generateKeyConfig,
  type OhttpKey,
  type OhttpProblem,
  type OpenedPieces,
  openChunkedRequest,
  openRequest,
  type ReplayWindow,
  type SealedExchange,
} from '@sealward/attestation/channel'
import { nodeHpke } from '../cryptography/index.ts'
import type { Clock, Random } from '../effects/index.ts'
import { StartRefusal } from '../server/index.ts'
import { epochLookUpMs, epochOverlapSeconds, epochSeconds, openedInPartMax } from './limits.ts'
import {
  type Admission,
  createReplayMemory,
  type Epoch,
  type Epochs,
  isAfter,
  type MemoryUnavailable,
  nameOf,
  type ReplayMemory,
  replayed,
  stale,
} from './replay-memory.ts'

/** HPKE key encapsulation: the hybrid that a quantum computer does not break, X25519, P-256 for clients that have no other. */
const kems = [0x647a, 0x0020, 0x0010] as const

export interface OpenedRequest {
  readonly exchange: SealedExchange
  /** Binary HTTP. */
  readonly request: Uint8Array
}

export interface OpenedStream {
  readonly exchange: SealedExchange<'chunked'>
  /** Binary HTTP. It fails with a {@link ChannelError}. */
  readonly request: OpenedPieces
}

/** The keys that requests are sealed to. Their private halves never leave the process. */
export interface ChannelKeys {
  /** `application/ohttp-keys` of the keys to seal to now. */
  offered(): Promise<Result<Uint8Array, MemoryUnavailable>>
  /** Opens a message, once among all replicas. */
  open(message: Uint8Array): Promise<Result<OpenedRequest, OhttpProblem | MemoryUnavailable>>
  /** Opens a message in chunks as it comes, once among all replicas. */
  openChunked(
    message: Uint8Array | AsyncIterable<Uint8Array>,
    options: { readonly bytesMax: number },
  ): Promise<Result<OpenedStream, OhttpProblem | MemoryUnavailable>>
  close(): Promise<void>
}

/** What replicas have in common, so that each opens what was sealed to another. */
export interface SharedChannel {
  /** 32 bytes that all replicas get from a key broker, and nobody else. */
  readonly seed: Uint8Array | SeedOfDay
  readonly memory: ReplayMemory
}

/** Where the seed is replaced from time to time: the one of a day, in days since 1970, which all replicas have before it. */
export type SeedOfDay = (day: number) => Uint8Array

/**
 * Keys by epoch: replaced every day, and before more was opened under them than is remembered at once.
 *
 * Without `shared` each epoch's keys are drawn in this process, and gone with it. With it they are derived from
 * the seed and the epoch: the same in all replicas, and whoever holds the seed can make them again.
 *
 * @throws StartRefusal where what was opened before cannot be looked up.
 */
export async function createChannelKeys(deps: {
  readonly clock: Clock
  readonly random: Random
  readonly shared?: SharedChannel
  /** Those of one process; `openedInPartMax` unless said. */
  readonly openedInPartMax?: number
}): Promise<ChannelKeys> {
  const { clock, random, shared } = deps
  const memory = shared?.memory ?? createReplayMemory()
  const partMax = deps.openedInPartMax ?? openedInPartMax
  const keysOf = keysByEpoch(shared?.seed, random)
  const opened = new Map<string, number>()
  let known: Epochs | undefined
  let lookedUpAt = Number.NEGATIVE_INFINITY

  const today = (): Epoch => ({ day: Math.floor(clock.now() / epochSeconds), part: 0 })
  const begin = async (epoch: Epoch): Promise<Result<Epochs, MemoryUnavailable>> => {
    const begun = await memory.begin(epoch)
    if (!begun.ok) return begun
    // A memory that has gone back has forgotten something.
    if (known !== undefined && isAfter(known.newest, begun.value.newest)) return forgotten
    known = begun.value
    keysOf.keep(known)
    for (const name of opened.keys()) if (!namesOf(known).includes(name)) opened.delete(name)
    return ok(known)
  }
  const current = async (): Promise<Result<Epochs, MemoryUnavailable>> => {
    if (known === undefined || isAfter(today(), known.newest)) return begin(today())
    const { newest } = known
    if ((opened.get(nameOf(newest)) ?? 0) < partMax) return ok(known)
    return begin({ ...newest, part: newest.part + 1 })
  }
  const isOver = (epoch: Epoch): boolean =>
    clock.now() >= (epoch.day + 1) * epochSeconds + epochOverlapSeconds
  const keyFor = async (message: Uint8Array, epochs: Epochs): Promise<EpochKey | undefined> => {
    for (const epoch of [epochs.newest, epochs.previous]) {
      if (epoch === undefined || isOver(epoch)) continue
      const found = (await keysOf.keys(epoch)).find(({ config }) => isNamedIn(message, config))
      if (found !== undefined) return { ...found, epoch }
    }
    return undefined
  }
  /** Another replica may have begun an epoch that nobody here has heard of. */
  const lookUp = async (message: Uint8Array): Promise<Result<EpochKey, Refusal>> => {
    if (message.length < headerBytes) return refuse('malformed', '@0x0', 'shorter than its header')
    const epochs = await current()
    if (!epochs.ok) return epochs
    const key = await keyFor(message, epochs.value)
    if (key !== undefined) return ok(key)
    if (shared === undefined || performance.now() - lookedUpAt < epochLookUpMs) return stale
    lookedUpAt = performance.now()
    const renewed = await begin(today())
    if (!renewed.ok) return renewed
    const found = await keyFor(message, renewed.value)
    return found === undefined ? stale : ok(found)
  }

  /** What goes on coming under keys that have been replaced is not remembered without an end. */
  const isFlooded = (epoch: Epoch): boolean =>
    known !== undefined &&
    isAfter(known.newest, epoch) &&
    (opened.get(nameOf(epoch)) ?? 0) >= 2 * partMax

  /** Asks the memory, whose own codes are kept for whoever opened. */
  const gateOf = (epoch: Epoch): Gate => {
    let refused: Extract<Admission, { readonly ok: false }> | undefined
    return {
      async admit(_keyId, enc) {
        const admitted = isFlooded(epoch) ? stale : await memory.admit(epoch, enc)
        if (!admitted.ok) {
          refused = admitted
          return replayed
        }
        opened.set(nameOf(epoch), (opened.get(nameOf(epoch)) ?? 0) + 1)
        return admitted
      },
      refused: () => refused,
    }
  }

  const first = await current()
  if (!first.ok) throw new StartRefusal(first.problem)
  return {
    async offered() {
      const here = await current()
      if (!here.ok) return here
      const epochs = shared === undefined ? here : await begin(today())
      if (!epochs.ok) return epochs
      const keys = await keysOf.keys(epochs.value.newest)
      return ok(encodeKeyConfigs(keys.map(({ config }) => config)))
    },
    async open(message) {
      const key = await lookUp(message)
      if (!key.ok) return key
      const replay = gateOf(key.value.epoch)
      const opened = await openRequest({ keys: [key.value], message, replay })
      return replay.refused() ?? opened
    },
    async openChunked(message, { bytesMax }) {
      const isWhole = message instanceof Uint8Array
      const start = isWhole ? ok({ bytes: message, whole: message }) : await startOf(message)
      if (!start.ok) return start
      const key = await lookUp(start.value.bytes)
      if (!key.ok) return key
      const replay = gateOf(key.value.epoch)
      const { whole } = start.value
      const opened = await openChunkedRequest({
        keys: [key.value],
        message: whole,
        replay,
        bytesMax,
      })
      return replay.refused() ?? opened
    },
    close: () => memory.close(),
  }
}

interface Gate extends ReplayWindow {
  /** Why the message was not admitted. */
  refused(): Extract<Admission, { readonly ok: false }> | undefined
}

type Refusal = Problem<'stale-key' | 'malformed'> | MemoryUnavailable
type EpochKey = OhttpKey & { readonly epoch: Epoch }

const headerBytes = 7

const forgotten: { readonly ok: false; readonly problem: MemoryUnavailable } = {
  ok: false,
  problem: {
    code: 'replay-memory-unavailable',
    at: 'database',
    detail: 'The memory of what was opened is older than it was.',
  },
}

/** The first bytes of a message, which say what key it is sealed to; and the whole of it still. */
async function startOf(
  message: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<
  Result<
    { readonly bytes: Uint8Array; readonly whole: Uint8Array | AsyncIterable<Uint8Array> },
    Problem<'truncated'>
  >
> {
  if (message instanceof Uint8Array) return ok({ bytes: message, whole: message })
  const pieces = message[Symbol.asyncIterator]()
  let bytes: Uint8Array = new Uint8Array()
  try {
    while (bytes.length < headerBytes) {
      const { done, value } = await pieces.next()
      if (done === true) break
      bytes = concat(bytes, value)
    }
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error
    return refuse('truncated', error.problem.at, error.problem.detail)
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield bytes
      for (;;) {
        const { done, value } = await pieces.next()
        if (done === true) return
        yield value
      }
    } finally {
      await pieces.return?.()
    }
  }
  return ok({ bytes, whole: whole() })
}

function isNamedIn(message: Uint8Array, { keyId, kem }: OhttpKey['config']): boolean {
  return message[0] === keyId && (message[1] ?? 0) * 256 + (message[2] ?? 0) === kem
}

/** Three bits of the day, three of its part, two of the KEM: neighbours in time never have the same. */
function keyIdOf({ day, part }: Epoch, kemIndex: number): number {
  return ((day & 7) << 5) | ((part & 7) << 2) | kemIndex
}

function namesOf({ newest, previous }: Epochs): readonly string[] {
  return previous === undefined ? [nameOf(newest)] : [nameOf(newest), nameOf(previous)]
}

/** Makes the keys of an epoch when they are first asked for, and forgets those of epochs that are not kept. */
function keysByEpoch(
  seed: SharedChannel['seed'] | undefined,
  random: Random,
): {
  keys(epoch: Epoch): Promise<readonly OhttpKey[]>
  keep(epochs: Epochs): void
} {
  const made = new Map<string, Promise<readonly OhttpKey[]>>()
  return {
    keys(epoch) {
      const name = nameOf(epoch)
      const ofDay = typeof seed === 'function' ? seed(epoch.day) : seed
      const keys =
        made.get(name) ??
        Promise.all(
          kems.map((kem, index) =>
            generateKeyConfig({
              keyId: keyIdOf(epoch, index),
              kem,
              engine: nodeHpke,
              random: ofDay === undefined ? random : derived(ofDay, `${name} ${kem.toString(16)}`),
            }),
          ),
        )
      made.set(name, keys)
      return keys
    },
    keep(epochs) {
      const names = namesOf(epochs)
      for (const name of made.keys()) if (!names.includes(name)) made.delete(name)
    },
  }
}

/** Not random at all: what DeriveKeyPair makes a key pair of. @see RFC 9180, section 7.1.3 */
function derived(seed: Uint8Array, what: string): Random {
  let draws = 0
  return {
    bytes(length) {
      const info = utf8Of(`sealward channel key 1 ${what} ${draws++}`)
      return new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(), info, length))
    },
  }
}

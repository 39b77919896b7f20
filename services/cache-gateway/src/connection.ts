/**
 * One client's connection: who it is comes first, and only then what it wants.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { concat, textOf } from '@sealward/attestation/bytes'
import type { AccessToken } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Admission } from '@sealward/enclave/attested-tls'
import type { Clock } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import { type Command, commandOf, wordOf } from './commands.ts'
import { admittedLimits, anonymousLimits, limits } from './limits.ts'
import {
  bulkReply,
  encodeReply,
  errorReply,
  integerReply,
  okReply,
  type Reply,
  type RespVersion,
} from './reply.ts'
import { type CommandWords, createRespReader } from './resp-reader.ts'
import { type Store, StoreUnavailable } from './store.ts'

/** What a connection needs. */
export interface ConnectionDeps {
  readonly admission: Admission
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
}

/** Answers one client until it leaves, its token runs out, or it is refused. Never rejects. */
export async function serveConnection(socket: TLSSocket, deps: ConnectionDeps): Promise<void> {
  const session = new Session(socket, deps)
  try {
    await session.serve()
  } catch (error) {
    if (!isConnectionError(error)) deps.log.thrown('connection-failed', error)
  } finally {
    session.close()
  }
}

/** What a connection remembers. */
class Session {
  readonly #socket: TLSSocket
  readonly #deps: ConnectionDeps
  readonly #anonymous: NodeJS.Timeout
  #version: RespVersion = 2
  #admitted: Verified<AccessToken> | undefined
  #expiry: NodeJS.Timeout | undefined
  #refusals = 0
  #busy = false

  constructor(socket: TLSSocket, deps: ConnectionDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#anonymous = setTimeout(() => socket.destroy(), limits.anonymousMsMax)
    socket.setTimeout(limits.idleMsMax, () => socket.destroy())
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
  }

  async serve(): Promise<void> {
    const reader = createRespReader()
    for await (const chunk of this.#socket as AsyncIterable<Uint8Array>) {
      reader.feed(chunk)
      const fallen = await this.#fallen()
      if (fallen !== undefined) return await this.#end(fallen)
      this.#busy = true
      const inFlight: Promise<Reply>[] = []
      for (;;) {
        const allowed = this.#admitted === undefined ? anonymousLimits : admittedLimits
        const next = reader.next(allowed)
        if (!next.ok) {
          const { code, detail } = next.problem
          this.#deps.log.warn('protocol-refused', { code })
          await this.#answer(inFlight)
          return await this.#end(errorReply('ERR', code, detail))
        }
        if (next.value === undefined) break
        const outcome = this.#begin(next.value)
        if (outcome.kind === 'reply') {
          inFlight.push(outcome.reply)
          if (inFlight.length >= limits.commandsInFlightMax) await this.#answer(inFlight)
        } else {
          // What changes the connection waits for what came before it, and what comes after waits for it.
          await this.#answer(inFlight)
          const last = await outcome.run()
          if (last !== undefined) return await this.#end(last)
        }
      }
      await this.#answer(inFlight)
      this.#busy = false
      if (this.#isExpired()) return await this.#end(tokenExpired)
    }
  }

  close(): void {
    clearTimeout(this.#anonymous)
    clearTimeout(this.#expiry)
    this.#socket.destroy()
  }

  /** Either a reply that will come, or a step to be run alone, whose value, if any, is the last reply. */
  #begin(
    words: CommandWords,
  ):
    | { readonly kind: 'reply'; readonly reply: Promise<Reply> }
    | { readonly kind: 'alone'; readonly run: () => Promise<Reply | undefined> } {
    const [name, ...rest] = words
    const word = wordOf(name)
    switch (word) {
      case 'AUTH':
        return alone(() => this.#authenticate(rest))
      case 'HELLO':
        return alone(() => this.#hello(rest))
      case 'QUIT':
        return alone(async () => okReply)
      case 'PING':
        return replied(ping(rest))
      default:
    }
    if (this.#admitted === undefined) return replied(authenticationRequired)
    if (this.#isExpired()) return alone(async () => tokenExpired)
    const command = commandOf(word)
    if (command === undefined) return replied(commandRefused)
    if (rest.length < command.argumentsMin || rest.length > command.argumentsMax) {
      return replied(wrongArguments)
    }
    if (command.alone === true) return alone(async () => this.#say(await this.#run(command, rest)))
    const reply = this.#run(command, rest)
    // Awaited in its turn; until then a failure must not count as unhandled.
    reply.catch(() => {})
    return { kind: 'reply', reply }
  }

  async #run(command: Command, words: readonly Uint8Array[]): Promise<Reply> {
    try {
      return await command.run(this.#deps.store, words)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#deps.log.warn('store-unavailable')
      return storeUnavailable
    }
  }

  async #authenticate(words: readonly Uint8Array[]): Promise<Reply | undefined> {
    const token = words.at(-1)
    if (token === undefined || words.length > 2) return this.#say(wrongArguments)
    const refusal = await this.#admit(token)
    return refusal === undefined ? this.#say(okReply) : this.#sayRefused(refusal)
  }

  /** `HELLO [version [AUTH user token] [SETNAME name]]` */
  async #hello(words: readonly Uint8Array[]): Promise<Reply | undefined> {
    const [version, ...options] = words
    const wanted = version === undefined ? this.#version : versionOf(wordOf(version))
    if (wanted === undefined) {
      return this.#say(errorReply('NOPROTO', 'unknown-version', 'versions 2 and 3 are spoken'))
    }
    let token: Uint8Array | undefined
    for (let index = 0; index < options.length; ) {
      const option = wordOf(options[index] ?? new Uint8Array())
      const left = options.length - index
      if (option === 'AUTH' && left >= 3) {
        token = options[index + 2]
        index += 3
      } else if (option === 'SETNAME' && left >= 2) index += 2
      else return this.#say(wrongArguments)
    }
    if (token !== undefined) {
      const refusal = await this.#admit(token)
      if (refusal !== undefined) return this.#sayRefused(refusal)
    }
    this.#version = wanted
    return this.#say({
      kind: 'map',
      entries: [
        ['server', bulkReply('sealward-cache-gateway')],
        ['version', bulkReply('0.1.0')],
        ['proto', integerReply(wanted)],
        ['id', integerReply(0)],
        ['mode', bulkReply('standalone')],
        ['role', bulkReply('master')],
        ['modules', { kind: 'array', items: [] }],
      ],
    })
  }

  /** @returns the refusal, or `undefined` when the client was let in. */
  async #admit(token: Uint8Array): Promise<Reply | undefined> {
    const admitted = await this.#deps.admission.admit(this.#socket, textOf(token) ?? '')
    if (!admitted.ok) {
      const { code, detail } = admitted.problem
      this.#deps.log.warn('client-refused', { code })
      return errorReply('WRONGPASS', code, detail)
    }
    const { expiresAt, subject, simulated } = admitted.value
    this.#admitted = admitted.value
    this.#deps.log.info('client-admitted', { peer: subject, simulated, expiresAt })
    clearTimeout(this.#anonymous)
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(
      () => this.#expire(),
      Math.max(0, 1000 * (expiresAt - this.#deps.clock.now())),
    )
    return undefined
  }

  /** Why a client that was let in is served no longer: it was denied since, or nobody knows who was. */
  async #fallen(): Promise<Reply | undefined> {
    if (this.#admitted === undefined) return undefined
    const stands = await this.#deps.admission.standing(this.#admitted)
    if (stands.ok) return undefined
    const { code, detail } = stands.problem
    this.#deps.log.warn('client-refused', { code })
    return errorReply('NOAUTH', code, detail)
  }

  #isExpired(): boolean {
    return this.#admitted !== undefined && this.#deps.clock.now() >= this.#admitted.expiresAt
  }

  /** An idle client is told at once; a busy one after what it is waiting for. */
  #expire(): void {
    if (!this.#isExpired()) {
      this.#expiry = setTimeout(() => this.#expire(), 1000)
    } else if (!this.#busy) {
      this.#deps.log.info('client-expired')
      void this.#end(tokenExpired).finally(() => this.#socket.destroy())
    }
  }

  async #sayRefused(refusal: Reply): Promise<Reply | undefined> {
    return ++this.#refusals < limits.refusalsMax ? this.#say(refusal) : refusal
  }

  async #say(reply: Reply): Promise<undefined> {
    await this.#write(encodeReply(reply, this.#version))
    return undefined
  }

  /** Sends the replies in order, and empties the list. */
  async #answer(inFlight: Promise<Reply>[]): Promise<void> {
    let out: Uint8Array[] = []
    let outBytes = 0
    for (const promised of inFlight.splice(0)) {
      const bytes = encodeReply(await promised, this.#version)
      out.push(bytes)
      outBytes += bytes.length
      if (outBytes >= writeBytes) {
        await this.#write(concat(...out))
        out = []
        outBytes = 0
      }
    }
    if (outBytes > 0) await this.#write(concat(...out))
  }

  /** Resolves when the client takes what it is sent: who does not read is not answered further. */
  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error == null ? resolve() : reject(error)))
    })
  }

  #end(last: Reply): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve())
      this.#socket.end(encodeReply(last, this.#version), () => resolve())
    })
  }
}

/** Replies of one connection are gathered into writes of about this many bytes. */
const writeBytes = 65_536

const authenticationRequired = errorReply(
  'NOAUTH',
  'authentication-required',
  'show a token with AUTH first',
)
const tokenExpired = errorReply('NOAUTH', 'token-expired', 'the token has run out')
const commandRefused = errorReply('NOPERM', 'command-refused', 'this command is not offered')
const wrongArguments = errorReply('ERR', 'wrong-arguments', 'wrong number of arguments')
const storeUnavailable = errorReply('ERR', 'store-unavailable', 'the store does not answer')

function alone(run: () => Promise<Reply | undefined>) {
  return { kind: 'alone', run } as const
}

function replied(reply: Reply) {
  return { kind: 'reply', reply: Promise.resolve(reply) } as const
}

function ping([message, ...more]: readonly Uint8Array[]): Reply {
  if (more.length > 0) return wrongArguments
  return message === undefined ? { kind: 'simple', text: 'PONG' } : bulkReply(message)
}

function versionOf(word: string): RespVersion | undefined {
  switch (word) {
    case '2':
      return 2
    case '3':
      return 3
    default:
      return undefined
  }
}

/** The client has gone, which is no fault of anybody here. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error
}

/**
 * A secret of a TEE that outlives its process, and the updates of its machine and its code.
 *
 * A sealing key depends on the security versions of processor and code: after an update that raises either
 * the TEE has another one. A processor still derives the old ones; a runtime may not let anybody ask (Gramine
 * gives the current key only). So the secret is not the sealing key: it is drawn once, and kept in several
 * wraps, of which any one opens it.
 *
 * @see docs/spec/local-secrets.md
 * @see gramineproject/gramine issue 855
 * @module
 */

import { createHash, hkdfSync } from 'node:crypto'
import { ok, type Problem, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import { type Random, systemRandom } from '../effects/index.ts'
import type { SealingPolicy, SecurityVersion, Tee } from '../evidence/index.ts'
import { createSealer, type MasterKey } from '../sealing/index.ts'
import type { SecretPlace } from './place.ts'
import { encodeWraps, parseWraps, type SecretWrap } from './secret-wraps.ts'

/** A key beside the TEE's own under which the secret is wrapped, such as one that a key broker releases. */
export interface WrappingKey {
  /** Lower case: `key-broker`. */
  readonly by: string
  readonly key: MasterKey
}

export interface LocalSecretOptions {
  /** Of the secret: part of what it is sealed for. */
  readonly name: string
  readonly place: SecretPlace
  readonly tee: Pick<Tee, 'self' | 'sealingKey' | 'olderSealingKey' | 'initTimeData'>
  /** Which code may open it: all of one publisher and product, or this very code. */
  readonly policy: SealingPolicy
  readonly others?: readonly WrappingKey[]
  /** Whether one is drawn where none is. Not where data waits that needs it: a new secret would open none of it. */
  readonly mayDraw: boolean
  /** What becomes the secret where there is no file: data was sealed under it before secrets were kept. */
  readonly adopt?: Uint8Array | undefined
  readonly random?: Random
}

export interface LocalSecret {
  /** 32 bytes. */
  readonly secret: Uint8Array
  /** Whose wrap opened it; `drawn` or `adopted` the first time. */
  readonly openedBy: string
  /** Whether the wraps were written anew: machine or code were updated, or a key came that was not there before. */
  readonly isResealed: boolean
  /** What is kept now: `tee`, `key-broker`. */
  readonly wraps: readonly string[]
}

/**
 * `local-secret-missing`: there is none where one is needed. `local-secret-malformed`: what is there is not a
 * file of wraps. `local-secret-refused`: no wrap opens. `local-secret-unavailable`: the file cannot be read, or not
 * be written.
 */
export type LocalSecretCode =
  | 'local-secret-missing'
  | 'local-secret-malformed'
  | 'local-secret-refused'
  | 'local-secret-unavailable'

/**
 * Opens the secret by whichever wrap opens, and seals it again under every key that is here: the TEE's of
 * now takes the place of those of older security versions, before those are refused.
 *
 * @returns the secret, or one of {@link LocalSecretCode}: never a new one in the place of one that is there.
 */
export async function openLocalSecret(
  options: LocalSecretOptions,
): Promise<Result<LocalSecret, Problem<LocalSecretCode>>> {
  const keys = await currentKeys(options)
  try {
    const found = await options.place.read()
    return await (found === undefined ? first(options, keys) : again(options, keys, found))
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === undefined) throw error
    const detail = `The file of the secret cannot be read, or not be written (${code}). Let the service read and write it and its folder.`
    return refuse('local-secret-unavailable', options.name, detail)
  }
}

/** Nothing is there yet. */
async function first(
  options: LocalSecretOptions,
  keys: readonly NamedKey[],
): Promise<Result<LocalSecret, Problem<LocalSecretCode>>> {
  const { adopt, mayDraw, name, place, random = systemRandom } = options
  if (!mayDraw && adopt === undefined) {
    return refuse(
      'local-secret-missing',
      name,
      'There is data that a secret of this machine sealed, and the secret is not here. Bring its file back. If it never had one, only the policy mrsigner opens that data, on a machine and for code whose security versions were not raised before this service kept a secret: put them back for one start.',
    )
  }
  const secret = adopt ?? random.bytes(secretBytes)
  if (secret.length !== secretBytes) throw new RangeError(`a secret is ${secretBytes} bytes`)
  const wraps = keys.map((key) => wrapUnder(key, name, secret, random))
  const openedBy = adopt === undefined ? 'drawn' : 'adopted'
  // Of two that start together the second opens what the first has drawn.
  return (await place.create(encodeWraps(wraps)))
    ? ok({ secret, openedBy, isResealed: false, wraps: wraps.map(({ by }) => by) })
    : openLocalSecret({ ...options, mayDraw: false, adopt: undefined })
}

async function again(
  options: LocalSecretOptions,
  keys: readonly NamedKey[],
  found: Uint8Array,
): Promise<Result<LocalSecret, Problem<LocalSecretCode>>> {
  const { name, place, random = systemRandom } = options
  const parsed = parseWraps(found)
  if (!parsed.ok) {
    return refuse('local-secret-malformed', name, 'The file of the secret is not one of wraps.')
  }
  const opened = await openAny(options, keys, parsed.value)
  if (opened === undefined) return notOpened(options, parsed.value)
  const { secret, by } = opened

  const next = withCurrent(parsed.value, keys, name, secret, random)
  const isResealed = next !== undefined
  if (next !== undefined) await place.replace(encodeWraps(next))
  const wraps = (next ?? parsed.value).map((one) => one.by)
  return ok({ secret, openedBy: by, isResealed, wraps })
}

/** Whether the secret would outlive an update of machine or code under a runtime that gives the current key only. */
export function outlivesUpdate({ wraps }: Pick<LocalSecret, 'wraps'>): boolean {
  return wraps.some((by) => by !== teeName)
}

/** A wrap that opens and is named as of another version would be looked for in vain after the next update. */
function isNamedAs(wrap: SecretWrap, key: NamedKey): boolean {
  return wrap.by === key.by && wrap.cpuSvn === key.cpuSvn && wrap.isvSvn === key.isvSvn
}

const secretBytes = 32
const teeName = 'tee'

interface NamedKey extends WrappingKey, Partial<SecurityVersion> {}

async function currentKeys(options: LocalSecretOptions): Promise<readonly NamedKey[]> {
  const { others = [], policy, tee } = options
  if (others.some(({ by }) => by === teeName)) throw new RangeError('that is the name of the TEE')
  const { cpuSvn, isvSvn } = tee.self
  const own = { by: teeName, cpuSvn, isvSvn, key: boundTo(options, await tee.sealingKey(policy)) }
  return [own, ...others]
}

/** A sealing key says who published the code, not how it was configured. */
function boundTo({ policy, tee }: LocalSecretOptions, sealingKey: Uint8Array): MasterKey {
  const { deployment, role } = tee.initTimeData
  const salt = createHash('sha256')
    .update(JSON.stringify([policy, deployment, role]))
    .digest()
  const info = utf8Of('sealward local secret 1')
  return new Uint8Array(hkdfSync('sha256', sealingKey, salt, info, 32)) as MasterKey
}

function addressOf(name: string) {
  return { type: 'local-secret', id: name, version: 0 }
}

function wrapUnder(
  { key, ...named }: NamedKey,
  name: string,
  secret: Uint8Array,
  random: Random,
): SecretWrap {
  return { ...named, sealed: createSealer(key, { random }).seal(addressOf(name), secret) }
}

function openUnder(key: MasterKey, name: string, wrap: SecretWrap): Uint8Array | undefined {
  const opened = createSealer(key).open(addressOf(name), wrap.sealed)
  return opened.ok && opened.value.length === secretBytes ? opened.value : undefined
}

async function openAny(
  options: LocalSecretOptions,
  keys: readonly NamedKey[],
  wraps: readonly SecretWrap[],
): Promise<{ readonly secret: Uint8Array; readonly by: string } | undefined> {
  const { name, policy, tee } = options
  for (const wrap of wraps) {
    for (const { by, key } of keys) {
      const secret = by === wrap.by ? openUnder(key, name, wrap) : undefined
      if (secret !== undefined) return { secret, by }
    }
  }
  for (const wrap of wraps) {
    if (wrap.by !== teeName || wrap.cpuSvn === undefined) continue
    const { cpuSvn, isvSvn = tee.self.isvSvn } = wrap
    const older = await tee.olderSealingKey(policy, { cpuSvn, isvSvn })
    const secret = older && openUnder(boundTo(options, older), name, wrap)
    if (secret !== undefined) return { secret, by: teeName }
  }
  return undefined
}

/**
 * One wrap for each key that is here, and those of keys that are not; `undefined` where that is what is there.
 * Of the TEE's only the one of now stays: an older security version is one in which a flaw was found.
 */
function withCurrent(
  wraps: readonly SecretWrap[],
  keys: readonly NamedKey[],
  name: string,
  secret: Uint8Array,
  random: Random,
): readonly SecretWrap[] | undefined {
  const isOpen = (key: NamedKey): SecretWrap | undefined =>
    wraps.find((wrap) => isNamedAs(wrap, key) && openUnder(key.key, name, wrap) !== undefined)
  const away = wraps.filter(({ by }) => by !== teeName && !keys.some((key) => key.by === by))
  const next = [...keys.map((key) => isOpen(key) ?? wrapUnder(key, name, secret, random)), ...away]
  return next.length === wraps.length && next.every((wrap) => wraps.includes(wrap))
    ? undefined
    : next
}

function notOpened(
  { name, tee }: LocalSecretOptions,
  wraps: readonly SecretWrap[],
): Result<never, Problem<LocalSecretCode>> {
  const then = wraps.find(({ by }) => by === teeName)
  const others = wraps.map(({ by }) => by).filter((by) => by !== teeName)
  const why = whyNotOpened(then, tee.self)
  const out =
    others.length === 0
      ? 'Nothing else wraps it.'
      : `It is wrapped for ${others.join(', ')} too, whose key is not here.`
  return refuse('local-secret-refused', name, `No wrap of the secret opens. ${why} ${out}`)
}

function whyNotOpened(then: SecretWrap | undefined, now: SecurityVersion): string {
  if (then?.cpuSvn !== undefined && then.isvSvn === undefined) {
    return 'It does not name the security version of the code, as those of before did not: it was sealed under another one, by other code, under another policy, for another deployment or on another machine.'
  }
  if (
    then?.cpuSvn === undefined ||
    then.isvSvn === undefined ||
    (then.cpuSvn === now.cpuSvn && then.isvSvn === now.isvSvn)
  ) {
    return 'It was sealed by other code, under another policy, for another deployment or on another machine.'
  }
  const sealed = `It was sealed when the processor had the security version ${then.cpuSvn} and the code ${then.isvSvn}; now they have ${now.cpuSvn} and ${now.isvSvn}`
  return then.isvSvn > now.isvSvn
    ? `${sealed}, and code of a lower version is given no key of a higher one.`
    : `${sealed}, and no key of then is given.`
}

/** Of an error of the file system; of Node's permission model, too. */
function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return
  return 'syscall' in error || error.code === 'ERR_ACCESS_DENIED' ? error.code : undefined
}

/**
 * What `sealward broker break-glass` does.
 *
 * @module
 */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { rm, stat, writeFile } from 'node:fs/promises'
import { ok, reading, textOf } from '@sealward/attestation/bytes'
import { openBreakGlassKey } from '@sealward/key-broker/custody'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import {
  type AskedBroker,
  askBrokerJson,
  type BrokerFlags,
  openBroker,
} from '../audit/ask-broker.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { badInput, type ExitCode, type Outcome, unavailable } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { confirmed } from './confirm.ts'

export interface BreakGlassFlags extends BrokerFlags {
  readonly yes?: true
  readonly json?: true
}

export interface RequestFlags extends BreakGlassFlags {
  readonly key: string
  readonly keyVersion?: string
  readonly reason: string
  readonly privateKey: string
}

export interface UseFlags extends BreakGlassFlags {
  readonly privateKey: string
  readonly out: string
}

/** A request as the broker shows it. */
interface Shown {
  readonly id: string
  readonly key: string
  readonly version: string
  readonly reason: string
  readonly requestedBy: string
  readonly approvedBy?: string
  readonly state: string
  readonly expiresAt: number
  readonly recipient: string
}

/** `broker break-glass request`: draws a key pair, of which the broker sees the public half. */
export function runBreakGlassRequest(
  surroundings: Surroundings,
  flags: RequestFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
    const isKept = await writeNew(flags.privateKey, pem)
    if (!isKept.ok) return isKept
    const request = await asked(surroundings, broker, '/break-glass', {
      key: flags.key,
      ...(flags.keyVersion === undefined ? {} : { version: flags.keyVersion }),
      reason: flags.reason,
      recipient: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    })
    if (!request.ok) return request
    const { id } = request.value
    const out = `${textOfRequest(request.value)}Somebody else approves it: sealward broker break-glass approve ${id} --broker ${flags.broker}\n`
    return ok({ json: request.value, out })
  })
}

/** `broker break-glass list`. */
export function runBreakGlassList(
  surroundings: Surroundings,
  flags: BreakGlassFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    const requests = await listed(surroundings, broker)
    if (!requests.ok) return requests
    const out = requests.value.map(textOfRequest).join('')
    return ok({ json: { requests: requests.value }, out: out === '' ? 'No requests.\n' : out })
  })
}

/** `broker break-glass approve` and `refuse`. */
export function runBreakGlassDecide(
  surroundings: Surroundings,
  id: string,
  decision: 'approve' | 'refuse',
  flags: BreakGlassFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    if (decision === 'approve') {
      const requests = await listed(surroundings, broker)
      if (!requests.ok) return requests
      const request = requests.value.find((one) => one.id === id)
      if (request === undefined)
        return badInput('break-glass-unknown', 'ID', 'There is no such request.')
      const sure = await confirmed(
        surroundings,
        flags,
        `${textOfRequest(request)}${request.requestedBy} will be given this key, without attestation.`,
      )
      if (!sure.ok) return sure
    }
    const decided = await asked(surroundings, broker, `/break-glass/${id}/${decision}`, {})
    return decided.ok ? ok({ json: decided.value, out: textOfRequest(decided.value) }) : decided
  })
}

/** `broker break-glass use`: the key, in a file that its owner alone can read. */
export function runBreakGlassUse(
  surroundings: Surroundings,
  id: string,
  flags: UseFlags,
): Promise<ExitCode> {
  return asking(surroundings, flags, async (broker) => {
    // What would be missing afterwards is looked for before: it is given out once.
    const privateKey = await readPrivateKey(flags.privateKey)
    if (!privateKey.ok) return privateKey
    if (await isThere(flags.out)) {
      return badInput('file-unwritable', '--out', `${flags.out} is there already.`)
    }
    const sure = await confirmed(
      surroundings,
      flags,
      `The key will lie in ${flags.out}, in clear. It is given out once, and everybody who watches the broker is told.`,
    )
    if (!sure.ok) return sure
    const file = await writeNew(flags.out, '')
    if (!file.ok) return file
    const answer = await askBrokerJson(surroundings, broker, `/break-glass/${id}/use`, {
      method: 'POST',
    })
    if (!answer.ok) {
      await rm(flags.out)
      return answer
    }
    const request = readRequest(answer.value)
    const jwe = (Object(answer.value) as { readonly jwe?: unknown }).jwe
    const key = typeof jwe === 'string' ? await openBreakGlassKey(jwe, privateKey.value) : undefined
    if (!request.ok || key === undefined) return unexpected
    await writeFile(flags.out, `${textOf(key)}\n`, { mode: 0o600 })
    const out = `${textOfRequest(request.value)}The key is in ${flags.out}. Rotate it once the emergency is over: sealward broker key rotate ${request.value.key}\n`
    return ok({ json: { ...request.value, file: flags.out }, out })
  })
}

function asking(
  surroundings: Surroundings,
  flags: BreakGlassFlags,
  work: (broker: AskedBroker) => Promise<Outcome<Printed>>,
): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const broker = await openBroker(surroundings, flags)
    return broker.ok ? work(broker.value) : broker
  })
}

async function asked(
  surroundings: Surroundings,
  broker: AskedBroker,
  path: string,
  body: object,
): Promise<Outcome<Shown>> {
  const answer = await askBrokerJson(surroundings, broker, path, { method: 'POST', body })
  return answer.ok ? readRequest(answer.value) : answer
}

async function listed(
  surroundings: Surroundings,
  broker: AskedBroker,
): Promise<Outcome<readonly Shown[]>> {
  const answer = await askBrokerJson(surroundings, broker, '/break-glass')
  if (!answer.ok) return answer
  const { value } = Object(answer.value) as { readonly value?: unknown }
  if (!Array.isArray(value)) return unexpected
  const requests: Shown[] = []
  for (const one of value) {
    const request = readRequest(one)
    if (!request.ok) return request
    requests.push(request.value)
  }
  return ok(requests)
}

const unexpected = unavailable('broker-unavailable', 'broker', 'it did not answer as was agreed')

function readRequest(value: unknown): Outcome<Shown> {
  const read = reading<Shown>(value, '', (top) =>
    top.object('ignored', ({ required, optional }) => {
      const approvedBy = optional('approvedBy')?.string(1024)
      return {
        id: required('id').string(64, /^[0-9a-f-]+$/),
        key: required('key').string(127),
        version: required('version').string(64),
        reason: required('reason').string(1024),
        requestedBy: required('requestedBy').string(1024),
        ...(approvedBy === undefined ? {} : { approvedBy }),
        state: required('state').string(16),
        expiresAt: required('expiresAt').integer(0, 8_640_000_000_000),
        recipient: required('recipient').string(64),
      }
    }),
  )
  return read.ok ? read : unexpected
}

function textOfRequest(request: Shown): string {
  const { approvedBy, expiresAt, id, key, reason, recipient, requestedBy, state, version } = request
  const isOpen = state === 'pending' || state === 'approved'
  const rows = [
    ['key', `${key}, version ${version}`],
    ['asked by', requestedBy],
    ['because', reason],
    ...(approvedBy === undefined ? [] : [['approved by', approvedBy]]),
    ['for', `whoever has the private half of ${recipient}`],
    ...(isOpen ? [['until', new Date(expiresAt * 1000).toISOString()]] : []),
  ]
  return `${id}  ${state}\n${rows.map(([name = '', text]) => `  ${name.padEnd(12)}${text}\n`).join('')}`
}

async function readPrivateKey(file: string): Promise<Outcome<KeyObject>> {
  const bytes = await bytesIn(file, '--private-key')
  if (!bytes.ok) return bytes
  try {
    return ok(createPrivateKey(textOf(bytes.value) ?? ''))
  } catch {
    return badInput('key-malformed', '--private-key', `${file} holds no private key (PEM).`)
  }
}

async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}

/** Never over a file that is there. */
async function writeNew(file: string, content: string | Buffer): Promise<Outcome<true>> {
  try {
    await writeFile(file, content, { mode: 0o600, flag: 'wx' })
    return ok(true)
  } catch {
    return badInput('file-unwritable', file, `${file} is there already, or cannot be written.`)
  }
}

/**
 * What `sealward broker kek` and `broker recovery` do.
 *
 * @module
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Result } from '@sealward/attestation/bytes'
import { systemRandom as random } from '@sealward/enclave/server'
import {
  addKeyEncryption,
  createRecovery,
  openKeyEncryption,
  type RootKeyWrap,
  readWraps,
  rehearseRecovery,
  restoreRecovery,
  retireKeyEncryption,
} from '@sealward/key-broker/custody'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import { badInput, type ExitCode, type Outcome, refused, unavailable } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { confirmed } from './confirm.ts'
import { withRootKey, withStore } from './own-state.ts'
import {
  readBrokerConfig,
  readKeyEncryption,
  type StateFlags,
  secretsOf,
} from './service-config.ts'
import { readShares, shareLines } from './shares.ts'

export interface CustodyFlags extends StateFlags {
  readonly yes?: true
  readonly json?: true
}

export interface ToFlags extends CustodyFlags {
  readonly to: string
}

export interface RecoveryFlags extends CustodyFlags {
  readonly shares: number
  readonly threshold: number
  readonly keep?: true
  readonly out?: string
}

/** `broker kek list`. */
export function runKekList(surroundings: Surroundings, flags: CustodyFlags): Promise<ExitCode> {
  return printed(surroundings, flags, () =>
    withStore(surroundings, flags, async ({ database }) => {
      const keys = (await readWraps(database)).map(shownWrap)
      const lines = keys.map(({ id, kind, since, shares, threshold }) => {
        const set = kind === 'recovery' ? `  any ${threshold} of ${shares} shares` : ''
        return `${id}  ${kind.padEnd(10)}  since ${since}${set}\n`
      })
      const out =
        lines.length === 0 ? 'No broker has run over this database yet.\n' : lines.join('')
      return ok({ json: { keys }, out })
    }),
  )
}

function shownWrap({ id, kind, at, recovery }: RootKeyWrap) {
  const since = new Date(at * 1000).toISOString()
  return recovery === undefined
    ? { id, kind, since }
    : { id, kind, since, threshold: recovery.threshold, shares: recovery.digests.length }
}

/** `broker kek rotate`. */
export function runKekRotate(surroundings: Surroundings, flags: ToFlags): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const settings = await readKeyEncryption(flags.to)
    if (!settings.ok) return settings
    return withRootKey(surroundings, flags, async (custody, { stateFolder }, before) => {
      const key = await openKeyEncryption(settings.value, {
        stateFolder,
        random,
        make: true,
        ...secretsOf(surroundings, { isNew: true }),
      })
      if (!key.ok) return outcomeOf(key)
      const added = outcomeOf(await addKeyEncryption(custody, key.value))
      if (!added.ok) return added
      const { id, kind } = key.value
      const now = added.value ? 'opens the root key from now on' : 'opens the root key already'
      const out = `The new key-encryption key (${kind}) ${now}, and so does the one before it, ${before}.
Next: name the new one in the configuration of every replica (keyEncryption), start them again one after the other, and then
  sealward broker kek retire ${before}
`
      return ok({ json: { id, kind, added: added.value, before }, out })
    })
  })
}

/** `broker kek retire`. */
export function runKekRetire(
  surroundings: Surroundings,
  id: string,
  flags: CustodyFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, () =>
    withRootKey(surroundings, flags, async (custody, _config, current) => {
      if (id === current) {
        const detail =
          'This configuration opens the root key with it. Name the new one in the configuration first.'
        return badInput('wrap-in-use', 'ID', detail)
      }
      const sure = await confirmed(
        surroundings,
        flags,
        `Whoever has only the key ${id} opens the root key no more.`,
      )
      if (!sure.ok) return sure
      const retired = outcomeOf(await retireKeyEncryption(custody, id))
      if (!retired.ok) return retired
      const { kind } = retired.value
      return ok({
        json: { id, kind },
        out: `The key ${id} (${kind}) opens the root key no more.\n`,
      })
    }),
  )
}

/** `broker recovery create`. */
export function runRecoveryCreate(
  surroundings: Surroundings,
  flags: RecoveryFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, () =>
    withRootKey(surroundings, flags, async (custody) => {
      const older = (await readWraps(custody.database)).filter(({ kind }) => kind === 'recovery')
      if (older.length > 0 && flags.keep !== true) {
        const sure = await confirmed(
          surroundings,
          flags,
          `The shares of ${older.length === 1 ? 'the set' : 'the sets'} before open nothing any more (--keep keeps them).`,
        )
        if (!sure.ok) return sure
      }
      const folder = flags.out === undefined ? ok(true) : await madeFolder(flags.out)
      if (!folder.ok) return folder
      const made = outcomeOf(
        await createRecovery(custody, {
          shares: flags.shares,
          threshold: flags.threshold,
          keep: flags.keep === true,
        }),
      )
      if (!made.ok) return made
      const { set, shares, replaced } = made.value
      const head = `Recovery set ${set.id.slice(0, 8)}: any ${set.threshold} of ${shares.length} shares open the root key.\n`
      if (flags.out !== undefined) {
        const written = await writeShares(flags.out, set.id.slice(0, 8), shares)
        if (!written.ok) return written
        const out = `${head}Each is in a file of its own in ${flags.out}: give each to one person, and delete it here.\n`
        return ok<Printed>({ json: { set: set.id, files: written.value, replaced }, out })
      }
      const texts = shares.map(
        (share, index) =>
          `Share ${index + 1} of ${shares.length}, set ${set.id.slice(0, 8)}\n${shareLines(share)}`,
      )
      const out = `${head}Each goes to one person, on paper. They are shown this once, and are nowhere else.

${texts.join('\n')}
Prove them, while everybody is there: sealward broker recovery rehearse
`
      return ok<Printed>({
        json: { set: set.id, threshold: set.threshold, shares, replaced },
        out,
      })
    }),
  )
}

/** Before shares are drawn that could not be kept. */
async function madeFolder(folder: string): Promise<Outcome<unknown>> {
  try {
    return ok(await mkdir(folder, { recursive: true, mode: 0o700 }))
  } catch {
    return badInput('file-unwritable', '--out', `${folder} is no folder, and cannot be made one.`)
  }
}

async function writeShares(
  folder: string,
  set: string,
  shares: readonly string[],
): Promise<Outcome<readonly string[]>> {
  const files: string[] = []
  try {
    for (const [index, share] of shares.entries()) {
      const file = join(folder, `share-${set}-${index + 1}.txt`)
      await writeFile(file, `${share}\n`, { mode: 0o600, flag: 'wx' })
      files.push(file)
    }
    return ok(files)
  } catch {
    const detail = `Shares cannot be written into ${folder}; the set is made, and its shares are lost: make another one.`
    return badInput('file-unwritable', '--out', detail)
  }
}

/** `broker recovery rehearse`. */
export function runRecoveryRehearse(
  surroundings: Surroundings,
  flags: CustodyFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const shares = await readShares(surroundings)
    if (!shares.ok) return shares
    return withStore(surroundings, flags, async (custody) => {
      const rehearsed = outcomeOf(await rehearseRecovery(custody, shares.value))
      if (!rehearsed.ok) return rehearsed
      const { set, numbers } = rehearsed.value
      const out = `Shares ${numbers.join(', ')} of set ${set.id.slice(0, 8)} open the root key. Nothing was restored.\n`
      return ok({ json: { set: set.id, numbers }, out })
    })
  })
}

/** `broker recovery restore`. */
export function runRecoveryRestore(surroundings: Surroundings, flags: ToFlags): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const settings = await readKeyEncryption(flags.to)
    if (!settings.ok) return settings
    const config = await readBrokerConfig(flags)
    if (!config.ok) return config
    const shares = await readShares(surroundings)
    if (!shares.ok) return shares
    return withStore(surroundings, flags, async (custody, { stateFolder }) => {
      // Before a key is drawn: what does not open is said first.
      const rehearsed = outcomeOf(await rehearseRecovery(custody, shares.value))
      if (!rehearsed.ok) return rehearsed
      const key = await openKeyEncryption(settings.value, {
        stateFolder,
        random,
        make: true,
        ...secretsOf(surroundings, { isNew: true }),
      })
      if (!key.ok) return outcomeOf(key)
      const restored = outcomeOf(await restoreRecovery(custody, shares.value, key.value))
      if (!restored.ok) return restored
      const { set, numbers, added } = restored.value
      const { id, kind } = key.value
      const how = added ? 'opens the root key from now on' : 'opened the root key already'
      const out = `Shares ${numbers.join(', ')} of set ${set.id.slice(0, 8)} opened the root key. The key-encryption key ${id} (${kind}) ${how}.
Next: name it in the configuration (keyEncryption) and start the broker; retire the lost one (broker kek list, broker kek retire); and
make a new set: these shares were together in one place.
`
      return ok<Printed>({ json: { set: set.id, numbers, id, kind, added }, out })
    })
  })
}

/** A refusal of custody, by who has to do something. */
function outcomeOf<T>(result: Result<T>): Outcome<T> {
  if (result.ok) return result
  const { code, at, detail } = result.problem
  if (code === 'store-unavailable' || code === 'key-encryption-unavailable') {
    return unavailable(code, at, detail)
  }
  const isRefusal = ['share-altered', 'key-encryption-refused', 'audit-log-changed'].includes(code)
  return isRefusal ? refused(result.problem) : badInput(code, at, detail)
}

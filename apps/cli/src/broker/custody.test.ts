/** Ceremony, rehearsal, rotation and restore, step by step as docs/operations/key-custody.md has them. */

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  piped,
  type Ran,
  sealward,
  startTestBroker,
  type TestBroker,
  typing,
} from './broker.fixtures.ts'

let broker: TestBroker
beforeEach(async () => {
  broker = await startTestBroker()
}, 60_000)
afterEach(() => broker.close())

const custody = (
  commandLine: readonly string[],
  options: Parameters<typeof sealward>[1] = {},
): Promise<Ran> => sealward(['broker', ...commandLine, '--config', broker.configFile], options)

/** The shares on a page that was printed. */
function sharesIn(page: string): string[] {
  const lines = page.split('\n').map((line) => line.trim())
  const parts = lines.filter((line) => /^([0-9A-Z]{7}-){3}[0-9A-Z]{7}$/.test(line))
  return Array.from({ length: parts.length / 3 }, (_, share) =>
    parts.slice(3 * share, 3 * share + 3).join('-'),
  )
}

async function created(...more: readonly string[]): Promise<string[]> {
  const { code, out } = await custody(['recovery', 'create', ...more])
  expect(code).toBe(0)
  return sharesIn(out)
}

const problemIn = ({ err }: Ran): string | undefined => /: ([a-z-]+)/.exec(err)?.[1]

async function makeKey(): Promise<string> {
  const officer = await broker.people.tokenOf(['officer'])
  const made = await fetch(`${broker.url}/keys/model/create?api-version=7.4`, {
    method: 'POST',
    headers: { authorization: `Bearer ${officer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kty: 'RSA', key_size: 2048 }),
  })
  return modulusIn(await made.json())
}

async function readKey(): Promise<string> {
  const reader = await broker.people.tokenOf(['reader'])
  const read = await fetch(`${broker.url}/keys/model?api-version=7.4`, {
    headers: { authorization: `Bearer ${reader}` },
  })
  return modulusIn(await read.json())
}

function modulusIn(bundle: unknown): string {
  const { key } = bundle as { readonly key: { readonly n: string } }
  expect(key.n.length).toBeGreaterThan(300)
  return key.n
}

async function auditedActions(): Promise<readonly string[]> {
  const file = join(broker.folder, `audit-${Math.random()}.jsonl`)
  const token = await broker.people.tokenOf(['auditor'])
  const written = await sealward(['audit', 'export', '--broker', broker.url, '--out', file], {
    token,
  })
  expect(written.code).toBe(0)
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.flatMap((line) => JSON.parse(line).action ?? [])
}

test('a ceremony: shares are shown once, and proven while everybody is there', async () => {
  const shares = await created()
  expect(shares).toHaveLength(5)
  const [a = '', b = '', c = ''] = shares

  // Typed by their keepers, one with an error that is said at once.
  const wrong = `${a.startsWith('0') ? '1' : '0'}${a.slice(1)}`
  const keepers = typing(wrong, a.toLowerCase(), c.replaceAll('-', ' '), b)
  const rehearsed = await custody(['recovery', 'rehearse'], { input: keepers })
  expect(rehearsed).toMatchObject({ code: 0 })
  expect(rehearsed.out).toMatch(
    /^Shares 1, 3, 2 of set [0-9a-f]{8} open the root key\. Nothing was/,
  )
  expect(rehearsed.err).toContain('There is a typing error in group 1. Once more, please.')
  expect(keepers.asked).toEqual(['Share 1: ', 'Share 1: ', 'Share 2 of 3: ', 'Share 3 of 3: '])

  const [first = '', second = ''] = shares
  const rehearse = (...lines: readonly string[]) =>
    custody(['recovery', 'rehearse', '--json'], { input: piped(...lines) })
  expect(JSON.parse((await rehearse(...shares.slice(2))).out)).toMatchObject({ numbers: [3, 4, 5] })
  expect(problemIn(await rehearse(first, second))).toBe('shares-too-few')
  expect(problemIn(await rehearse(first, second, second))).toBe('share-repeated')
  expect(problemIn(await rehearse(first, second, wrong))).toBe('share-mistyped')
  expect(problemIn(await rehearse())).toBe('shares-missing')
  expect(await auditedActions()).toEqual([
    'log-begin',
    'recovery-create',
    'recovery-rehearse',
    'recovery-rehearse',
  ])
})

test('a new set replaces the one before, once somebody says so', async () => {
  const old = await created('--shares', '3', '--threshold', '2')
  expect(problemIn(await custody(['recovery', 'create']))).toBe('confirmation-missing')
  expect(problemIn(await custody(['recovery', 'create'], { input: typing('no') }))).toBe(
    'not-confirmed',
  )
  const still = await custody(['recovery', 'rehearse'], { input: piped(...old) })
  expect(still.code).toBe(0)
  const { code, out } = await custody(['recovery', 'create'], { input: typing('yes') })
  expect(code).toBe(0)
  const rehearse = (...lines: readonly string[]) =>
    custody(['recovery', 'rehearse'], { input: piped(...lines) })
  expect(problemIn(await rehearse(...old))).toBe('recovery-set-unknown')
  expect(problemIn(await rehearse(...old.slice(1), ...sharesIn(out)))).toBe('recovery-set-mixed')
  expect(problemIn(await custody(['recovery', 'create', '--threshold', '1', '--yes']))).toBe(
    'recovery-set-refused',
  )
})

test('shares go into files only where somebody asks, for their owner alone', async () => {
  const folder = join(broker.folder, 'shares')
  const { code, out } = await custody(['recovery', 'create', '--out', folder])
  expect(code).toBe(0)
  expect(sharesIn(out)).toEqual([])
  const files = readdirSync(folder).map((name) => join(folder, name))
  expect(files).toHaveLength(5)
  for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600)
  const shares = files.map((file) => readFileSync(file, 'utf8').trim())
  const rehearsed = await custody(['recovery', 'rehearse'], { input: piped(...shares) })
  expect(rehearsed.code).toBe(0)
  const taken = join(broker.folder, 'broker.json')
  expect(problemIn(await custody(['recovery', 'create', '--yes', '--out', taken]))).toBe(
    'file-unwritable',
  )
})

test('the key-encryption key is replaced while the broker serves, and the old one retired last', async () => {
  const modulus = await makeKey()
  const passphrase = broker.written('passphrase', 'correct horse battery staple\n')
  const to = broker.written(
    'kek.json',
    JSON.stringify({ kind: 'passphrase', passphrase: { file: passphrase } }),
  )
  const rotated = await custody(['kek', 'rotate', '--to', to, '--json'])
  expect(rotated.code).toBe(0)
  const { id, before, added } = JSON.parse(rotated.out)
  expect(added).toBe(true)
  // Interrupted and done again, it finds what is there.
  expect(JSON.parse((await custody(['kek', 'rotate', '--to', to, '--json'])).out).added).toBe(false)
  expect(await readKey()).toBe(modulus)
  expect(problemIn(await custody(['kek', 'retire', before, '--yes']))).toBe('wrap-in-use')

  // Every replica is given the new one, and started again.
  const config = JSON.parse(readFileSync(broker.configFile, 'utf8'))
  const keyEncryption = { kind: 'passphrase', passphrase: { file: passphrase } }
  writeFileSync(broker.configFile, JSON.stringify({ ...config, keyEncryption }))
  expect(problemIn(await custody(['kek', 'retire', before]))).toBe('confirmation-missing')
  expect(await custody(['kek', 'retire', before, '--yes'])).toMatchObject({
    code: 0,
    out: `The key ${before} (file) opens the root key no more.\n`,
  })
  const listed = await custody(['kek', 'list', '--json'])
  expect(JSON.parse(listed.out).keys).toMatchObject([{ id, kind: 'passphrase' }])
  await broker.stop()
  await expect(broker.start()).rejects.toMatchObject({ problem: { code: 'another-master-key' } })
  expect(problemIn(await custody(['kek', 'retire', 'unknown', '--yes']))).toBe('wrap-unknown')
}, 60_000)

test('a passphrase is asked for where somebody sits there, and a new one twice', async () => {
  const to = broker.written(
    'kek.json',
    JSON.stringify({ kind: 'passphrase', passphrase: { prompt: true } }),
  )
  const somebody = typing(
    'one two three four',
    'one two three five',
    'one two three four',
    'one two three four',
  )
  const rotated = await custody(['kek', 'rotate', '--to', to], { input: somebody })
  expect(rotated).toMatchObject({ code: 0, err: 'They differ.\n' })
  expect(somebody.asked).toHaveLength(4)
  expect(problemIn(await custody(['kek', 'rotate', '--to', to], { input: piped() }))).toBe(
    'secret-unreadable',
  )
  expect(
    problemIn(await custody(['kek', 'rotate', '--to', to], { input: typing('short', 'short') })),
  ).toBe('passphrase-refused')
  expect(problemIn(await custody(['kek', 'rotate', '--to', broker.written('x.json', '{}')]))).toBe(
    'config-malformed',
  )
}, 60_000)

test('a lost key-encryption key: shares give the keys to a new one, and the broker serves again', async () => {
  const modulus = await makeKey()
  const [lost] = JSON.parse((await custody(['kek', 'list', '--json'])).out).keys
  const shares = await created()
  await broker.stop()
  rmSync(join(broker.folder, 'state', 'key-encryption-key'))
  await expect(broker.start()).rejects.toMatchObject({ problem: { code: 'key-file-refused' } })

  const file = join(broker.folder, 'state', 'key-encryption-key')
  const to = broker.written('kek.json', JSON.stringify({ kind: 'file', file }))
  const restore = (...lines: readonly string[]) =>
    custody(['recovery', 'restore', '--to', to], { input: piped(...lines) })
  // What does not open draws no key.
  expect(problemIn(await restore(...shares.slice(3)))).toBe('shares-too-few')
  await expect(broker.start()).rejects.toMatchObject({ problem: { code: 'key-file-refused' } })
  const restored = await restore(...shares.slice(2))
  expect(restored).toMatchObject({ code: 0, err: '' })
  expect(restored.out).toContain('opened the root key')
  await broker.start()
  expect(await readKey()).toBe(modulus)

  const { keys } = JSON.parse((await custody(['kek', 'list', '--json'])).out)
  expect(keys.map(({ kind }: { readonly kind: string }) => kind).toSorted()).toEqual([
    'file',
    'file',
    'recovery',
  ])
  expect((await custody(['kek', 'retire', lost.id, '--yes'])).code).toBe(0)
  expect(await auditedActions()).toEqual([
    'log-begin',
    'key-create',
    'recovery-create',
    'recovery-rehearse',
    'recovery-restore',
    'custody-retire',
  ])
})

test('the keys of a broker in a TEE are not to be had outside one, and each command says so', async () => {
  await broker.stop()
  await broker.postgres.run("update broker.root_key_wrap set kind = 'tee'")
  const to = broker.written(
    'kek.json',
    JSON.stringify({ kind: 'file', file: join(broker.folder, 'new-key') }),
  )
  const share = '0000000-'.repeat(11).concat('0000000')
  for (const commandLine of [
    ['recovery', 'create'],
    ['recovery', 'rehearse'],
    ['recovery', 'restore', '--to', to],
    ['kek', 'rotate', '--to', to],
    ['kek', 'retire', 'any', '--yes'],
  ]) {
    const ran = await custody(commandLine, { input: piped(share, share) })
    expect([commandLine, problemIn(ran)]).toEqual([commandLine, 'custody-in-tee'])
    expect(ran.err).toContain('there are no shares of them, and none are made')
    expect(ran.code).not.toBe(0)
  }
  expect(readdirSync(broker.folder)).not.toContain('new-key')
  await expect(broker.start()).rejects.toMatchObject({ problem: { code: 'custody-in-tee' } })
  const [wrap] = JSON.parse((await custody(['kek', 'list', '--json'])).out).keys
  expect(wrap).toMatchObject({ kind: 'tee' })
}, 60_000)

test('where no broker has run there is nothing to look at, and looking makes nothing', async () => {
  const stateFolder = join(broker.folder, 'nobody')
  for (const command of [
    ['kek', 'list'],
    ['recovery', 'rehearse'],
  ]) {
    const shares = piped('share')
    const ran = await sealward(['broker', ...command, '--state', stateFolder], { input: shares })
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(existsSync(stateFolder)).toBe(false)
  }
  const listed = await sealward(['broker', 'kek', 'list', '--state', stateFolder])
  expect(listed.err).toContain('root-key-missing')
  expect(listed.err).toContain(`No broker has run from ${stateFolder} yet.`)
})

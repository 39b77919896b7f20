import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, open as openFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8Of } from '@sealward/attestation/bytes'
import type { MasterKey } from '@sealward/enclave/sealing'
import { systemRandom as random } from '@sealward/enclave/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleIdentity } from '../../../../packages/enclave/src/testing/sample.ts'
import { type KeyEncryption, keyEncryptionOf } from './key-encryption.ts'
import { openKeyEncryption } from './open-key-encryption.ts'
import { passphraseKeyEncryption } from './passphrase.ts'
import { openPkcs11KeyEncryption } from './pkcs11.ts'
import { makeToken, softHsmModule } from './soft-hsm.fixtures.ts'

const cheap = { memoryKiB: 19_456, passes: 1, lanes: 1 }
const folder = mkdtempSync(join(tmpdir(), 'sealward-custody-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(() => {
  if (softHsmModule !== undefined) makeToken(folder, 'sealward-test', '4711')
})

function taken<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!result.ok) throw new Error(JSON.stringify(result))
  return result.value
}

const place = { module: softHsmModule ?? '', token: 'sealward-test', key: 'kek' }
const inToken = async (key: string): Promise<KeyEncryption> =>
  taken(await openPkcs11KeyEncryption({ ...place, key }, utf8Of('4711'), { random, make: true }))

const kinds: readonly (readonly [
  string,
  () => Promise<KeyEncryption>,
  () => Promise<KeyEncryption>,
])[] = [
  [
    'file',
    async () => keyEncryptionOf('file', new Uint8Array(32).fill(1) as MasterKey, random),
    async () => keyEncryptionOf('file', random.bytes(32) as MasterKey, random),
  ],
  [
    'passphrase',
    async () => taken(passphraseKeyEncryption(utf8Of('correct horse battery'), random, cheap)),
    async () => taken(passphraseKeyEncryption(utf8Of('correct horse batterz'), random, cheap)),
  ],
  ...(softHsmModule === undefined
    ? []
    : [['pkcs11', () => inToken('kek'), () => inToken('other')] as const]),
]

test.each(kinds)(
  '%s: what it wraps opens by the same key, for the same, and unchanged',
  async (_kind, key, other) => {
    const secret = random.bytes(32)
    const wrapped = taken(await (await key()).wrap(secret, 'root of a'))
    expect(Buffer.from(wrapped).includes(Buffer.from(secret))).toBe(false)
    const again = await key()
    expect(await again.unwrap(wrapped, 'root of a')).toEqual({
      ok: true,
      value: Uint8Array.from(secret),
    })
    const refused = { ok: false, problem: { code: 'key-encryption-refused' } }
    expect(await again.unwrap(wrapped, 'root of b')).toMatchObject(refused)
    expect(await (await other()).unwrap(wrapped, 'root of a')).toMatchObject(refused)
    for (const index of [0, 1, 5, 9, 20, 40, wrapped.length - 1]) {
      const altered = wrapped.slice()
      altered[index] = (altered[index] ?? 0) ^ 1
      expect(await again.unwrap(altered, 'root of a')).toMatchObject(refused)
    }
    for (const short of [new Uint8Array(), wrapped.subarray(0, 20), wrapped.subarray(0, -1)]) {
      expect(await again.unwrap(short, 'root of a')).toMatchObject(refused)
    }
    expect(taken(await again.wrap(secret, 'root of a'))).not.toEqual(wrapped)
  },
)

test('a passphrase says how it was stretched, and costs neither too little nor too much', async () => {
  const key = taken(passphraseKeyEncryption(utf8Of('correct horse battery'), random, cheap))
  const wrapped = taken(await key.wrap(random.bytes(32), 'root'))
  const view = new DataView(wrapped.buffer, wrapped.byteOffset)
  expect([1, 5, 9].map((at) => view.getUint32(at, true))).toEqual([19_456, 1, 1])
  for (const [at, value] of [
    [1, 8],
    [1, 2 ** 31],
    [5, 0],
    [5, 1000],
    [9, 0],
    [9, 255],
  ] as const) {
    const altered = wrapped.slice()
    new DataView(altered.buffer).setUint32(at, value, true)
    const begun = performance.now()
    expect(await key.unwrap(altered, 'root')).toMatchObject({ ok: false })
    expect(performance.now() - begun).toBeLessThan(1000)
  }
  for (const wrong of ['', 'short', 'x'.repeat(2000)]) {
    expect(passphraseKeyEncryption(utf8Of(wrong), random)).toMatchObject({
      problem: { code: 'passphrase-refused' },
    })
  }
})

test('a passphrase comes from a file that its owner alone can read, from a credential, or from whoever is asked', async () => {
  const file = join(folder, 'passphrase')
  await writeFile(file, 'correct horse battery\n', { mode: 0o600 })
  const open = (passphrase: object, more: object = {}) =>
    openKeyEncryption(
      { kind: 'passphrase', passphrase: passphrase as { file: string } },
      { stateFolder: folder, random, make: false, ...more },
    )
  expect(await open({ file })).toMatchObject({ ok: true })
  expect(await open({ credential: 'passphrase' }, { credentialsFolder: folder })).toMatchObject({
    ok: true,
  })
  expect(
    await open({ prompt: true }, { prompt: async () => 'correct horse battery' }),
  ).toMatchObject({ ok: true })
  const handle = await openFile(file)
  expect(await open({ descriptor: handle.fd })).toMatchObject({ ok: true })
  await handle.close()
  const unreadable = { problem: { code: 'secret-unreadable' } }
  expect(await open({ credential: 'passphrase' })).toMatchObject(unreadable)
  expect(await open({ prompt: true })).toMatchObject(unreadable)
  expect(await open({ descriptor: 999 })).toMatchObject(unreadable)
  expect(await open({ file: `${file}-not` })).toMatchObject(unreadable)
  await chmod(file, 0o640)
  expect(await open({ file })).toMatchObject({ problem: { code: 'secret-exposed' } })
})

test('in a TEE it is of a secret of that, and no other; outside there is none', async () => {
  const { tee, vendor } = await sampleIdentity({ initTimeData: { role: 'key-broker' } })
  const options = { stateFolder: folder, random, make: true }
  const wrongKind = { problem: { code: 'key-encryption-kind' } }
  expect(await openKeyEncryption({ kind: 'tee' }, options)).toMatchObject(wrongKind)
  expect(await openKeyEncryption({ kind: 'file' }, { ...options, tee })).toMatchObject(wrongKind)
  const key = taken(await openKeyEncryption(undefined, { ...options, tee }))
  const wrapped = taken(await key.wrap(random.bytes(32), 'root'))
  const again = taken(await openKeyEncryption({ kind: 'tee' }, { ...options, tee }))
  expect(await again.unwrap(wrapped, 'root')).toMatchObject({ ok: true })
  // The same code, started for another deployment on the same machine.
  const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000002'
  const other = await sampleIdentity({ vendor, initTimeData: { role: 'key-broker', deployment } })
  expect(await openKeyEncryption(undefined, { ...options, tee: other.tee })).toMatchObject({
    problem: { code: 'local-secret-refused' },
  })
  const elsewhere = { ...options, stateFolder: join(folder, 'diverted'), tee: other.tee }
  const diverted = taken(await openKeyEncryption(undefined, elsewhere))
  expect(await diverted.unwrap(wrapped, 'root')).toMatchObject({
    problem: { code: 'key-encryption-refused' },
  })
})

test.runIf(softHsmModule !== undefined)(
  'a token that refuses says why, and a key that can be taken out is none',
  async () => {
    const open = (more: Partial<typeof place>, pin = '4711', make = false) =>
      openPkcs11KeyEncryption({ ...place, ...more }, utf8Of(pin), { random, make })
    const unavailable = async (opened: ReturnType<typeof open>, words: RegExp) => {
      const result = await opened
      expect(result).toMatchObject({ ok: false, problem: { code: 'key-encryption-unavailable' } })
      expect(result.ok ? '' : result.problem.detail).toMatch(words)
    }
    await unavailable(open({ module: '/nonexistent.so' }), /cannot be loaded/)
    await unavailable(open({ token: 'another' }), /No token/)
    await unavailable(open({ key: 'unmade' }), /no AES-256 key/)
    const made = await inToken('kek')
    expect((await inToken('kek')).id).toBe(made.id)

    const cryptoki = await import('pkcs11js')
    const module = new cryptoki.PKCS11()
    module.load(place.module)
    const slot = module
      .C_GetSlotList(true)
      .find((one) => module.C_GetTokenInfo(one).label.trimEnd() === place.token)
    const session = module.C_OpenSession(
      slot as Buffer,
      cryptoki.CKF_SERIAL_SESSION | cryptoki.CKF_RW_SESSION,
    )
    module.C_Login(session, cryptoki.CKU_USER, '4711')
    module.C_GenerateKey(session, { mechanism: cryptoki.CKM_AES_KEY_GEN }, [
      { type: cryptoki.CKA_TOKEN, value: true },
      { type: cryptoki.CKA_EXTRACTABLE, value: true },
      { type: cryptoki.CKA_SENSITIVE, value: false },
      { type: cryptoki.CKA_ENCRYPT, value: true },
      { type: cryptoki.CKA_DECRYPT, value: true },
      { type: cryptoki.CKA_VALUE_LEN, value: 32 },
      { type: cryptoki.CKA_LABEL, value: 'open' },
    ])
    module.C_CloseSession(session)
    expect(await open({ key: 'open' })).toMatchObject({
      problem: { code: 'key-encryption-refused' },
    })
    await unavailable(open({}, '0000'), /refuses the PIN/)
  },
)

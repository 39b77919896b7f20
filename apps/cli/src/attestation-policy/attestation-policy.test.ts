/** The commands against an attestation service that listens. */

import { generateKeyPairSync } from 'node:crypto'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { systemRandom } from '@sealward/enclave/server'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import {
  type Database,
  openStore,
} from '../../../../services/attestation-service/src/store/open-store.ts'
import {
  type Administered,
  administered,
  bearerOf,
  provider,
} from '../../../../services/attestation-service/src/testing/administered.fixtures.ts'
import { startOfTests } from '../../../../services/attestation-service/src/testing/attester.fixtures.ts'
import {
  createTestSigner,
  permitAll,
} from '../../../../services/attestation-service/src/testing/policy-signer.fixtures.ts'
import { openScratch } from '../evidence/command.fixtures.ts'
import { run } from '../program.ts'

const scratch = openScratch()
const open: Administered[] = []
let postgres: TestPostgres
let database: Database
let contributor: string
let policyFile: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  contributor = await tokenOf(['contributor'], 'alice')
  policyFile = scratch.written(permitAll)
}, 60_000)
afterAll(async () => {
  for (const { server } of open) await server.close()
  await database?.destroy()
  await postgres?.stop()
  scratch.remove()
})

async function tokenOf(...parameters: Parameters<typeof bearerOf>): Promise<string> {
  return (await bearerOf(...parameters)).slice('Bearer '.length)
}

interface Served {
  readonly world: Administered
  /** Runs `attestation policy …` as somebody. */
  policy(token: string | undefined, ...parameters: readonly string[]): Promise<Ran>
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function served(options: Parameters<typeof administered>[1]): Promise<Served> {
  const world = await administered(database, options)
  open.push(world)
  const { port } = await world.server.listen()
  const service = ['--service', `http://127.0.0.1:${port}`]
  return {
    world,
    policy: (token, command = '', ...parameters) =>
      sealward(token, 'attestation', 'policy', command, ...parameters, ...service),
  }
}

async function sealward(
  token: string | undefined,
  ...commandLine: readonly string[]
): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await run(commandLine, {
    effects: {
      fetch: globalThis.fetch,
      clock: { now: () => startOfTests },
      random: systemRandom,
      sleep: () => Promise.resolve(),
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: token === undefined ? {} : { SEALWARD_TOKEN: token },
    version: '0.0.0',
    interrupted: new AbortController().signal,
  })
  return { code, out, err }
}

const sgx = ['--type', 'SgxEnclave']

test('a policy is set, got, shown in history and reset', async () => {
  const { policy } = await served({ mode: 'entra' })
  const hash = await policyHashOf(permitAll)
  expect(await policy(contributor, 'set', policyFile, ...sgx)).toEqual({
    code: 0,
    out: `The policy of SgxEnclave is set. Its hash: ${hash}\n`,
    err: '',
  })
  expect(await policy(contributor, 'get', ...sgx)).toEqual({
    code: 0,
    out: permitAll,
    err: `SgxEnclave, hash ${hash}, not signed\n`,
  })
  const history = await policy(contributor, 'history', ...sgx)
  expect(history.out).toBe(
    `    1  2026-11-23T00:00:00Z  set       version 1  ${hash}  by alice of ${provider.issuer}\n`,
  )
  expect((await policy(contributor, 'reset', ...sgx)).out).toBe(
    'The policy of SgxEnclave is the default again.\n',
  )
  expect((await policy(contributor, 'get', ...sgx)).out).toBe(defaultPolicyFor('SgxEnclave'))
  expect((await policy(contributor, 'get', ...sgx, '--at-version', '1')).out).toBe(permitAll)
  expect((await policy(contributor, 'get', ...sgx, '--at-version', '2')).err).toMatch(/reset/)
  expect(await policy(contributor, 'get', '--type', 'Tpm')).toMatchObject({
    out: '',
    err: 'No policy of Tpm is set.\n',
  })
})

test('with --json there is one line for programs, of refusals too', async () => {
  const { policy } = await served({ mode: 'entra' })
  const json = async (token: string | undefined, ...parameters: readonly string[]) => {
    const { code, out } = await policy(token, ...parameters, '--json')
    expect(out.indexOf('\n')).toBe(out.length - 1)
    return { code, ...JSON.parse(out) }
  }
  const hash = await policyHashOf(permitAll)
  expect(await json(contributor, 'set', policyFile, ...sgx)).toMatchObject({
    code: 0,
    type: 'SgxEnclave',
    state: 'set',
    hash,
  })
  expect(await json(contributor, 'get', ...sgx)).toMatchObject({
    code: 0,
    policy: permitAll,
    hash,
    algorithm: 'none',
  })
  expect(await json(contributor, 'history', ...sgx, '--limit', '1')).toMatchObject({
    value: [{ action: 'set', version: 1, actor: { subject: 'alice' } }],
  })
  expect(await json(contributor, 'reset', ...sgx, '--if-match', 'another')).toMatchObject({
    code: 2,
    problem: { code: 'policy-changed' },
  })
  expect(await json(contributor, 'reset', ...sgx, '--if-match', hash)).toMatchObject({
    code: 0,
    state: 'reset',
  })
  const broken = scratch.written('version=1.0; nonsense')
  expect(await json(contributor, 'set', broken, ...sgx)).toMatchObject({
    code: 1,
    problem: { code: 'policy-section' },
  })
  expect(await json(undefined, 'get', ...sgx)).toMatchObject({
    code: 2,
    problem: { code: 'token-missing' },
  })
  expect(await json(await tokenOf(['reader']), 'reset', ...sgx)).toMatchObject({
    code: 2,
    problem: { code: 'role-insufficient' },
  })
})

test('a token comes from a file too, and only a token', async () => {
  const { policy } = await served({ mode: 'entra' })
  const file = scratch.written(`${contributor}\n`)
  expect((await policy(undefined, 'get', ...sgx, '--token-file', file)).code).toBe(0)
  const wrong = await policy(undefined, 'get', ...sgx, '--token-file', policyFile)
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('token-malformed')])
  const insecure = await sealward(
    contributor,
    'attestation',
    'policy',
    'get',
    ...sgx,
    '--service',
    'http://attest.example',
  )
  expect([insecure.code, insecure.err]).toEqual([2, expect.stringContaining('service-insecure')])
  expect(insecure.err).not.toContain(contributor)
})

test.each(['RS256', 'ES256'] as const)(
  'a signer of %s signs for this service and type, and when',
  async (algorithm) => {
    const root = await createTestSigner('root')
    const leaf = await createTestSigner('leaf', { algorithm, issuer: root, isCa: false })
    const { policy, world } = await served({ mode: 'isolated', signers: [root] })
    const signing = [
      '--sign-with',
      scratch.written(leaf.privateKeyPem),
      '--certificate',
      scratch.written(`${leaf.certificatePem}\n${root.certificatePem}\n`),
    ]
    expect(await policy(undefined, 'set', policyFile, ...sgx, ...signing)).toMatchObject({
      code: 0,
    })
    const reader = await tokenOf(['reader'])
    const { out, err } = await policy(reader, 'get', ...sgx, '--json')
    const { jws, algorithm: signedWith } = JSON.parse(out || err)
    expect(signedWith).toBe(algorithm)
    expect(decodeJwt(jws)).toMatchObject({
      aud: `${world.instance.issuer}/policies/SgxEnclave`,
      iat: startOfTests,
    })
    expect(await policy(undefined, 'reset', ...sgx, ...signing)).toMatchObject({ code: 0 })
    expect(await policy(undefined, 'set', policyFile, ...sgx)).toMatchObject({
      code: 2,
      err: expect.stringContaining('policy-unsigned'),
    })
  },
)

test('keys and certificates that do not go together are refused before anything is sent', async () => {
  const { policy } = await served({ mode: 'entra' })
  const [one, other] = [await createTestSigner('one'), await createTestSigner('other')]
  const [key, certificate] = [
    scratch.written(one.privateKeyPem),
    scratch.written(other.certificatePem),
  ]
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  for (const [signing, code] of [
    [['--sign-with', key], 'usage'],
    [['--certificate', certificate], 'usage'],
    [['--sign-with', key, '--certificate', certificate], 'key-mismatch'],
    [['--sign-with', policyFile, '--certificate', certificate], 'key-malformed'],
    [['--sign-with', key, '--certificate', policyFile], 'certificate-malformed'],
    [
      ['--sign-with', scratch.written(String(ed25519)), '--certificate', certificate],
      'key-unsuited',
    ],
  ] as const) {
    const { code: exit, err } = await policy(contributor, 'set', policyFile, ...sgx, ...signing)
    expect([exit, err]).toEqual([2, expect.stringContaining(`: ${code}`)])
  }
})

test('what two people have to agree on waits for the second', async () => {
  const { policy } = await served({ mode: 'entra', approvalSeconds: 3600 })
  const approver = await tokenOf(['approver'], 'bob')
  const proposed = await policy(contributor, 'set', policyFile, ...sgx)
  const [, id = ''] = /policy approve ([0-9a-f]{32})\n$/.exec(proposed.out) ?? []
  expect([proposed.code, id]).toEqual([0, expect.stringMatching(/^[0-9a-f]{32}$/)])
  expect((await policy(approver, 'approvals')).out).toBe(
    `${id}  set  SgxEnclave  by alice of ${provider.issuer}  until 2026-11-23T01:00:00Z\n`,
  )
  const own = await policy(await tokenOf(['approver'], 'alice'), 'approve', id)
  expect([own.code, own.err]).toEqual([2, expect.stringContaining('approval-own')])
  expect(await policy(approver, 'approve', id)).toMatchObject({
    code: 0,
    out: 'The change is approved, and done.\n',
  })
  expect((await policy(contributor, 'get', ...sgx)).out).toBe(permitAll)
  const again = await policy(contributor, 'reset', ...sgx, '--json')
  const { approval, state } = JSON.parse(again.out)
  expect([state, (await policy(contributor, 'withdraw', approval)).code]).toEqual(['pending', 0])
  expect(await policy(approver, 'approvals')).toMatchObject({ out: '', err: 'Nothing.\n' })
  expect((await policy(approver, 'approve', 'nonsense')).code).toBe(2)
})

test('an answer that another key signed is not believed', async () => {
  const { policy, world } = await served({ mode: 'shared' })
  const stranger = await createTestSigner('stranger')
  const own = scratch.written(JSON.stringify({ keys: [world.key.jwk] }))
  const foreign = scratch.written(stranger.certificatePem)
  expect((await policy(undefined, 'get', ...sgx, '--signer', own)).code).toBe(0)
  const refused = await policy(undefined, 'get', ...sgx, '--signer', foreign)
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('unknown-signer')])
})

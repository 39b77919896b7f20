import {
  constants,
  createCipheriv,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import pg from 'pg'
import { Pool } from 'undici'
import {
  claimsFor,
  createReleaseTarget,
  releasePolicyOf,
  startTestBroker,
  type TestBroker,
} from '../../../services/key-broker/src/testing/broker.fixtures.ts'
import { quantiles, rounded } from '../figures.ts'
import { inRounds } from '../rounds.ts'

/** Keys that a broker over PostgreSQL releases in a second, each with an entry in the audit log. */
export interface ReleaseFigures {
  readonly clients: readonly {
    readonly clients: number
    readonly perSecond: number
    /** Milliseconds. */
    readonly p50: number
    readonly p99: number
  }[]
  /** What no release does without, one core: a token verified, a key wrapped for RSA, an answer signed. */
  readonly cryptographyPerSecond: number
  /** What no release with a log does without: rows committed to the same disk, one after the other. */
  readonly commitsPerSecond: number
}

/** Broker, database, attestation service and clients are on this one machine; the token and its key are of one workload. */
export async function measureReleases(): Promise<ReleaseFigures> {
  const broker = await startTestBroker()
  try {
    const ask = await releaseTo(broker)
    const clients = []
    for (const count of [1, 16]) clients.push(await load(broker.url, ask, count))
    return {
      clients,
      cryptographyPerSecond: (await inRounds({ cryptography: cryptography() })).cryptography.median,
      commitsPerSecond: await commits(broker.postgres.url),
    }
  } finally {
    await broker.close()
  }
}

type Ask = (pool: Pool) => Promise<void>

async function releaseTo(broker: TestBroker): Promise<Ask> {
  const target = createReleaseTarget(3072)
  const claims = claimsFor(broker.authority, target.publicJwk)
  const token = await broker.authority.issue(claims)
  const made = await broker.ask('POST', '/keys/platform-master/create', {
    body: {
      kty: 'oct-HSM',
      key_size: 256,
      attributes: { exportable: true },
      release_policy: releasePolicyOf({
        version: '1.0.0',
        anyOf: [
          {
            authority: broker.authority.issuer,
            allOf: [
              { claim: 'x-ms-attestation-type', equals: 'sgx' },
              { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
              { claim: 'x-ms-sgx-mrsigner', equals: 'cd'.repeat(32) },
              { claim: 'x-ms-sgx-svn', greaterOrEquals: 3 },
            ],
          },
        ],
      }),
    },
  })
  if (made.status !== 200) throw new Error(`not made: ${made.code}`)
  const authorization = `Bearer ${await broker.people.tokenOf(['releaser'])}`
  const body = JSON.stringify({ target: token, nonce: 'a nonce', enc: 'RSA_AES_KEY_WRAP_256' })
  return async (pool) => {
    const answer = await pool.request({
      method: 'POST',
      path: '/keys/platform-master/release?api-version=2025-07-01',
      headers: { 'content-type': 'application/json', authorization },
      body,
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}: ${text}`)
  }
}

const millisecondsEach = 5000

async function load(
  url: string,
  ask: Ask,
  clients: number,
): Promise<ReleaseFigures['clients'][number]> {
  const pool = new Pool(url, { connections: clients, pipelining: 1 })
  for (let warm = 0; warm < 50; warm++) await ask(pool)
  const times: number[] = []
  const started = performance.now()
  const client = async (): Promise<void> => {
    while (performance.now() - started < millisecondsEach) {
      const before = performance.now()
      await ask(pool)
      times.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - started) / 1000
  await pool.destroy()
  return { clients, perSecond: rounded(times.length / seconds), ...quantiles(times) }
}

function cryptography(): () => void {
  const token = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const target = generateKeyPairSync('rsa', { modulusLength: 3072 })
  const answer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const bytes = randomBytes(2000)
  const signature = sign('sha256', bytes, token.privateKey)
  const initial = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6)
  return () => {
    if (!verify('sha256', bytes, token.publicKey, signature)) throw new Error('not verified')
    const ephemeral = randomBytes(32)
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    publicEncrypt({ key: target.publicKey, padding, oaepHash: 'sha256' }, ephemeral)
    const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, initial)
    cipher.update(bytes.subarray(0, 32))
    cipher.final()
    sign('sha256', bytes, answer.privateKey)
  }
}

async function commits(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('create table if not exists bench_commits (at bigint)')
    const work = async (): Promise<void> => {
      await client.query('insert into bench_commits values ($1)', [1])
    }
    return (await inRounds({ commits: work })).commits.median
  } finally {
    await client.end()
  }
}

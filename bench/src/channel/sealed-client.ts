import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { base64UrlOf, ok } from '@sealward/attestation/bytes'
import {
  createSealedFetch,
  type SealedFetch,
  type SealedTransport,
  verifyPeer,
} from '@sealward/attestation/channel'
import { nodeHpke } from '@sealward/enclave/cryptography'
import { systemRandom } from '@sealward/enclave/effects'
import { memoryFlags } from '@sealward/enclave/evidence'
import { Pool } from 'undici'
import {
  at,
  createDeployment,
} from '../../../packages/attestation/src/channel/deployment.fixtures.ts'
import { quantiles, rounded } from '../figures.ts'
import type { Rate, SealedHttpFigures } from './sealed-http.ts'

const rounds = 7
const millisecondsEach = 600

async function measure(): Promise<readonly SealedHttpFigures[]> {
  const { child, port } = await startServer()
  try {
    const figures: SealedHttpFigures[] = []
    for (const clients of [1, 100]) {
      const pool = new Pool(`https://127.0.0.1:${port}`, {
        connections: clients,
        pipelining: 1,
        connect: { rejectUnauthorized: false },
      })
      const sealedFetch = await sealedFetchTo(pool, port)
      for (const bytes of [1000, 1_000_000]) {
        for (const direction of ['up', 'down'] as const) {
          figures.push({
            direction,
            bytes,
            clients,
            ...(await compare(asksOf(pool, sealedFetch, direction, bytes), clients, {
              cpu: async () => cpuHere() + (await cpuOf(child)),
              cryptography: await cryptographyOf(bytes),
            })),
          })
        }
      }
      await pool.destroy()
    }
    return figures
  } finally {
    child.kill()
  }
}

interface Asks {
  readonly plain: () => Promise<void>
  readonly sealed: () => Promise<void>
}

function asksOf(
  pool: Pool,
  sealedFetch: SealedFetch,
  direction: 'up' | 'down',
  bytes: number,
): Asks {
  const body = randomBytes(bytes)
  const headers = { 'content-type': 'application/octet-stream' }
  const request =
    direction === 'up'
      ? ({ method: 'POST', path: '/up', headers, body } as const)
      : ({ method: 'GET', path: `/down/${bytes}`, headers: {} } as const)
  const verify = (answer: ArrayBuffer): void => {
    if (direction === 'down' && answer.byteLength !== bytes) throw new Error('not all came')
    if (direction === 'up' && !Buffer.from(answer).includes(`${bytes}`))
      throw new Error('not all arrived')
  }
  return {
    plain: async () => verify(await (await pool.request(request)).body.arrayBuffer()),
    sealed: async () => {
      const { method, path, ...rest } = request
      const response = await sealedFetch(path, { method, ...rest })
      if (response.status !== 200) throw new Error(`answered ${response.status}`)
      verify(await response.arrayBuffer())
    },
  }
}

async function compare(
  asks: Asks,
  clients: number,
  { cpu, cryptography }: { readonly cpu: () => Promise<number>; readonly cryptography: number },
): Promise<Pick<SealedHttpFigures, 'plain' | 'sealed' | 'times' | 'cpu'>> {
  const seen = { plain: new Seen(), sealed: new Seen() }
  for (const name of ['plain', 'sealed'] as const) await load(asks[name], clients, new Seen(), cpu)
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['plain', 'sealed'] as const) : (['sealed', 'plain'] as const)
    for (const name of order) await load(asks[name], clients, seen[name], cpu)
  }
  const [plain, sealed] = [seen.plain.rate(), seen.sealed.rate()]
  const [plainCpu, sealedCpu] = [middleOf(seen.plain.cpu), middleOf(seen.sealed.cpu)]
  return {
    plain,
    sealed,
    times: rounded(plain.perSecond / sealed.perSecond),
    cpu: {
      plain: rounded(plainCpu),
      sealed: rounded(sealedCpu),
      limit: rounded(plainCpu + cryptography),
      sealedTimes: rounded(sealedCpu / plainCpu),
      limitTimes: rounded((plainCpu + cryptography) / plainCpu),
    },
  }
}

class Seen {
  readonly times: number[] = []
  readonly rates: number[] = []
  readonly cpu: number[] = []
  rate(): Rate {
    return { perSecond: rounded(middleOf(this.rates)), ...quantiles(this.times) }
  }
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0
}

function cpuHere(): number {
  const { system, user } = process.cpuUsage()
  return system + user
}

function cpuOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    server.once('message', ({ cpu }: { readonly cpu: number }) => resolve(cpu))
    server.send('cpu')
  })
}

/** Microseconds of processor time of what nobody seals and opens a request and its answer without, on both sides. */
async function cryptographyOf(bytes: number): Promise<number> {
  const [kem, symmetric] = [0x647a, { kdf: 0x0001, aead: 0x0002 }] as const
  const random = systemRandom
  const recipient = await nodeHpke.deriveRecipient(kem, random)
  const { publicKey } = recipient
  const [long, short, nothing] = [randomBytes(bytes), randomBytes(100), new Uint8Array()]
  const aead = nodeHpke.aead(symmetric.aead)
  const [key, nonce] = [randomBytes(aead.keyBytes), randomBytes(aead.nonceBytes)]
  const once = async (): Promise<void> => {
    const sender = await nodeHpke.setupSender({ kem, publicKey, symmetric, info: nothing, random })
    if (!sender.ok) throw new Error(sender.problem.code)
    const { enc, context } = sender.value
    const there = await recipient.setup(enc, nothing, symmetric)
    if ((await there?.open(await context.seal(short))) === undefined) throw new Error('not opened')
    for (const side of [context, there]) await side?.export(nothing, 32)
    await aead.open(key, nonce, nothing, await aead.seal(key, nonce, nothing, long))
  }
  const found: number[] = []
  for (let round = 0; round < rounds + 1; round++) {
    const [began, times] = [cpuHere(), 50]
    for (let count = 0; count < times; count++) await once()
    found.push((cpuHere() - began) / times)
  }
  return middleOf(found.slice(1))
}

async function load(
  ask: () => Promise<void>,
  clients: number,
  seen: Seen,
  cpu: () => Promise<number>,
): Promise<void> {
  const cpuBefore = await cpu()
  const started = performance.now()
  let asked = 0
  const client = async (): Promise<void> => {
    while (performance.now() - started < millisecondsEach) {
      const before = performance.now()
      await ask()
      seen.times.push(performance.now() - before)
      asked += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  seen.rates.push(asked / ((performance.now() - started) / 1000))
  seen.cpu.push(((await cpu()) - cpuBefore) / asked)
}

/** A `fetch` sealed to the server, through the connections that plain requests have too. */
async function sealedFetchTo(pool: Pool, port: number): Promise<SealedFetch> {
  const world = await createDeployment()
  const offered = await pool.request({ method: 'GET', path: '/ohttp' })
  const ohttp = base64UrlOf(new Uint8Array(await offered.body.arrayBuffer()))
  const nonce = systemRandom.bytes(32)
  const tee = await world.tee('platform', nonce, { runtimeData: { ohttp } })
  const peer = await verifyPeer(world.trust(tee, nonce, await world.token(tee)))
  if (!peer.ok) throw new Error(peer.problem.code)
  const transport: SealedTransport = async ({ mediaType, body, length }) => {
    const answer = await pool.request({
      method: 'POST',
      path: '/sealed',
      headers: {
        'content-type': mediaType,
        ...(length === undefined ? {} : { 'content-length': `${length}` }),
      },
      body: body as Uint8Array,
    })
    const contentType = String(answer.headers['content-type'])
    return { status: answer.statusCode, contentType, body: answer.body }
  }
  return createSealedFetch({
    origin: `https://127.0.0.1:${port}`,
    verify: async () => ok(peer.value),
    transport,
    random: systemRandom,
    engine: nodeHpke,
    now: () => at,
  })
}

function startServer(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(fileURLToPath(new URL('./sealed-server.ts', import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning', ...memoryFlags],
  })
  return new Promise((resolve, reject) => {
    child.once('message', ({ port }: { readonly port: number }) => resolve({ child, port }))
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })
}

// The measuring client: the same server and the same connections; plain and sealed in turn, round after round.
process.send?.(await measure())
process.disconnect?.()

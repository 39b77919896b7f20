/** Two replicas of platform and provider behind plain TCP balancers: processes, a database, a key broker, clients, all real. */

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChannelError, NotVerifiedError, type SealedFetch } from '@sealward/attestation/channel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster, type WorkloadRole } from './testing/cluster.fixtures.ts'

let cluster: Cluster
let film: Uint8Array<ArrayBuffer>
let staff: string

beforeAll(async () => {
  cluster = await startCluster({ pollSeconds: 1 })
  film = new Uint8Array(
    await readFile(new URL('../../../models/synthetic-films/synthetic-1.dcm', import.meta.url)),
  )
  staff = await cluster.people.tokenOf(['clerk'])
  for (const role of ['diagnostics', 'platform'] as const) {
    for (const replica of cluster.replicas[role]) {
      expect(await replica.start()).toMatchObject({ kind: 'ready' })
    }
  }
}, 120_000)
afterAll(() => cluster.close())

/** What a client saw while it went through. */
interface Seen {
  /** Codes of what it asked again for. */
  readonly again: string[]
  readonly films: string[]
  readonly reports: string[]
}

interface Said {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what they get.
  readonly json: any
  readonly task: string | null
}

interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Asks until there is an answer that is final. Whatever it asks again for has to be a failure with a code. */
async function asked(
  sealedFetch: SealedFetch,
  seen: Pick<Seen, 'again'>,
  path: string,
  { headers, ...init }: Request = {},
): Promise<Said> {
  const until = performance.now() + 60_000
  for (;;) {
    try {
      const answer = await sealedFetch(path, {
        ...init,
        headers: { authorization: `Bearer ${staff}`, ...headers },
      })
      const json = await answer.json()
      if (answer.status < 500 && answer.status !== 429) {
        return { status: answer.status, json, task: answer.headers.get('sealward-task') }
      }
      seen.again.push(codeIn(json))
    } catch (error) {
      if (!(error instanceof ChannelError) && !(error instanceof NotVerifiedError)) throw error
      seen.again.push(error.problem.code)
    }
    if (performance.now() > until) throw new Error(`no answer to ${path}: ${seen.again.at(-1)}`)
    await sleep(100)
  }
}

const codeIn = (json: Said['json']): string =>
  String(json.type ?? json.issue?.[0]?.details?.coding?.[0]?.code ?? 'without-a-code')

const fhir = { 'content-type': 'application/fhir+json' }
const once = (): { readonly 'idempotency-key': string } => ({
  'idempotency-key': `"${randomBytes(16).toString('hex')}"`,
})

async function register(sealedFetch: SealedFetch, seen: Seen, number: string): Promise<string> {
  const identifier = { system: 'urn:oid:2.999.1', value: number }
  const body = {
    resourceType: 'Patient',
    identifier: [identifier],
    name: [{ family: 'Replicated', given: ['Ada'] }],
    gender: 'female',
    birthDate: '2019-03-02',
  }
  const query = `identifier=${encodeURIComponent(`${identifier.system}|${number}`)}`
  const headers = { ...fhir, 'if-none-exist': query }
  const made = await asked(sealedFetch, seen, '/fhir/Patient', {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  expect([200, 201]).toContain(made.status)
  return made.json.id
}

/** One film from its upload to its report. */
async function interpret(sealedFetch: SealedFetch, seen: Seen, patient: string): Promise<void> {
  const uploaded = await asked(sealedFetch, seen, `/films?patient=${patient}`, {
    method: 'POST',
    headers: { 'content-type': 'application/dicom', ...once() },
    body: film,
  })
  expect(uploaded).toMatchObject({ status: 201 })
  seen.films.push(uploaded.json.id)
  const order = {
    resourceType: 'ServiceRequest',
    subject: { reference: `Patient/${patient}` },
    supportingInfo: [{ reference: uploaded.json.imagingStudy }],
  }
  const ordered = await asked(sealedFetch, seen, '/fhir/ServiceRequest', {
    method: 'POST',
    headers: { ...fhir, ...once() },
    body: JSON.stringify(order),
  })
  expect(ordered).toMatchObject({ status: 201, task: expect.any(String) })
  const until = performance.now() + 90_000
  for (;;) {
    const { json } = await asked(sealedFetch, seen, `/fhir/${ordered.task}`)
    if (json.status === 'completed') {
      seen.reports.push(json.output[0].valueReference.reference)
      return
    }
    expect(['requested', 'accepted', 'in-progress', 'received']).toContain(json.status)
    if (performance.now() > until) throw new Error(`the order does not end: ${json.status}`)
    await sleep(200)
  }
}

function startLoad(number: string): { readonly seen: Seen; stop(): Promise<string> } {
  const seen: Seen = { again: [], films: [], reports: [] }
  let isOver = false
  const running = (async () => {
    const sealedFetch = cluster.client()
    const patient = await register(sealedFetch, seen, number)
    while (!isOver) await interpret(sealedFetch, seen, patient)
    return patient
  })()
  // What goes wrong is told when the load is stopped.
  running.catch(() => {})
  return {
    seen,
    stop() {
      isOver = true
      return running
    },
  }
}

async function killed(role: WorkloadRole, index: 0 | 1): Promise<void> {
  await cluster.replicas[role][index].stop('SIGKILL')
}

test('films keep coming while one replica of each is killed: none is lost or done twice, and every failure has a code', async () => {
  const load = [startLoad('one'), startLoad('two')]
  const total = (): number => load.reduce((sum, { seen }) => sum + seen.reports.length, 0)
  const more = async (count: number): Promise<void> => {
    const wanted = total() + count
    await expect.poll(total, { timeout: 90_000, interval: 100 }).toBeGreaterThanOrEqual(wanted)
  }
  await more(4)
  await Promise.all([killed('platform', 0), killed('diagnostics', 0)])
  await more(4)
  for (const role of ['diagnostics', 'platform'] as const) {
    expect(await cluster.replicas[role][0].start()).toMatchObject({ kind: 'ready' })
  }
  await Promise.all([killed('platform', 1), killed('diagnostics', 1)])
  await more(4)
  for (const role of ['diagnostics', 'platform'] as const) {
    expect(await cluster.replicas[role][1].start()).toMatchObject({ kind: 'ready' })
  }
  await more(2)

  const sealedFetch = cluster.client()
  for (const { seen, stop } of load) {
    const patient = await stop()
    const found = async (type: string, by: string): Promise<number> =>
      (await asked(sealedFetch, seen, `/fhir/${type}?${by}=Patient/${patient}`)).json.total
    expect(new Set(seen.films).size).toBe(seen.films.length)
    expect(new Set(seen.reports).size).toBe(seen.films.length)
    expect(await found('ImagingStudy', 'subject')).toBe(seen.films.length)
    expect(await found('DiagnosticReport', 'subject')).toBe(seen.films.length)
    expect(
      seen.again.filter((code) => !/^(urn:sealward:problem:)?[a-z]+(-[a-z]+)*$/.test(code)),
    ).toEqual([])
    expect(seen.again).not.toContain('without-a-code')
  }
  for (const role of ['platform', 'diagnostics'] as const) {
    expect(cluster.balancers[role].taken.every((count) => count > 0)).toBe(true)
  }
}, 300_000)

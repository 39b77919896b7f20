import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelRequest } from '@sealward/attestation/channel'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { innerRoutes } from '../../../services/platform/src/app.ts'
import { problems } from '../../../services/platform/src/problems.ts'
import { openBrowser, openPage, signIn, startTestStack, type TestStack } from '../stack-fixture.ts'
import { type Canary, newCanary } from './canary.ts'
import {
  type CanaryHospital,
  openCanaryHospital,
  type Told,
  writeCanaryFilm,
} from './hospital.fixtures.ts'
import type { Recording } from './read-capture.ts'
import { found } from './traces.ts'
import { startWireRecorder, type WireRecorder, whyNoWireRecorder } from './wire-recorder.ts'
import { sweepFiles } from './written-files.ts'

// Patients whom nobody has pass through every route and every refusal, while every packet of this machine is
// recorded; then every packet, and every file that was written meanwhile, is looked through for them.

const canary = newCanary()
const texts = Object.values(canary)
const reason = whyNoWireRecorder()
const runs = reason === undefined ? describe : describe.skip
if (reason !== undefined) process.stdout.write(`canaries: skipped, ${reason}\n`)

runs('canary patients', () => {
  let on: TestStack
  let hospital: CanaryHospital
  let recorder: WireRecorder | undefined
  let began: number
  let recording: Recording
  /** The hospital's own machine: here a patient's name may lie. */
  let own: string
  /** The recorder's. */
  let kept: string

  beforeAll(async () => {
    own = mkdtempSync(join(tmpdir(), 'sealward-hospital-'))
    kept = mkdtempSync(join(tmpdir(), 'sealward-recorder-'))
    began = Date.now() - 1000
    recorder = await startWireRecorder(join(kept, 'packets'))
    on = await startTestStack()
    hospital = await openCanaryHospital(on.stack.url, on.stack.home)
  })
  afterAll(async () => {
    recorder?.giveUp()
    await on?.stop()
    for (const folder of [own, kept]) rmSync(folder ?? '', { recursive: true, force: true })
  })

  test('pass through the portal: registered, filmed, interpreted, read and signed with a conclusion', async () => {
    const film = writeCanaryFilm(own, canary)
    const browser = await inOwnFolder(() => openBrowser(on))
    try {
      await clerkOrders(await pageOf('clerk'), film)
      await radiologistSigns(await pageOf('radiologist'))
    } finally {
      await browser.close()
    }

    async function pageOf(account: string): Promise<Page> {
      const { page } = await openPage(browser)
      await signIn(page, on.stack.url, account)
      return page
    }
  })

  test('pass through every route, and are found again', async () => {
    const asked = new Set<string>()
    const get = async (route: string, path: string): Promise<Told> => {
      asked.add(`GET ${route}`)
      const told = await hospital.ask({ method: 'GET', path })
      expect(told.status, path).toBe(200)
      return told
    }
    const [patient] = await found1('Patient', `family=${canary.family}&birthdate=1987-03-09`)
    const subject = `Patient/${patient}`
    const [report] = await found1('DiagnosticReport', `subject=${subject}`)
    await get('/results/:id', `/results/${report}`)
    await get('/receipts/:id', `/receipts/${report}`)
    await get('/receipts/:id/openings', `/receipts/${report}/openings`)
    for (const path of ['/me', '/fhir/metadata', '/trust', '/model-card']) await get(path, path)

    const changed = await hospital.ask(
      patientRequest('PUT', { ...resource(), id: patient }, patient, { 'if-match': 'W/"1"' }),
    )
    asked.add('PUT /fhir/Patient/:id')
    expect(changed.status).toBe(200)
    asked.add('POST /fhir/Patient')
    const second = await hospital.ask(patientRequest('POST', resource(`${canary.identifier}-2`)))
    expect(second.status).toBe(201)
    const film = readFileSync(join(own, `${canary.fileName}.dcm`))
    asked.add('POST /films')
    const uploaded = await hospital.ask(filmRequest(film, idOf(second)))
    expect(uploaded.status).toBe(201)
    await get('/films/:id', `/films/${idOf(uploaded)}`)
    await get('/films/:id/rendered', `/films/${idOf(uploaded)}/rendered`)
    asked.add('POST /fhir/ServiceRequest')
    const ordered = await hospital.ask(orderRequest(idOf(second), idOf(uploaded)))
    expect(ordered.status).toBe(201)
    const task = ordered.headers['sealward-task'] ?? ''
    await expect
      .poll(async () => (await get('/fhir/Task/:id', `/fhir/${task}`)).json, { timeout: 30_000 })
      .toMatchObject({ status: 'completed' })
    // From one to the next, every type is found and read by its id.
    const read = new Map<string, string>([['Patient', patient ?? '']])
    for (let before = -1; before < read.size; ) {
      before = read.size
      for (const json of await relatedTo([...read].map(([type, id]) => `${type}/${id}`))) {
        for (const [type, id] of idsIn(json)) read.set(type, read.get(type) ?? id)
      }
    }
    for (const [type, id] of read) await get(`/fhir/${type}/:id`, `/fhir/${type}/${id}`)
    asked.add('POST /fhir/DiagnosticReport/:id/$sign')
    asked.add('POST /fhir/Patient/:id/$erase')
    const erased = await hospital.ask({
      method: 'POST',
      path: `/fhir/Patient/${idOf(second)}/$erase`,
    })
    expect(erased.code).toBe('role-insufficient')
    // Nothing refers to a notification: whoever gets it has its id.
    asked.add('GET /fhir/Communication/:id')
    const unknown = { method: 'GET', path: `/fhir/Communication/${canary.refused}` }
    expect((await hospital.ask(unknown)).code).toBe('not-found')

    process.stdout.write(`canaries: ${asked.size} routes of ${innerRoutes.length} asked\n`)
    expect(innerRoutes.filter((route) => !asked.has(route))).toEqual([])

    async function found1(type: string, query: string): Promise<readonly string[]> {
      const bundle = (await get(`/fhir/${type}`, `/fhir/${type}?${query}`)).json as Bundle
      const ids = (bundle.entry ?? []).map(({ resource }) => resource.id)
      expect(ids.length, type).toBeGreaterThan(0)
      return ids
    }

    async function relatedTo(references: readonly string[]): Promise<readonly unknown[]> {
      const all: unknown[] = []
      const searches = innerRoutes.filter((route) => /^GET \/fhir\/[A-Z][A-Za-z]+$/.test(route))
      for (const route of searches.filter((route) => route !== 'GET /fhir/Patient')) {
        for (const name of ['subject', 'target', 'entity', 'focus']) {
          for (const reference of references) {
            const path = `${route.slice(4)}?${name}=${reference}`
            const told = await hospital.ask({ method: 'GET', path })
            if (told.status !== 200) continue
            asked.add(route)
            all.push(told.json)
          }
        }
      }
      return all
    }
  })

  test('pass through every refusal', async () => {
    const { refused } = canary
    const patient = await hospital.ask(patientRequest('POST', resource(`${canary.identifier}-3`)))
    const id = idOf(patient)
    const film = readFileSync(join(own, `${canary.fileName}.dcm`))
    const cases: readonly (readonly [code: string, request: ChannelRequest])[] = [
      ['not-found', { method: 'GET', path: `/${refused}` }],
      ['not-found', { method: 'GET', path: `/fhir/Patient/${refused}` }],
      ['not-found', { method: 'GET', path: `/films/${refused}` }],
      ['not-found', { method: 'DELETE', path: `/fhir/Patient/${refused}` }],
      ['method-not-allowed', { method: 'PURGE', path: `/fhir/Patient/${refused}` }],
      ['malformed', { method: 'GET', path: `/${refused.repeat(300)}` }],
      [
        'body-malformed',
        { ...patientRequest('POST', {}), body: Buffer.from(`{"family": "${refused}`) },
      ],
      ['wrong-resource-type', patientRequest('POST', { resourceType: 'Observation', id: refused })],
      ['resource-invalid', patientRequest('POST', { ...resource(refused), gender: refused })],
      [
        'resource-id',
        patientRequest('PUT', { ...resource(), id: refused }, id, { 'if-match': 'W/"1"' }),
      ],
      ['search-unsupported', { method: 'GET', path: `/fhir/Patient?${refused}=${refused}` }],
      ['reference-unknown', filmRequest(film, refused)],
      ['order-incomplete', orderRequest(refused, refused)],
      ['reference-unknown', orderRequest(id, '00000000-0000-4000-8000-000000000000', refused)],
      ['order-incomplete', orderRequest(id, undefined, refused)],
      ['identifier-in-use', patientRequest('POST', resource())],
      [
        'version-conflict',
        patientRequest('PUT', { ...resource(), id }, id, { 'if-match': 'W/"9"' }),
      ],
      ['film-empty', { ...filmRequest(film, id), body: new Uint8Array() }],
      [
        'unsupported-media-type',
        { ...filmRequest(film, id), headers: { 'content-type': `text/${refused}` } },
      ],
      ['role-insufficient', signRequest(refused, refused)],
      ['film-too-large', filmRequest(Buffer.alloc(49 * 1024 * 1024, refused), id)],
    ]
    const seen = new Set<string>()
    const meet = (told: Told, code: string, what: string): void => {
      expect([told.code, what]).toEqual([code, what])
      seen.add(code)
    }
    for (const [code, request] of cases) {
      meet(await hospital.ask(request), code, `${request.method} ${request.path.slice(0, 60)}`)
    }
    const search = { method: 'GET', path: `/fhir/Patient?family=${refused}&birthdate=1987-03-09` }
    meet(await hospital.askAs(undefined, search), 'token-missing', 'no token')
    meet(await hospital.askAs(`Bearer ${refused}`, search), 'token-refused', 'no JWT')
    meet(
      await hospital.askAs(`Bearer ${foreignToken(refused)}`, search),
      'token-refused',
      'a forged token',
    )
    const endless = `Bearer ${refused.repeat(1000)}`
    meet(await hospital.askAs(endless, search), 'token-malformed', 'an endless token')
    const named = (key: string): ChannelRequest => {
      const request = filmRequest(film, id)
      return { ...request, headers: { ...request.headers, 'idempotency-key': key } }
    }
    meet(await hospital.ask(named(`${refused} ${refused}`)), 'idempotency-key-malformed', 'a key')
    const key = '0b0c5a44-0d1f-4c8e-9b5e-5f2a7f6f9a01'
    await hospital.ask(named(key))
    const reused = { ...named(key), body: Buffer.from(refused.repeat(50)) }
    meet(await hospital.ask(reused), 'idempotency-key-reused', 'a key for two films')
    // A film that is cut, one of another kind, and something that is no film at all.
    for (const bytes of [film.subarray(0, film.length / 2), Buffer.from(refused.repeat(50))]) {
      const told = await hospital.ask(filmRequest(bytes, id))
      expect(told.status).toBeGreaterThanOrEqual(400)
    }
    // Outside the channel, what was sealed is sent again.
    const again = await fetch(`${on.stack.url}platform/sealed`, {
      method: 'POST',
      headers: { 'content-type': 'message/ohttp-req' },
      body: new Uint8Array(hospital.lastMessage()),
    })
    expect([again.status, codeIn(await again.json())]).toEqual([409, 'replayed'])
    seen.add('replayed')

    const unmet = Object.keys(problems).filter((code) => !seen.has(code) && !elsewhere.has(code))
    process.stdout.write(
      `canaries: ${seen.size} kinds of refusal met, ${elsewhere.size} are not met here\n`,
    )
    expect(unmet).toEqual([])
  })

  test('pass while the cache, the provider and the database are away, and while the platform is killed', async () => {
    const { enclaves } = on.stack
    const patient = idOf(
      await hospital.ask(patientRequest('POST', resource(`${canary.identifier}-4`))),
    )
    process.kill(enclaves.cacheGateway.pid, 'SIGKILL')
    process.kill(enclaves.diagnostics.pid, 'SIGKILL')
    const film = readFileSync(join(own, `${canary.fileName}.dcm`))
    const uploaded = await hospital.ask(filmRequest(film, patient))
    expect(uploaded.status).toBe(201)
    expect((await hospital.ask(orderRequest(patient, idOf(uploaded)))).status).toBe(201)
    expect((await hospital.ask({ method: 'GET', path: `/fhir/Patient/${patient}` })).status).toBe(
      200,
    )

    process.kill(postgresPid(on.stack.home), 'SIGKILL')
    // What was opened before cannot be looked up, so nothing is opened; or it was, and could not be kept.
    const away = await hospital
      .ask(patientRequest('POST', resource(`${canary.identifier}-5`)))
      .then(({ code }) => code, String)
    expect(away).toMatch(/unavailable/)
    const dying = hospital.ask(filmRequest(film, patient)).catch((error: Error) => error.message)
    // What a broken program leaves behind: a core, where the machine keeps one.
    process.kill(enclaves.platform.pid, 'SIGABRT')
    await enclaves.platform.exited
    await dying
  })

  test('no packet of the machine holds a trace of them, in any encoding', {
    timeout: 300_000,
  }, async () => {
    if (recorder === undefined) throw new Error('nothing was recorded')
    recording = await recorder.stop()
    const { streams, packets } = recording
    process.stdout.write(
      `canaries: ${streams.length} streams, ${(packets.length / 1e6).toFixed(0)} MB of packets recorded\n`,
    )
    const wire = Buffer.concat(streams.map(({ bytes }) => bytes))
    expect(wire.includes('POST /platform/sealed')).toBe(true)
    const traced = streams.flatMap(({ name, bytes }) => tracedIn(name, bytes))
    expect(traced).toEqual([])
    // And what is not TCP.
    expect(tracedIn('packets', packets)).toEqual([])
  })

  test('the recorder would have seen one: what is not sealed is there', () => {
    const { streams } = recording
    // The database's side of every connection, and the cache's, and the sign-in's.
    const spoken = [
      'insert into',
      'grant_type=client_credentials',
      'POST /identity',
      'POST /attestation',
    ]
    const unseen = spoken.filter((text) => !streams.some(({ bytes }) => bytes.includes(text)))
    expect(unseen).toEqual([])
  })

  test('no file that was written meanwhile, wherever on the machine, holds a trace of them', {
    timeout: 300_000,
  }, () => {
    const { files, bytes, findings } = sweepFiles({
      folder: '/',
      since: began,
      canaries: texts,
      except: [own, kept],
    })
    process.stdout.write(`canaries: ${files} files, ${(bytes / 1e6).toFixed(0)} MB read\n`)
    expect(files).toBeGreaterThan(100)
    expect(
      findings.map(({ file, encoding, canary: text }) => ({ file, encoding, what: fieldOf(text) })),
    ).toEqual([])
  })

  test('no command line and no environment of a process holds one', () => {
    const looked = processFiles().flatMap((file) => {
      const bytes = readable(file)
      return bytes === undefined ? [] : [{ file, bytes }]
    })
    expect(looked.length).toBeGreaterThan(10)
    expect(looked.flatMap(({ file, bytes }) => tracedIn(file, bytes))).toEqual([])
  })

  /** What Chromium writes is the hospital's own. */
  async function inOwnFolder<T>(work: () => Promise<T>): Promise<T> {
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = own
    try {
      return await work()
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  }
})

/** Codes that no sender of patient data can bring about here, and the test that does. */
const elsewhere: ReadonlySet<string> = new Set([
  // `verifyPlatform` and `openChannel` stand before them: services/platform/src/platform.test.ts.
  'stale-key',
  'unsupported-suite',
  'too-large',
  'evidence-unavailable',
  'overloaded',
  // Tokens of the hospital's own provider: services/platform/src/platform.test.ts.
  'token-expired',
  'role-missing',
  'identity-provider-unavailable',
  // Of reports that a radiologist signs: services/platform/src/platform.test.ts.
  'already-final',
  'conclusion-invalid',
  // A record that somebody changed: services/platform/src/store/store.test.ts.
  'record-refused',
  // Of a privacy officer: services/platform/src/platform.test.ts.
  'reason-missing',
  // Of a start, or of a restored database: services/platform/src/store.
  'key-unavailable',
  'database-rolled-back',
  'database-forked',
  'database-altered',
  'anchor-missing',
  'anchor-behind',
  'anchor-unavailable',
  'anchor-refused',
  // Ours to mend.
  'broken-program',
  // Met in the test after.
  'store-unavailable',
  // Of a provider that was away from the start: services/platform/src/platform.test.ts.
  'provider-unavailable',
])

interface Bundle {
  readonly entry?: readonly { readonly resource: { readonly id: string } }[]
}

function resource(identifier: string = canary.identifier): object {
  return {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:oid:1.2.36.146.595.217.0.1', value: identifier }],
    name: [{ family: canary.family, given: [canary.given] }],
    address: [{ line: [canary.street] }],
    telecom: [{ system: 'phone', value: canary.phone }],
    birthDate: '1987-03-09',
    gender: 'female',
  }
}

function patientRequest(
  method: 'POST' | 'PUT',
  body: object,
  id?: string,
  headers: Readonly<Record<string, string>> = {},
): ChannelRequest {
  return {
    method,
    path: `/fhir/Patient${id === undefined ? '' : `/${id}`}`,
    headers: { 'content-type': 'application/fhir+json', ...headers },
    body: Buffer.from(JSON.stringify(body)),
  }
}

function filmRequest(film: Uint8Array, patient: string): ChannelRequest {
  return {
    method: 'POST',
    path: `/films?patient=${patient}`,
    headers: { 'content-type': 'application/dicom' },
    body: new Uint8Array(film),
  }
}

function orderRequest(patient: string, study?: string, note?: string): ChannelRequest {
  return {
    method: 'POST',
    path: '/fhir/ServiceRequest',
    headers: { 'content-type': 'application/fhir+json' },
    body: Buffer.from(
      JSON.stringify({
        resourceType: 'ServiceRequest',
        status: 'active',
        intent: 'order',
        subject: { reference: `Patient/${patient}` },
        ...(study === undefined
          ? {}
          : { supportingInfo: [{ reference: `ImagingStudy/${study}` }] }),
        ...(note === undefined ? {} : { note: [{ text: note }] }),
      }),
    ),
  }
}

function signRequest(report: string, conclusion: string): ChannelRequest {
  return {
    method: 'POST',
    path: `/fhir/DiagnosticReport/${report}/$sign`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ conclusion })),
  }
}

/** In the form of a token, by nobody whom the platform knows. */
function foreignToken(subject: string): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url')
  return `${part({ alg: 'ES256', kid: 'none' })}.${part({ sub: subject, iss: subject })}.${'A'.repeat(86)}`
}

async function clerkOrders(page: Page, film: string): Promise<void> {
  await page.getByTestId('patient-register').click()
  await page.getByTestId('patient-identifier').fill(canary.identifier)
  await page.getByTestId('patient-family').fill(canary.family)
  await page.getByTestId('patient-given').fill(canary.given)
  await page.getByTestId('patient-birthdate').fill('1987-03-09')
  await page.getByTestId('patient-gender').selectOption('female')
  await page.getByTestId('patient-submit').click()
  await page.getByTestId('film-input').setInputFiles(film)
  await page.getByTestId('film-summary').waitFor()
  await page.getByTestId('film-confirm').check()
  await page.getByTestId('order-submit').click()
  await page.getByTestId('result-probability').waitFor({ timeout: 60_000 })
}

async function radiologistSigns(page: Page): Promise<void> {
  await page.getByTestId('worklist').waitFor()
  await page.getByTestId('worklist-item').first().click()
  await page.getByTestId('sign-conclusion').fill(canary.conclusion)
  await page.getByTestId('sign-report').click()
  await page.locator('[data-testid=report-status][data-status=final]').waitFor()
  expect(await page.getByTestId('report-conclusion').textContent()).toContain(canary.conclusion)
}

/** Type and id of every resource in what was found, and of what they refer to. */
function idsIn(json: unknown): readonly (readonly [type: string, id: string])[] {
  const text = JSON.stringify(json)
  const named = [
    ...text.matchAll(/"resourceType":"([A-Za-z]+)","id":"([^"]+)"/g),
    ...text.matchAll(/"reference":"([A-Za-z]+)\/([^"]+)"/g),
  ]
  return named.flatMap(([, type = '', id = '']) =>
    innerRoutes.includes(`GET /fhir/${type}/:id`) ? [[type, id] as const] : [],
  )
}

function idOf(told: Told): string {
  const { id } = told.json as { readonly id?: string }
  if (id === undefined) throw new Error(`no id, but ${told.status} ${told.code}`)
  return id
}

function codeIn(json: unknown): string | undefined {
  return (json as { readonly type?: string }).type?.replace('urn:sealward:problem:', '')
}

function tracedIn(where: string, bytes: Buffer): readonly object[] {
  return texts.flatMap((text) =>
    found(bytes, text).map((encoding) => ({ where, encoding, what: fieldOf(text) })),
  )
}

/** Which of the canary's texts it is: a failed test need not print more. */
function fieldOf(text: string): string | undefined {
  return Object.keys(canary).find((field) => canary[field as keyof Canary] === text)
}

function postgresPid(home: string): number {
  const folder = execFileSync('find', [home, '-name', 'postmaster.pid']).toString().trim()
  return Number(readFileSync(folder, 'utf8').split('\n')[0])
}

function processFiles(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
}

function readable(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

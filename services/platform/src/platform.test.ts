import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DiagnosticReport, Resource } from '@medplum/fhirtypes'
import { bytesOfBase64Url, utf8Of } from '@sealward/attestation/bytes'
import {
  encodeRequest,
  generateKeyConfig,
  type KeyConfig,
  sealRequest,
} from '@sealward/attestation/channel'
import { saltedDigestOf, verifyReceipt } from '@sealward/attestation/receipt'
import { systemRandom as random } from '@sealward/enclave/server'
import { Client } from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseResource } from './fhir/parse-resource.ts'
import { resourceBytesMax } from './limits.ts'
import { floatsOf } from './peers/inference.ts'
import {
  type Asked,
  type Deployment,
  type Replacement,
  startDeployment,
} from './testing/deployment.fixtures.ts'
import { dicomFilm, pngFilm } from './testing/film.fixtures.ts'
import { type Fault, logitOf } from './testing/provider.fixtures.ts'

const system = 'urn:sealward:patient-number'
const canary = { family: 'Quetzalcanary', number: 'MRN-900417-CANARY', birthDate: '1931-03-17' }

let at: Deployment
let patientId: string
let filmId: string
let reportId: string

beforeAll(async () => {
  at = await startDeployment()
}, 60_000)

afterAll(() => at?.stop())

const patient = (number: string, more: object = {}): object => ({
  resourceType: 'Patient',
  identifier: [{ system, value: number }],
  name: [{ family: canary.family, given: ['Ada'] }],
  gender: 'female',
  birthDate: canary.birthDate,
  ...more,
})

const codeOf = ({ json }: Asked): unknown =>
  json.issue?.[0].details.coding[0].code ?? json.type?.replace('urn:sealward:problem:', '')

async function register(number: string = randomBytes(6).toString('hex')): Promise<string> {
  const created = await at.ask('clerk', 'POST', '/fhir/Patient', patient(number))
  expect(created.status).toBe(201)
  return created.json.id
}

async function upload(of: string): Promise<Asked> {
  return at.ask('clerk', 'POST', `/films?patient=${of}`, pngFilm(300, 260, 150), {
    'content-type': 'image/png',
  })
}

async function order(of: string, study: string): Promise<Asked> {
  return at.ask('clerk', 'POST', '/fhir/ServiceRequest', {
    resourceType: 'ServiceRequest',
    subject: { reference: `Patient/${of}` },
    supportingInfo: [{ reference: study }],
  })
}

/** Follows a task to its end. */
async function followed(task: string | undefined): Promise<Asked['json']> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 50) {
    const { json } = await at.ask('clerk', 'GET', `/fhir/${task}`)
    if (json.status === 'completed' || json.status === 'failed') return json
    await sleep(50)
  }
  throw new Error('the task does not end')
}

// The way through, in the order in which it is walked.

test('a member of staff is known by name and roles', async () => {
  expect(await at.ask('clerk', 'GET', '/me')).toMatchObject({
    status: 200,
    json: { name: 'Name of clerk', roles: ['clerk'] },
  })
})

test('a patient is registered, read, and found by number and by family with birth date', async () => {
  const created = await at.ask('clerk', 'POST', '/fhir/Patient', patient(canary.number))
  expect(created).toMatchObject({ status: 201, headers: { etag: 'W/"1"' } })
  patientId = created.json.id
  expect(await at.ask('clerk', 'GET', `/fhir/Patient/${patientId}`)).toMatchObject({
    status: 200,
    headers: { etag: 'W/"1"', 'content-type': expect.stringContaining('application/fhir+json') },
    json: { id: patientId, birthDate: canary.birthDate, meta: { versionId: '1' } },
  })
  for (const query of [
    `identifier=${encodeURIComponent(`${system}|${canary.number}`)}`,
    `family=${canary.family.toUpperCase()}&birthdate=${canary.birthDate}`,
  ]) {
    const found = await at.ask('clerk', 'GET', `/fhir/Patient?${query}`)
    expect(found.json).toMatchObject({
      type: 'searchset',
      total: 1,
      entry: [{ resource: { id: patientId } }],
    })
  }
  expect(
    (await at.ask('clerk', 'GET', `/fhir/Patient?identifier=${system}%7Cnobody`)).json.total,
  ).toBe(0)
})

test('a film is kept for its patient, and shown', async () => {
  const uploaded = await upload(patientId)
  expect(uploaded).toMatchObject({ status: 201, json: { rows: 300, columns: 260, warnings: [] } })
  filmId = uploaded.json.id
  expect((await at.ask('clerk', 'GET', `/films/${filmId}`)).json).toEqual(uploaded.json)
  for (const _ of ['from the database', 'from the cache']) {
    const rendered = await at.ask('clerk', 'GET', `/films/${filmId}/rendered`)
    expect(rendered).toMatchObject({ status: 200, headers: { 'content-type': 'image/png' } })
  }
  expect((await at.ask('clerk', 'GET', `/fhir/${uploaded.json.imagingStudy}`)).json).toMatchObject({
    subject: { reference: `Patient/${patientId}` },
  })
})

test('a DICOM film is kept too; what in it identifies somebody is named, and so is what differs', async () => {
  const send = async (name: string, birthDate: string): Promise<Asked> =>
    at.ask(
      'clerk',
      'POST',
      `/films?patient=${patientId}`,
      await dicomFilm({ patientId: canary.number, name, birthDate, sex: 'female' }),
      { 'content-type': 'application/dicom' },
    )
  const same = await send(`${canary.family}^Ada`, canary.birthDate)
  expect(same).toMatchObject({ status: 201, json: { modality: 'DX', rows: 200, columns: 180 } })
  expect(same.json.removed).toEqual(
    expect.arrayContaining(['PatientBirthDate', 'PatientID', 'PatientName']),
  )
  expect(same.json.warnings).toEqual([])
  const other = await send('Somebody^Else', '1999-09-09')
  expect(other.json.warnings).toEqual(['name-differs', 'birth-date-differs'])
  expect(Buffer.from(other.body).includes('Somebody')).toBe(false)
})

test('an order leads to a preliminary report by a model that was verified first', async () => {
  const placed = await order(patientId, `ImagingStudy/${filmId}`)
  expect(placed.status).toBe(201)
  const task = await followed(placed.headers['sealward-task'])
  expect(task).toMatchObject({ status: 'completed' })
  reportId = task.output[0].valueReference.reference.replace('DiagnosticReport/', '')
  const { json: result } = await at.ask('clerk', 'GET', `/results/${reportId}`)
  const [image] = at.provider.received
  const logit = logitOf(image ?? new Uint8Array())
  expect(result).toMatchObject({
    report: {
      status: 'preliminary',
      result: [{ reference: `Observation/${result.observation.id}` }],
    },
    observation: { status: 'preliminary', valueQuantity: { value: result.probability } },
    patient: { id: patientId },
    film: { id: filmId },
    operatingPoint: { threshold: 0.5, sensitivity: 0.9, specificity: 0.8 },
    model: { name: 'chest-pneumonia', sha256: 'ab'.repeat(32) },
    modelCard: { limits: ['test'] },
    simulated: true,
    receipt: `/receipts/${reportId}`,
  })
  expect(result.logit).toBe(logit)
  expect(result.evidenceMap).toHaveLength(8)
  const waiting = await at.ask('radiologist', 'GET', '/fhir/DiagnosticReport?status=preliminary')
  expect(waiting.json.entry.map((one: { resource: { id: string } }) => one.resource.id)).toContain(
    reportId,
  )
})

test('what the provider got is pixels, and nothing that tells whose they are', () => {
  expect(at.provider.bodies).toHaveLength(1)
  const [body] = at.provider.bodies
  for (const word of [canary.family, canary.number, canary.birthDate, patientId, filmId]) {
    expect(body?.includes(word)).toBe(false)
  }
  expect(body?.length).toBeLessThan(64 * 64 * 4 + 400)
})

test('the receipt verifies offline, and its openings open it', async () => {
  const receipt = await at.ask('clerk', 'GET', `/receipts/${reportId}`)
  expect(receipt.headers['content-type']).toBe('application/vnd.sealward.receipt+json')
  const { rootSpkiSha256 } = at
  const report = await verifyReceipt(JSON.parse(Buffer.from(receipt.body).toString()), {
    roots: [rootSpkiSha256],
  })
  expect(report).toMatchObject({ ok: true })
  if (!report.ok) return
  const { payload } = report.value
  expect(payload).toMatchObject({
    id: reportId,
    diagnostics: { model: { sha256: 'ab'.repeat(32) } },
  })
  const { json: openings } = await at.ask('clerk', 'GET', `/receipts/${reportId}/openings`)
  for (const name of ['input', 'output', 'report'] as const) {
    const [salt, bytes] = [openings[name].salt, openings[name].bytes].map(
      (text: string) => bytesOfBase64Url(text) ?? new Uint8Array(),
    )
    expect(await saltedDigestOf(salt ?? new Uint8Array(), bytes ?? new Uint8Array())).toBe(
      payload[name].digest,
    )
  }
  expect(floatsOf(bytesOfBase64Url(openings.input.bytes) ?? new Uint8Array())).toHaveLength(64 * 64)
  // A receipt says nothing about whom.
  for (const word of [canary.family, canary.number, patientId]) {
    expect(Buffer.from(receipt.body).includes(word)).toBe(false)
  }
})

test('a clerk may not sign', async () => {
  const refused = await at.ask('clerk', 'POST', `/fhir/DiagnosticReport/${reportId}/$sign`, {})
  expect(refused.status).toBe(403)
  expect(codeOf(refused)).toBe('role-insufficient')
  expect((await at.ask('clerk', 'GET', `/fhir/DiagnosticReport/${reportId}`)).json.status).toBe(
    'preliminary',
  )
})

test('of two radiologists who sign at once one signs, and the report is final once', async () => {
  const conclusion = 'No focal consolidation.'
  const outcomes = await Promise.all(
    [1, 2].map(() =>
      at.ask('radiologist', 'POST', `/fhir/DiagnosticReport/${reportId}/$sign`, { conclusion }),
    ),
  )
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([200, 409]))
  expect(outcomes.map(codeOf)).toContain('already-final')
  const { json: result } = await at.ask('clerk', 'GET', `/results/${reportId}`)
  expect(result).toMatchObject({
    report: {
      status: 'final',
      conclusion,
      resultsInterpreter: [{ display: 'Name of radiologist' }],
    },
    observation: { status: 'final' },
  })
  const provenance = await at.ask(
    'clerk',
    'GET',
    `/fhir/Provenance?target=DiagnosticReport/${reportId}`,
  )
  expect(provenance.json.total).toBe(2)
  expect(result.report).not.toHaveProperty('conclusionCode')
  const again = await at.ask('radiologist', 'POST', `/fhir/DiagnosticReport/${reportId}/$sign`)
  expect(again.status).toBe(409)
})

test('whoever lost the answer to a signature sends it again with its key, and learns that the report is theirs', async () => {
  const reports: string[] = []
  for (const _ of [1, 2]) {
    const placed = await order(patientId, `ImagingStudy/${filmId}`)
    const task = await followed(placed.headers['sealward-task'])
    reports.push(task.output[0].valueReference.reference)
  }
  const key = { 'idempotency-key': randomBytes(16).toString('hex') }
  const sign = (report = reports[0]): Promise<Asked> =>
    at.ask('radiologist', 'POST', `/fhir/${report}/$sign`, { conclusion: 'Clear.' }, key)
  const first = await sign()
  expect(first).toMatchObject({ status: 200, json: { status: 'final', conclusion: 'Clear.' } })
  expect(await sign()).toEqual(first)
  // Nobody else has the answer with it.
  const ofAnother = await at.ask(
    'clerk',
    'POST',
    `/fhir/${reports[0]}/$sign`,
    { conclusion: 'Clear.' },
    key,
  )
  expect(ofAnother.status).toBe(403)
  // The key of one report signs no other.
  expect(codeOf(await sign(reports[1]))).toBe('idempotency-key-reused')
})

test('a registration that comes again with its key is answered as before', async () => {
  const key = { 'idempotency-key': randomBytes(16).toString('hex') }
  const patient = {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:oid:2.999.1', value: randomBytes(8).toString('hex') }],
    name: [{ family: 'Twice', given: ['Ada'] }],
    gender: 'female',
    birthDate: '2019-03-02',
  }
  const send = (more: Readonly<Record<string, string>> = {}): Promise<Asked> =>
    at.ask('clerk', 'POST', '/fhir/Patient', patient, { ...key, ...more })
  const first = await send()
  expect(first.status).toBe(201)
  expect(await send()).toEqual(first)
  // On another condition it is another request.
  const condition = {
    'if-none-exist': `identifier=urn:oid:2.999.1|${randomBytes(8).toString('hex')}`,
  }
  expect(codeOf(await send(condition))).toBe('idempotency-key-reused')
})

test('a registration that comes again after its patient was erased brings nobody back', async () => {
  const number = randomBytes(8).toString('hex')
  const key = { 'idempotency-key': randomBytes(16).toString('hex') }
  const send = (): Promise<Asked> => at.ask('clerk', 'POST', '/fhir/Patient', patient(number), key)
  const { json: created } = await send()
  const erased = await at.ask('privacy-officer', 'POST', `/fhir/Patient/${created.id}/$erase`, {
    reason: 'asked for',
  })
  expect(erased.status).toBe(200)
  expect(codeOf(await send())).toBe('not-found')
  const identifier = encodeURIComponent(`${system}|${number}`)
  const found = await at.ask('clerk', 'GET', `/fhir/Patient?identifier=${identifier}`)
  expect(found.json.entry ?? []).toEqual([])
})

test('a report that is signed without a conclusion says what the model read, and no more', async () => {
  const placed = await order(patientId, `ImagingStudy/${filmId}`)
  const task = await followed(placed.headers['sealward-task'])
  const { reference } = task.output[0].valueReference
  const { json: signed } = await at.ask('radiologist', 'POST', `/fhir/${reference}/$sign`)
  expect(signed).toMatchObject({
    status: 'final',
    conclusion: expect.stringMatching(/^The model reads (no )?signs of pneumonia\.$/),
    conclusionCode: [{ coding: [{ code: expect.stringMatching(/^model-(posi|nega)tive$/) }] }],
  })
})

test('who did what to the patient is on record', async () => {
  const { json } = await at.ask('clerk', 'GET', `/fhir/AuditEvent?entity=Patient/${patientId}`)
  const events: { agent: { who: { display: string } }[]; subtype: { code: string }[] }[] =
    json.entry.map((one: { resource: unknown }) => one.resource)
  const done = new Set(
    events.map(({ agent, subtype }) => `${agent[0]?.who.display} ${subtype[0]?.code}`),
  )
  expect([...done]).toEqual(
    expect.arrayContaining([
      'Name of clerk create',
      'Name of clerk read',
      'Name of clerk search-type',
      'Name of radiologist operation',
      'Sealward platform create',
    ]),
  )
})

test('a privacy officer erases a patient, says why, and leaves a trace; nobody else may', async () => {
  const { json: created } = await at.ask('clerk', 'POST', '/fhir/Patient', patient('to be erased'))
  const path = `/fhir/Patient/${created.id}`
  const { json: film } = await upload(created.id)
  const reason = { reason: 'asked for by the patient' }
  expect(await at.ask('radiologist', 'POST', `${path}/$erase`, reason)).toMatchObject({
    status: 403,
  })
  expect(await at.ask('privacy-officer', 'POST', `${path}/$erase`, {})).toMatchObject({
    status: 422,
    json: { issue: [{ details: { coding: [{ code: 'reason-missing' }] } }] },
  })
  expect((await at.ask('clerk', 'GET', path)).status).toBe(200)
  for (const _ of ['once', 'again']) {
    expect(await at.ask('privacy-officer', 'POST', `${path}/$erase`, reason)).toMatchObject({
      status: 200,
      json: { erased: `Patient/${created.id}` },
    })
  }
  expect((await at.ask('clerk', 'GET', path)).status).toBe(404)
  expect((await at.ask('clerk', 'GET', `/films/${film.id}/rendered`)).status).toBe(404)
  const identifier = encodeURIComponent(`${system}|to be erased`)
  const found = await at.ask('clerk', 'GET', `/fhir/Patient?identifier=${identifier}`)
  expect(found.json.total).toBe(0)
  const { json } = await at.ask('clerk', 'GET', `/fhir/AuditEvent?entity=Patient/${created.id}`)
  const events: { agent: { who: { display: string } }[]; subtype: { code: string }[] }[] =
    json.entry.map((one: { resource: unknown }) => one.resource)
  expect(events.map(({ agent, subtype }) => [agent[0]?.who.display, subtype[0]?.code])).toEqual([
    ['Name of privacy-officer', 'delete'],
    ['Name of privacy-officer', 'delete'],
  ])
})

test('whom the platform works with is told as it was verified', async () => {
  const { json } = await at.ask('clerk', 'GET', '/trust')
  expect(json).toMatchObject({
    platform: { simulated: true, tcbStatus: 'UpToDate' },
    peers: [
      { role: 'cache-gateway', store: 'in-process', tokenExpires: expect.any(Number) },
      { role: 'diagnostics', model: { sha256: 'ab'.repeat(32) }, tokenExpires: expect.any(Number) },
    ],
    refused: [],
  })
})

test('the capabilities are FHIR R4', async () => {
  const { json } = await at.ask('clerk', 'GET', '/fhir/metadata')
  expect(json).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' })
})

// What is refused.

test.each<[string, string, string, unknown, number, string]>([
  [
    'an invalid resource',
    'POST',
    '/fhir/Patient',
    patient('x1', { gender: 'xyz' }),
    422,
    'resource-invalid',
  ],
  [
    'another resource',
    'POST',
    '/fhir/Patient',
    { resourceType: 'Device' },
    422,
    'wrong-resource-type',
  ],
  ['too much', 'POST', '/fhir/Patient', new Uint8Array(resourceBytesMax + 1), 413, 'too-large'],
  [
    'as much as may be, of nothing',
    'POST',
    '/fhir/Patient',
    new Uint8Array(resourceBytesMax),
    400,
    'body-malformed',
  ],
  ['no JSON', 'POST', '/fhir/Patient', utf8Of('{'), 400, 'body-malformed'],
  ['two of one name', 'POST', '/fhir/Patient', utf8Of('{"a":1,"a":2}'), 400, 'body-malformed'],
  [
    'a number that is taken',
    'POST',
    '/fhir/Patient',
    patient(canary.number),
    409,
    'identifier-in-use',
  ],
  ['a patient who is not there', 'GET', '/fhir/Patient/none', undefined, 404, 'not-found'],
  ['an id that is none', 'GET', '/fhir/Patient/%00', undefined, 404, 'not-found'],
  ['a search by name alone', 'GET', '/fhir/Patient?family=x', undefined, 400, 'search-unsupported'],
  ['a search by nothing', 'GET', '/fhir/DiagnosticReport', undefined, 400, 'search-unsupported'],
  ['a resource that is not offered', 'GET', '/fhir/Medication/1', undefined, 404, 'not-found'],
  ['a film that is not there', 'GET', '/films/none', undefined, 404, 'not-found'],
  ['a receipt that is not there', 'GET', '/receipts/none', undefined, 404, 'not-found'],
  ['a result that is not there', 'GET', '/results/none', undefined, 404, 'not-found'],
])('%s is refused with its code', async (_, method, path, body, status, code) => {
  const refused = await at.ask('clerk', method, path, body)
  expect([refused.status, codeOf(refused)]).toEqual([status, code])
})

test.each<[string, () => Uint8Array, string, number, string]>([
  ['nothing', () => new Uint8Array(), 'image/png', 400, 'film-empty'],
  ['no picture', () => utf8Of('hello'), 'image/png', 422, 'unknown-format'],
  [
    'a picture under another name',
    () => pngFilm(300, 260, 9),
    'image/jpeg',
    422,
    'content-type-differs',
  ],
  ['a text', () => utf8Of('hello'), 'text/plain', 415, 'unsupported-media-type'],
  [
    'half a picture',
    () => pngFilm(300, 260, 9).subarray(0, 60),
    'image/png',
    422,
    'truncated-pixels',
  ],
  ['a picture that is too small', () => pngFilm(60, 60, 9), 'image/png', 422, 'too-small'],
  ['a stripe', () => pngFilm(200, 900, 9), 'image/png', 422, 'not-a-chest-radiograph'],
])('%s is no film, and refused with its code', async (_, bytes, type, status, code) => {
  const refused = await at.ask('clerk', 'POST', `/films?patient=${patientId}`, bytes(), {
    'content-type': type,
  })
  expect([refused.status, codeOf(refused)]).toEqual([status, code])
})

test('a film for a patient who is not there is refused', async () => {
  const refused = await upload('nobody')
  expect([refused.status, codeOf(refused)]).toEqual([422, 'reference-unknown'])
})

test('an update from an old version is refused, and from the newest it is made', async () => {
  const id = await register()
  const read = await at.ask('clerk', 'GET', `/fhir/Patient/${id}`)
  const changed = { ...read.json, active: true }
  const put = (ifMatch: string): Promise<Asked> =>
    at.ask('clerk', 'PUT', `/fhir/Patient/${id}`, changed, { 'if-match': ifMatch })
  expect(codeOf(await put('W/"9"'))).toBe('version-conflict')
  expect(await put('W/"1"')).toMatchObject({ status: 200, headers: { etag: 'W/"2"' } })
  expect((await put('W/"1"')).status).toBe(412)
  expect((await at.ask('clerk', 'GET', `/fhir/Patient/${id}`)).json.active).toBe(true)
})

test('a number taken over from another patient is refused, and of two at once one gets it', async () => {
  const id = await register()
  const { json } = await at.ask('clerk', 'GET', `/fhir/Patient/${id}`)
  const taken = { ...json, identifier: [{ system, value: canary.number }] }
  expect(codeOf(await at.ask('clerk', 'PUT', `/fhir/Patient/${id}`, taken))).toBe(
    'identifier-in-use',
  )
  const twice = await Promise.all(
    [1, 2].map(() => at.ask('clerk', 'POST', '/fhir/Patient', patient('twin-number'))),
  )
  expect(new Set(twice.map(({ status }) => status))).toEqual(new Set([201, 409]))
})

test('a create on condition gives the patient who is there', async () => {
  const condition = { 'if-none-exist': `identifier=${system}|${canary.number}` }
  const found = await at.ask('clerk', 'POST', '/fhir/Patient', patient(canary.number), condition)
  expect(found).toMatchObject({ status: 200, json: { id: patientId } })
})

test('nobody gets anything without a token, or with one of another audience', async () => {
  const without = await at.ask(undefined, 'GET', `/fhir/Patient/${patientId}`)
  expect([without.status, codeOf(without)]).toEqual([401, 'token-missing'])
  const foreign = await at.token({ aud: 'urn:other' })
  const refused = await at.ask(undefined, 'GET', '/me', undefined, {
    authorization: `Bearer ${foreign}`,
  })
  expect([refused.status, codeOf(refused)]).toEqual([401, 'token-refused'])
  const janitor = await at.token({ roles: ['janitor'] })
  const roleless = await at.ask(undefined, 'GET', '/me', undefined, {
    authorization: `Bearer ${janitor}`,
  })
  expect([roleless.status, codeOf(roleless)]).toEqual([403, 'role-missing'])
})

test('an order for the study of somebody else is refused', async () => {
  const stranger = await register()
  const refused = await order(stranger, `ImagingStudy/${filmId}`)
  expect([refused.status, codeOf(refused)]).toEqual([422, 'reference-unknown'])
})

test.each<[Fault, string]>([
  ['gate-refuses', 'not-a-chest-radiograph'],
  ['statement-of-another-input', 'statement-mismatch'],
  ['statement-of-another-output', 'statement-mismatch'],
  ['statement-of-another-model', 'statement-mismatch'],
  ['statement-by-a-stranger', 'statement-signature'],
  ['signed-something-else', 'statement-malformed'],
  ['incoherent-map', 'answer-malformed'],
])('with the fault %s the task fails as %s, and there is no report', async (fault, code) => {
  const id = await register()
  const { json: uploaded } = await upload(id)
  at.provider.fault = fault
  try {
    const placed = await order(id, uploaded.imagingStudy)
    const task = await followed(placed.headers['sealward-task'])
    expect(task).toMatchObject({ status: 'failed', statusReason: { coding: [{ code }] } })
    expect(task.output).toBeUndefined()
    const reports = await at.ask('clerk', 'GET', `/fhir/DiagnosticReport?subject=Patient/${id}`)
    expect(reports.json.total).toBe(0)
  } finally {
    at.provider.fault = undefined
  }
})

test('an order outlives a provider that is away for a moment', async () => {
  const id = await register()
  const { json: uploaded } = await upload(id)
  at.provider.fault = 'unavailable-once'
  const placed = await order(id, uploaded.imagingStudy)
  expect(await followed(placed.headers['sealward-task'])).toMatchObject({ status: 'completed' })
  expect(at.provider.fault).toBeUndefined()
})

test('an order that two work on at once, as when one was only believed dead, has one result', async () => {
  const id = await register()
  const { json: uploaded } = await upload(id)
  at.provider.fault = 'unavailable'
  const { headers } = await order(id, uploaded.imagingStudy)
  const task = headers['sealward-task'] ?? ''
  await expect
    .poll(async () => (await at.ask('clerk', 'GET', `/fhir/${task}`)).json.status)
    .toBe('in-progress')
  const [job] = await at.postgres.run(
    `select data from sealward_queue.job where name = 'orders' order by created_on desc limit 1`,
  )
  const boss = new PgBoss({
    connectionString: at.postgres.url,
    schema: 'sealward_queue',
    supervise: false,
    schedule: false,
  })
  const holder = new Client({ connectionString: at.postgres.url })
  await Promise.all([boss.start(), holder.connect()])
  try {
    // Both come as far as the write, and no further.
    await holder.query('begin')
    await holder.query(`select from sealward.record where type = 'Task' and id = $1 for update`, [
      task.slice('Task/'.length),
    ])
    const before = at.provider.bodies.length
    await boss.send('orders', job?.['data'] as object)
    at.provider.fault = undefined
    await expect.poll(() => at.provider.bodies.length, { timeout: 15_000 }).toBe(before + 2)
    await sleep(200)
  } finally {
    at.provider.fault = undefined
    await holder.end()
    await boss.stop({ graceful: false })
  }
  expect(await followed(task)).toMatchObject({ status: 'completed' })
  // Whoever came second tries again, and finds nothing left to do.
  const open = `select from sealward_queue.job where name = 'orders' and state in ('created', 'retry', 'active')`
  await expect.poll(() => at.postgres.run(open), { timeout: 20_000 }).toHaveLength(0)
  for (const type of ['DiagnosticReport', 'Observation']) {
    const { json } = await at.ask('clerk', 'GET', `/fhir/${type}?subject=Patient/${id}`)
    expect(json.total).toBe(1)
  }
  expect(await at.ask('clerk', 'GET', `/fhir/${task}`)).toMatchObject({
    json: { status: 'completed' },
  })
}, 40_000)

test.each<[Replacement, string]>([
  ['another-build', 'measurement'],
  ['another-model', 'model'],
  ['another-deployment', 'wrong-deployment'],
  ['another-configuration', 'configuration'],
  ['a-debug-enclave', 'debug'],
])('%s in the place of the provider gets no pixel, and the task fails as %s', async (by, code) => {
  const id = await register()
  const { json: uploaded } = await upload(id)
  await at.replaceProvider(by)
  const placed = await order(id, uploaded.imagingStudy)
  const task = await followed(placed.headers['sealward-task'])
  expect(task).toMatchObject({ status: 'failed', statusReason: { coding: [{ code }] } })
  expect(at.provider.bodies).toEqual([])
  const { json } = await at.ask('clerk', 'GET', '/trust')
  expect(json.refused).toContainEqual({ role: 'diagnostics', code })
})

test('the provider itself, started anew with new keys, is verified again and works', async () => {
  await at.replaceProvider('itself')
  const id = await register()
  const { json: uploaded } = await upload(id)
  const placed = await order(id, uploaded.imagingStudy)
  expect(await followed(placed.headers['sealward-task'])).toMatchObject({ status: 'completed' })
})

test('everything that is written meets FHIR R4', async () => {
  const types = ['DiagnosticReport', 'ImagingStudy', 'Observation', 'ServiceRequest'] as const
  const bundles = await Promise.all([
    ...types.map((type) => at.ask('clerk', 'GET', `/fhir/${type}?subject=Patient/${patientId}`)),
    at.ask('clerk', 'GET', `/fhir/AuditEvent?entity=Patient/${patientId}`),
    at.ask('clerk', 'GET', `/fhir/Provenance?target=DiagnosticReport/${reportId}`),
  ])
  const resources: Resource[] = bundles.flatMap(({ json }) => [
    json,
    ...json.entry.map((one: { resource: Resource }) => one.resource),
  ])
  const report = resources.find(({ id }) => id === reportId) as DiagnosticReport
  const order = report.basedOn?.[0]?.reference
  const tasks = await at.ask('clerk', 'GET', `/fhir/Task?focus=${order}`)
  const device = await at.ask('clerk', 'GET', `/fhir/Device/model-${'ab'.repeat(16)}`)
  const metadata = await at.ask('clerk', 'GET', '/fhir/metadata')
  const refused = await at.ask('clerk', 'GET', '/fhir/Patient/none')
  resources.push(tasks.json, tasks.json.entry[0].resource, device.json, metadata.json, refused.json)
  const seen = new Set(resources.map(({ resourceType }) => resourceType))
  expect(seen.size).toBeGreaterThanOrEqual(11)
  for (const resource of resources) {
    expect([resource.resourceType, parseResource(resource.resourceType, resource)]).toEqual([
      resource.resourceType,
      { ok: true, value: resource },
    ])
  }
})

test('a film, and an order, that come again with their key are done once, and answered as before', async () => {
  const id = await register()
  const key = { 'content-type': 'image/png', 'idempotency-key': randomBytes(16).toString('hex') }
  const send = (value = 150, headers: Record<string, string> = key): Promise<Asked> =>
    at.ask('clerk', 'POST', `/films?patient=${id}`, pngFilm(300, 260, value), headers)
  const answers = await Promise.all([send(), send(), send()])
  answers.push(await send())
  const [first] = answers
  expect(first?.status).toBe(201)
  for (const answer of answers) expect(answer).toEqual(first)
  const studies = await at.ask('clerk', 'GET', `/fhir/ImagingStudy?subject=Patient/${id}`)
  expect(studies.json.total).toBe(1)
  expect(codeOf(await send(151))).toBe('idempotency-key-reused')
  expect(codeOf(await send(150, { ...key, 'idempotency-key': 'short' }))).toBe(
    'idempotency-key-malformed',
  )
  // Somebody else's key is somebody else's.
  const by = await at.ask(
    'radiologist',
    'POST',
    `/films?patient=${id}`,
    pngFilm(300, 260, 150),
    key,
  )
  expect(by.json.id).not.toBe(first?.json.id)

  const place = (): Promise<Asked> =>
    at.ask(
      'clerk',
      'POST',
      '/fhir/ServiceRequest',
      {
        resourceType: 'ServiceRequest',
        subject: { reference: `Patient/${id}` },
        supportingInfo: [{ reference: first?.json.imagingStudy }],
      },
      { 'idempotency-key': `"${randomKey}"` },
    )
  const randomKey = randomBytes(16).toString('hex')
  const orders = await Promise.all([place(), place()])
  expect(orders[0]).toMatchObject({ status: 201 })
  expect(orders[1]).toEqual(orders[0])
  await followed(orders[0]?.headers['sealward-task'])
  const placed = await at.ask('clerk', 'GET', `/fhir/ServiceRequest?subject=Patient/${id}`)
  expect(placed.json.total).toBe(1)
})

test('a request with a key that failed may be sent again', async () => {
  const id = await register()
  const key = { 'content-type': 'image/png', 'idempotency-key': randomBytes(16).toString('hex') }
  const send = (): Promise<Asked> =>
    at.ask('clerk', 'POST', `/films?patient=${id}`, pngFilm(300, 260, 90), key)
  await at.postgres.run('alter table sealward.look_up rename to elsewhere')
  const broken = await send()
  await at.postgres.run('alter table sealward.elsewhere rename to look_up')
  expect([broken.status, (await send()).status]).toEqual([500, 201])
})

// Outside the sealed channel.

const post = (path: string, body: Uint8Array | string, type: string): Promise<Response> =>
  fetch(at.platformUrl + path, {
    method: 'POST',
    headers: { 'content-type': type },
    body: Buffer.from(body),
  })

const outerCode = async (response: Response): Promise<string> =>
  ((await response.json()) as { type: string }).type.replace('urn:sealward:problem:', '')

test('outside the sealed channel nothing else is reachable', async () => {
  for (const path of [
    '/me',
    `/fhir/Patient/${patientId}`,
    '/films',
    '/trust',
    '/metrics',
    '/fhir/metadata',
  ]) {
    const bearer = await at.token({})
    const response = await fetch(at.platformUrl + path, {
      headers: { authorization: `Bearer ${bearer}` },
    })
    expect([path, response.status]).toEqual([path, 404])
  }
  expect((await fetch(`${at.platformUrl}/healthz`)).status).toBe(200)
})

test('a nonce that is not 32 bytes gets no evidence', async () => {
  for (const nonce of ['', 'AAAA', 7, undefined]) {
    const response = await post('/evidence', JSON.stringify({ nonce }), 'application/json')
    expect([response.status, await outerCode(response)]).toEqual([400, 'malformed'])
  }
})

test('a message to a key that is not ours asks for a new verification', async () => {
  const { config } = await generateKeyConfig({ keyId: 3, random })
  for (const keyId of [3, 4, 200]) {
    const response = await post('/sealed', await sealed({ ...config, keyId }), 'message/ohttp-req')
    expect([response.status, await outerCode(response)]).toEqual([422, 'stale-key'])
  }
})

test('a message is taken once', async () => {
  const { peer } = await at.channel()
  // MLKEM768-X25519, X25519 and P-256.
  expect(peer.keyConfigs.map(({ kem }) => kem)).toEqual([0x647a, 0x0020, 0x0010])
  for (const config of peer.keyConfigs) {
    const message = await sealed(config)
    expect((await post('/sealed', message, 'message/ohttp-req')).status).toBe(200)
    const again = await post('/sealed', message, 'message/ohttp-req')
    expect([again.status, await outerCode(again)]).toEqual([409, 'replayed'])
  }
})

test('garbage is refused, whatever it is', async () => {
  for (const body of [new Uint8Array(), new Uint8Array(7), randomBytes(100)]) {
    const response = await post('/sealed', body, 'message/ohttp-req')
    expect([400, 422]).toContain(response.status)
  }
  expect((await post('/sealed', '{}', 'application/json')).status).toBe(415)
})

async function sealed(config: KeyConfig): Promise<Uint8Array> {
  const request = encodeRequest({
    method: 'GET',
    scheme: 'https',
    authority: 'platform',
    path: '/me',
    headers: [],
    body: new Uint8Array(),
  })
  const message = await sealRequest({ config, request, random })
  if (!message.ok) throw new Error(message.problem.code)
  return message.value.message
}

// What is left behind.

test('without the cache the database answers, and it is said once', async () => {
  await at.stopGateway()
  for (const _ of [1, 2, 3]) {
    expect((await at.ask('clerk', 'GET', `/fhir/Patient/${patientId}`)).status).toBe(200)
  }
  expect(at.logged.filter((line) => line.includes('cache-unavailable'))).toHaveLength(1)
  const { json } = await at.ask('clerk', 'GET', '/trust')
  expect(json.refused).toMatchObject([{ role: 'cache-gateway' }])
})

test('no word about a patient is in any log line, table or queue', async () => {
  const logs = Buffer.from(at.logged.join('\n'))
  const tables = await at.postgres.everything()
  expect(logs.length).toBeGreaterThan(5000)
  expect(logs.includes('/fhir/Patient/:id')).toBe(true)
  // The id of a record is in the tables, so the scan would find what it looks for.
  expect(tables.includes(filmId)).toBe(true)
  for (const word of [
    canary.family,
    canary.family.toLowerCase(),
    canary.number,
    canary.birthDate,
    'No focal',
  ]) {
    for (const form of [
      word,
      Buffer.from(word).toString('hex'),
      Buffer.from(word).toString('base64').slice(0, -4),
    ]) {
      expect([form, tables.includes(form), logs.includes(form)]).toEqual([form, false, false])
    }
  }
  for (const id of [patientId, filmId, reportId]) expect(logs.includes(id)).toBe(false)
})

test('an error of ours says nothing of what it was about', async () => {
  const before = at.logged.length
  await at.postgres.run('alter table sealward.look_up rename to elsewhere')
  const broken = await at.ask('clerk', 'POST', '/fhir/Patient', patient('MRN-BROKEN-CANARY'))
  await at.postgres.run('alter table sealward.elsewhere rename to look_up')
  expect([broken.status, codeOf(broken)]).toEqual([500, 'broken-program'])
  const lines = at.logged.slice(before).join('\n')
  expect(lines).toContain('request-broken')
  for (const word of ['MRN-BROKEN-CANARY', canary.family, 'look_up'])
    expect(lines).not.toContain(word)
})

test('a stored row that was tampered with is refused, and nothing of it is shown', async () => {
  const [first, second] = [await register(), await register()]
  await at.postgres.run(
    `update sealward.version v set sealed = o.sealed from sealward.version o
     where v.type = 'Patient' and o.type = 'Patient' and v.id = $1 and o.id = $2`,
    [first, second],
  )
  const refused = await at.ask('clerk', 'GET', `/fhir/Patient/${first}`)
  expect([refused.status, codeOf(refused)]).toEqual([500, 'record-refused'])
})

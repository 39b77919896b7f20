import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Deployment, startDeployment } from './testing/deployment.fixtures.ts'
import { pngFilm } from './testing/film.fixtures.ts'

const shared = process.env['SEALWARD_SHARED'] ?? join(import.meta.dirname, '../../../../shared')
const folder = join(shared, 'imaging/dicom/cxr-encodings-a')
/** Encodings that keep every pixel, one to the other. */
const lossless =
  /^(deflated|evbe|evle|ivle|j2k-lossless|jpegll-p14-sv6|jpegll-sv1|jpegls|mono1|palette|rgb|rle)\.dcm$/
const films = existsSync(folder) ? readdirSync(folder).filter((name) => lossless.test(name)) : []
process.stdout.write(
  films.length === 0
    ? 'No films: put imaging/ into ../shared, or name its folder in SEALWARD_SHARED.\n'
    : `films of one picture, in lossless encodings: ${films.length}\n`,
)

let at: Deployment

beforeAll(async () => {
  at = await startDeployment('trained')
}, 60_000)

afterAll(() => at?.stop())

async function interpreted(
  patient: string,
  study: string,
): Promise<{ readonly status: string; readonly [name: string]: unknown }> {
  const placed = await at.ask('clerk', 'POST', '/fhir/ServiceRequest', {
    resourceType: 'ServiceRequest',
    subject: { reference: `Patient/${patient}` },
    supportingInfo: [{ reference: study }],
  })
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 50) {
    const { json } = await at.ask('clerk', 'GET', `/fhir/${placed.headers['sealward-task']}`)
    if (json.status === 'completed' || json.status === 'failed') return json
    await sleep(50)
  }
  throw new Error('the task does not end')
}

async function patient(): Promise<string> {
  const { json } = await at.ask('clerk', 'POST', '/fhir/Patient', {
    resourceType: 'Patient',
    name: [{ family: 'Muster' }],
  })
  return json.id
}

test('a white page in the shape of a film is refused by the trained gate, and the task says so', async () => {
  const id = await patient()
  const { json } = await at.ask('clerk', 'POST', `/films?patient=${id}`, pngFilm(300, 260, 255), {
    'content-type': 'image/png',
  })
  expect(await interpreted(id, json.imagingStudy)).toMatchObject({
    status: 'failed',
    statusReason: { coding: [{ code: 'not-a-chest-radiograph' }] },
  })
})

test.skipIf(films.length === 0)(
  'one picture in every lossless encoding gives one probability',
  async () => {
    const id = await patient()
    const probabilities: number[] = []
    for (const name of films) {
      const body = new Uint8Array(readFileSync(join(folder, name)))
      const uploaded = await at.ask('clerk', 'POST', `/films?patient=${id}`, body, {
        'content-type': 'application/dicom',
      })
      expect([name, uploaded.status]).toEqual([name, 201])
      const task = await interpreted(id, uploaded.json.imagingStudy)
      const [output] = task['output'] as { valueReference: { reference: string } }[]
      const report = output?.valueReference.reference.replace('DiagnosticReport/', '')
      const { json } = await at.ask('clerk', 'GET', `/results/${report}`)
      probabilities.push(json.probability)
    }
    expect(probabilities).toHaveLength(films.length)
    expect(Math.max(...probabilities) - Math.min(...probabilities)).toBeLessThan(1e-4)
  },
  60_000,
)

import { base64UrlOf, concat, utf8Of } from '@sealward/attestation/bytes'
import { saltedDigestOf, verifyStatement } from '@sealward/attestation/receipt'
import { type AttestedResponse, connectAttested } from '@sealward/enclave/attested-tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Fixture, startFixture, syntheticFilm } from './app.fixtures.ts'
import { limits } from './limits.ts'
import { floatBytes, floatsOf } from './oip/tensors.ts'
import { readTrainedModel } from './testing/trained-model.fixtures.ts'

const model = readTrainedModel()
const path = '/v2/models/chest-pneumonia'
let at: Fixture
let film: Float32Array

beforeAll(async () => {
  at = await startFixture()
  film = await syntheticFilm(1)
}, 30_000)
afterAll(() => at?.close())

interface Asked {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what they get.
  readonly json: any
}

async function ask(
  method: 'GET' | 'POST',
  where: string,
  body?: Uint8Array | string,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  client = at.client(),
): Promise<Asked> {
  const request = { method, path: where, ...(body === undefined ? {} : { body, headers }) }
  const response = await client.request(request)
  if (!response.ok) throw new Error(response.problem.code)
  return asked(response.value)
}

function asked({ status, headers, body }: AttestedResponse): Asked {
  const length = headers['inference-header-content-length']
  const text = new TextDecoder().decode(
    length === undefined ? body : body.subarray(0, Number(length)),
  )
  return { status, headers, body, json: text === '' ? undefined : JSON.parse(text) }
}

function jsonRequest(image: ArrayLike<number>, more: object = {}): string {
  const tensor = { name: 'image', datatype: 'FP32', shape: [1, 1, 64, 64], data: Array.from(image) }
  return JSON.stringify({ id: 'r-1', inputs: [tensor], ...more })
}

const salts = { input: new Uint8Array(32).fill(1), output: new Uint8Array(32).fill(2) }

function binaryRequest(image: ArrayLike<number>): {
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
} {
  const head = utf8Of(
    JSON.stringify({
      id: 'r-2',
      parameters: {
        binary_data_output: true,
        input_salt: base64UrlOf(salts.input),
        output_salt: base64UrlOf(salts.output),
      },
      inputs: [
        {
          name: 'image',
          datatype: 'FP32',
          shape: [1, 1, 64, 64],
          parameters: { binary_data_size: 16_384 },
        },
      ],
    }),
  )
  return {
    body: concat(head, floatBytes(image)),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
  }
}

test('whoever connects knows the model before anything is sent', async () => {
  const answer = await at.client().request({ method: 'GET', path: '/v2' })
  if (!answer.ok) throw new Error(answer.problem.code)
  expect(answer.value.session.peer).toMatchObject({
    role: 'diagnostics',
    runtimeData: { model: { sha256: model.sha256 } },
  })
})

test('metadata of server and model are those of the protocol', async () => {
  expect((await ask('GET', '/v2')).json).toMatchObject({ name: 'sealward-diagnostics' })
  expect(await ask('GET', '/v2/health/live')).toMatchObject({ status: 200, json: { live: true } })
  expect(await ask('GET', '/v2/health/ready')).toMatchObject({ status: 200, json: { ready: true } })
  expect((await ask('GET', path)).json).toEqual({
    name: 'chest-pneumonia',
    versions: ['1'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 64, 64] }],
    outputs: [
      { name: 'probability', datatype: 'FP32', shape: [1, 1] },
      { name: 'logit', datatype: 'FP32', shape: [1, 1] },
      { name: 'evidence_map', datatype: 'FP32', shape: [1, 1, 8, 8] },
      { name: 'gate', datatype: 'FP32', shape: [1, 1] },
    ],
  })
  expect((await ask('GET', `${path}/versions/1/ready`)).json).toEqual({
    name: 'chest-pneumonia',
    ready: true,
  })
})

test('the card is that of the served model', async () => {
  const { json } = await ask('GET', `${path}/card`)
  expect(json.model.sha256).toBe(model.sha256)
  expect(json.operatingPoint.threshold).toBeGreaterThan(0)
})

test('a film in JSON is read, and the mean of the map is the logit', async () => {
  const { status, json } = await ask('POST', `${path}/infer`, jsonRequest(film))
  expect(status).toBe(200)
  expect(json).toMatchObject({ model_name: 'chest-pneumonia', model_version: '1', id: 'r-1' })
  const output = (name: string): number[] =>
    json.outputs.find((tensor: { name: string }) => tensor.name === name).data
  expect(output('probability')[0]).toBeGreaterThan(0.9)
  expect(output('evidence_map').reduce((sum, cell) => sum + cell, 0) / 64).toBeCloseTo(
    output('logit')[0] as number,
    4,
  )
})

test('a film as raw bytes gives the same reading, as raw bytes', async () => {
  const fromJson = (await ask('POST', `${path}/infer`, jsonRequest(film))).json
  const { body, headers } = binaryRequest(film)
  const answer = await ask('POST', `${path}/infer`, body, headers)
  expect(answer.headers['content-type']).toBe('application/octet-stream')
  let offset = Number(answer.headers['inference-header-content-length'])
  for (const [index, tensor] of answer.json.outputs.entries()) {
    const size = tensor.parameters.binary_data_size
    const numbers = floatsOf(answer.body.subarray(offset, offset + size))
    expect(Array.from(numbers)).toEqual(fromJson.outputs[index].data)
    offset += size
  }
  expect(offset).toBe(answer.body.length)
})

test('the statement is signed by the attested key over exactly these pixels and this reading', async () => {
  const { body, headers } = binaryRequest(film)
  const { json, body: raw } = await ask('POST', `${path}/infer`, body, headers)
  const statement = await verifyStatement(json.parameters.statement, at.provider.publicJwk)
  if (!statement.ok) throw new Error(statement.problem.code)
  const tensor = (name: string): Uint8Array => {
    let offset = utf8Of(JSON.stringify(json)).length
    for (const output of json.outputs) {
      const end = offset + output.parameters.binary_data_size
      if (output.name === name) return raw.subarray(offset, end)
      offset = end
    }
    throw new Error(name)
  }
  expect(statement.value).toMatchObject({
    deployment: at.provider.deployment,
    role: 'diagnostics',
    model: { name: 'chest-pneumonia', version: '1', sha256: model.sha256 },
    requestId: 'r-2',
    input: await saltedDigestOf(salts.input, floatBytes(film)),
    output: await saltedDigestOf(
      salts.output,
      concat(tensor('logit'), tensor('probability'), tensor('evidence_map')),
    ),
  })
  expect(
    await verifyStatement(json.parameters.statement, at.platform.identity.publicJwk),
  ).toMatchObject({
    problem: { code: 'statement-signature' },
  })
})

test('no statement is made without salts, and a salt of another length is refused', async () => {
  const { json } = await ask('POST', `${path}/infer`, jsonRequest(film))
  expect(json.parameters).toBeUndefined()
  for (const parameters of [
    { input_salt: base64UrlOf(salts.input) },
    { input_salt: 'AAAA', output_salt: 'AAAA' },
  ]) {
    const answer = await ask('POST', `${path}/infer`, jsonRequest(film, { parameters }))
    expect(answer.status).toBe(400)
  }
})

test('a request without an id gets one', async () => {
  const request = jsonRequest(film, { id: undefined })
  const { json } = await ask('POST', `${path}/infer`, request)
  expect(json.id).toMatch(/^[A-Za-z0-9_-]{22}$/)
})

test('only the outputs that were asked for come back, in that order', async () => {
  const request = jsonRequest(film, { outputs: [{ name: 'logit' }, { name: 'probability' }] })
  const { json } = await ask('POST', `${path}/infer`, request)
  expect(json.outputs.map(({ name }: { name: string }) => name)).toEqual(['logit', 'probability'])
})

test('what is no chest film is refused, and no reading of it gets out', async () => {
  const board = Float32Array.from({ length: 4096 }, (_, index) => (index >> 3) & 1)
  const answer = await ask('POST', `${path}/infer`, jsonRequest(board))
  expect(answer).toMatchObject({ status: 422, json: { code: 'not-a-chest-radiograph' } })
  expect(answer.json.error).toEqual(expect.any(String))
  expect(answer.json.outputs).toBeUndefined()
})

test('refusals have a status, a sentence and a code', async () => {
  const refusals = [
    [await ask('POST', `${path}/infer`, '{'), 400, 'json-malformed'],
    [await ask('POST', `${path}/infer`, jsonRequest(film.subarray(1))), 400, 'tensor-size'],
    [await ask('POST', `${path}/infer`, jsonRequest([...film, 0])), 413, 'tensor-too-large'],
    [
      await ask('POST', `${path}/infer`, ' '.repeat(limits.requestBytesMax + 1)),
      413,
      'body-too-large',
    ],
    [
      await ask('POST', `${path}/infer`, '<x/>', { 'content-type': 'text/xml' }),
      415,
      'media-type-unsupported',
    ],
    [await ask('POST', '/v2/models/other/infer', jsonRequest(film)), 404, 'unknown-model'],
    [await ask('POST', `${path}/versions/2/infer`, jsonRequest(film)), 404, 'unknown-model'],
    [await ask('GET', '/v2/models'), 404, 'not-found'],
  ] as const
  for (const [{ status, json }, expected, code] of refusals) {
    expect({ status, code: json.code }).toEqual({ status: expected, code })
    expect(json.error).toEqual(expect.any(String))
  }
})

test('nothing is given without a token, or with one for somebody else', async () => {
  const elsewhere = at.client({ audience: `${at.provider.deployment}:cache-gateway` })
  const garbage = at.client({ text: 'x.y.z' })
  for (const [client, code] of [
    [elsewhere, 'wrong-audience'],
    [garbage, expect.any(String)],
  ] as const) {
    for (const where of ['/v2', path, `${path}/card`, '/v2/nothing']) {
      const answer = await ask('GET', where, undefined, {}, client)
      expect(answer).toMatchObject({ status: 401, json: { code } })
      expect(answer.headers['www-authenticate']).toContain('Bearer')
    }
  }
  expect(await rawStatus('GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain(
    'HTTP/1.1 401',
  )
})

test('a token is refused on a second connection', async () => {
  const token = await at.passport.accessToken(at.audience, 'interpretation')
  if (!token.ok) throw new Error(token.problem.code)
  const request = `GET /v2 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token.value.token}\r\nconnection: close\r\n\r\n`
  expect(await rawStatus(request)).toContain('HTTP/1.1 200')
  const again = await rawStatus(request)
  expect(again).toContain('HTTP/1.1 401')
  expect(again).toContain('"code":"replayed"')
})

test('the log holds no pixel, no probability and no id of a request', async () => {
  const { json } = await ask('POST', `${path}/infer`, jsonRequest(film, { id: 'study-4711' }))
  const probability = String(json.outputs[0].data[0])
  expect(at.lines.length).toBeGreaterThan(0)
  for (const line of at.lines) {
    expect(line).not.toContain('study-4711')
    expect(line).not.toContain(probability)
  }
})

/** Sends text over attested TLS as the platform, and gives back all that comes. */
async function rawStatus(text: string): Promise<string> {
  const connection = await connectAttested(at.platform.attested, {
    host: '127.0.0.1',
    port: Number(new URL(at.origin).port),
    role: 'diagnostics',
  })
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket } = connection.value
  socket.write(text)
  let received = ''
  for await (const chunk of socket) received += chunk
  return received
}

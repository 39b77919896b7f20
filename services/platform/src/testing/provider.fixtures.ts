import type { TLSSocket } from 'node:tls'
import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { saltedDigestOf } from '@sealward/attestation/receipt'
import type { Admission, AttestedTls } from '@sealward/enclave/attested-tls'
import type { Identity } from '@sealward/enclave/identity'
import { createServer } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { floatBytes, floatsOf } from '../peers/inference.ts'

/** A diagnostic provider whose model is arithmetic, and whose faults are chosen. Attested for real. */
export interface Provider {
  readonly url: string
  /** Tensors that arrived, as they came. */
  readonly received: Uint8Array[]
  /** Bodies that arrived, whole. */
  readonly bodies: Buffer[]
  fault: Fault | undefined
  stop(): Promise<void>
}

export type Fault =
  | 'gate-refuses'
  | 'unavailable-once'
  | 'unavailable'
  | 'statement-of-another-input'
  | 'statement-of-another-output'
  | 'statement-of-another-model'
  | 'statement-by-a-stranger'
  | 'signed-something-else'
  | 'incoherent-map'

/** Mean grey minus one half, times ten: bright films are "positive". */
export const logitOf = (image: Uint8Array): number => {
  const values = floatsOf(image)
  return Math.fround((values.reduce((sum, value) => sum + value, 0) / values.length - 0.5) * 10)
}

export async function startProvider(options: {
  readonly identity: Identity
  readonly attested: AttestedTls
  readonly admission: Admission
  readonly deployment: string
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string }
  /** 0 for any free one. */
  readonly port: number
}): Promise<Provider> {
  const { admission, attested, deployment, identity, model } = options
  const server = createServer({
    name: 'diagnostics',
    logger: createLogger('test', { level: 'silent' }),
    tls: { attested, clients: ['platform'] },
  })
  const { app } = server
  const provider: { fault: Fault | undefined; received: Uint8Array[]; bodies: Buffer[] } = {
    fault: undefined,
    received: [],
    bodies: [],
  }
  app.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  )
  app.addHook('onRequest', async (request, reply) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
    const admitted = await admission.admit(request.raw.socket as TLSSocket, token)
    if (!admitted.ok)
      return reply.code(401).send({ type: `urn:sealward:problem:${admitted.problem.code}` })
  })
  app.get('/v2/models/chest-pneumonia/card', async () => ({
    name: model.name,
    operatingPoint: { threshold: 0.5, sensitivity: 0.9, specificity: 0.8 },
    limits: ['test'],
  }))
  app.post('/v2/models/chest-pneumonia/infer', async (request, reply) => {
    const { fault } = provider
    if (fault === 'unavailable') return reply.code(503).send({ error: 'down' })
    if (fault === 'unavailable-once') {
      provider.fault = undefined
      return reply.code(503).send({ error: 'down' })
    }
    if (fault === 'gate-refuses') {
      return reply.code(422).send({
        error: 'not a chest radiograph',
        type: 'urn:sealward:problem:not-a-chest-radiograph',
      })
    }
    const body = request.body as Buffer
    const length = Number(request.headers['inference-header-content-length'])
    const { id, parameters } = JSON.parse(body.toString('utf8', 0, length)) as {
      id: string
      parameters: { input_salt: string; output_salt: string }
    }
    const image = new Uint8Array(body.subarray(length))
    provider.received.push(image)
    provider.bodies.push(body)
    const logit = logitOf(image)
    const map = floatBytes(
      Array.from(
        { length: 64 },
        (_, index) => logit + (index % 2 === 0 ? 1 : -1) + (fault === 'incoherent-map' ? 1 : 0),
      ),
    )
    const tensors = [
      ['probability', floatBytes([1 / (1 + Math.exp(-logit))])],
      ['logit', floatBytes([logit])],
      ['evidence_map', map],
      ['gate', floatBytes([0.25])],
    ] as const
    const [probability, logitBytes] = [tensors[0][1], tensors[1][1]]
    const signed = new Uint8Array([...logitBytes, ...probability, ...map])
    const digest = (salt: string, bytes: Uint8Array): Promise<string> =>
      saltedDigestOf(bytesOfBase64Url(salt) ?? new Uint8Array(), bytes)
    const jws = await identity.signJws(
      {
        deployment,
        role: 'diagnostics',
        model:
          fault === 'statement-of-another-model' ? { ...model, sha256: 'cd'.repeat(32) } : model,
        requestId: id,
        input: await digest(
          parameters.input_salt,
          fault === 'statement-of-another-input' ? floatBytes([0]) : image,
        ),
        output: await digest(
          parameters.output_salt,
          fault === 'statement-of-another-output' ? floatBytes([0]) : signed,
        ),
        iat: Math.floor(Date.now() / 1000),
      },
      fault === 'signed-something-else' ? 'JWT' : 'sealward-statement+jwt',
    )
    const statement = fault === 'statement-by-a-stranger' ? `${jws.slice(0, -4)}AAAA` : jws
    const head = Buffer.from(
      JSON.stringify({
        model_name: model.name,
        model_version: model.version,
        id,
        parameters: { statement },
        outputs: tensors.map(([name, bytes]) => ({
          name,
          datatype: 'FP32',
          shape: name === 'evidence_map' ? [1, 1, 8, 8] : [1, 1],
          parameters: { binary_data_size: bytes.length },
        })),
      }),
    )
    return reply
      .header('content-type', 'application/octet-stream')
      .header('inference-header-content-length', String(head.length))
      .send(Buffer.concat([head, ...tensors.map(([, bytes]) => bytes)]))
  })
  const { port } = await server.listen(options.port)
  return Object.assign(provider, {
    url: `https://127.0.0.1:${port}`,
    stop: () => server.close(),
  })
}

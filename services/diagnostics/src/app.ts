/**
 * The diagnostic provider: one model, by the Open Inference Protocol v2, for attested peers.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { base64UrlOf, type Problem } from '@sealward/attestation/bytes'
import type { Admission, AttestedTls } from '@sealward/enclave/attested-tls'
import type { Identity } from '@sealward/enclave/identity'
import { type Clock, createServer, type Random, type Server } from '@sealward/enclave/server'
import type { Logger, Metrics } from '@sealward/enclave/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Inference, InferenceCode } from './inference/inference.ts'
import { limits } from './limits.ts'
import { gateMax, type ServedModel } from './model.ts'
import { type InferCode, parseInferRequest } from './oip/infer-request.ts'
import { printInferResponse } from './oip/infer-response.ts'
import { input, outputs } from './oip/tensors.ts'
import { signStatement } from './statement.ts'

export { type DiagnosticsConfig, diagnosticsConfig } from './config.ts'
export { createInference, type Inference } from './inference/inference.ts'
export { limits } from './limits.ts'
export type { ServedModel } from './model.ts'

export interface DiagnosticsDeps {
  readonly identity: Pick<Identity, 'deployment' | 'signJws'>
  readonly attested: AttestedTls
  readonly admission: Admission
  readonly model: ServedModel
  readonly inference: Inference
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics?: Metrics
}

/** The service, not yet listening: attested TLS, and answers for who is admitted. */
export function createDiagnostics(deps: DiagnosticsDeps): Server {
  const server = createServer({
    name: 'diagnostics',
    logger: deps.log,
    tls: { attested: deps.attested, clients: ['platform'] },
    limits: { bodyBytesMax: limits.requestBytesMax },
    healthy: () => deps.inference.ready,
    ...(deps.metrics === undefined ? {} : { metrics: deps.metrics }),
  })
  void server.app.register(async (scope) => inferenceRoutes(scope, deps), { prefix: '/v2' })
  return server
}

/** Everything under `/v2`. */
function inferenceRoutes(scope: FastifyInstance, deps: DiagnosticsDeps): void {
  const { model, inference } = deps
  const served = `/models/:model`
  const versioned = `${served}/versions/:version`
  readBytes(scope, ['application/json', 'application/octet-stream'], limits.requestBytesMax)
  scope.setErrorHandler((error, _request, reply) => failed(deps.log, reply, error))
  scope.setNotFoundHandler((_request, reply) =>
    refused(reply, 404, { code: 'not-found', at: 'path', detail: 'there is nothing here' }),
  )
  scope.addHook('onRequest', async (request, reply) => admit(deps, request, reply))
  scope.addHook('preHandler', async (request, reply) => knownModel(model, request, reply))

  scope.get('/', (_request, reply) => reply.send(serverMetadata))
  scope.get('/health/live', (_request, reply) => reply.send({ live: true }))
  scope.get('/health/ready', (_request, reply) =>
    reply.code(inference.ready ? 200 : 503).send({ live: true, ready: inference.ready }),
  )
  for (const path of [served, versioned]) {
    scope.get(path, (_request, reply) => reply.send(modelMetadata(model)))
    scope.get(`${path}/ready`, (_request, reply) =>
      reply.code(inference.ready ? 200 : 503).send({ name: model.name, ready: inference.ready }),
    )
    scope.get(`${path}/card`, (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(model.card),
    )
    scope.post(`${path}/infer`, (request, reply) => infer(deps, request, reply))
  }
}

const serverMetadata = {
  name: 'sealward-diagnostics',
  version: '0.1.0',
  extensions: ['binary_tensor_data', 'sealward_model_card', 'sealward_statement'],
} as const

function modelMetadata({ name, version }: ServedModel): object {
  return { name, versions: [version], platform: 'onnx_onnxv1', inputs: [input], outputs }
}

async function infer(
  deps: DiagnosticsDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { model, inference, identity } = deps
  const headerLength = request.headers['inference-header-content-length']
  const parsed = parseInferRequest(
    bodyOf(request),
    Array.isArray(headerLength) ? headerLength.join() : headerLength,
  )
  if (!parsed.ok) return refused(reply, statusOf(parsed.problem.code), parsed.problem)
  const { image, outputs: wanted, salts } = parsed.value
  // The worker takes a copy, so that the digest is of what was sent.
  const reading = await inference.read(image)
  if (!reading.ok) return refused(reply, statusOf(reading.problem.code), reading.problem)
  if (!((reading.value.gate[0] ?? Number.NaN) <= gateMax)) {
    return refused(reply, 422, {
      code: 'not-a-chest-radiograph',
      at: 'inputs[0]',
      detail: 'the picture is unlike every frontal chest film that the model has learnt from',
    })
  }
  const id = parsed.value.id ?? base64UrlOf(deps.random.bytes(16))
  const at = deps.clock.now()
  const statement =
    salts && (await signStatement(identity, model, id, image, reading.value, salts, at))
  const { headers, body } = printInferResponse(model, id, wanted, reading.value, statement)
  return reply.headers(headers).send(Buffer.from(body.buffer, body.byteOffset, body.length))
}

/** Nobody is answered whose token was not verified for this very connection. */
async function admit(
  { admission }: DiagnosticsDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const { authorization } = request.headers
  const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined || token.length > limits.tokenBytesMax) {
    return unauthorised(reply, {
      code: 'token-missing',
      at: 'authorization',
      detail: 'a bearer token is expected',
    })
  }
  const admitted = await admission.admit(request.raw.socket as TLSSocket, token)
  if (admitted.ok) return undefined
  return admitted.problem.code === 'attestation-unavailable' ||
    admitted.problem.code === 'deny-list-stale' ||
    admitted.problem.code === 'admission-full'
    ? refused(reply, 503, admitted.problem)
    : unauthorised(reply, admitted.problem)
}

function unauthorised(reply: FastifyReply, problem: Problem): FastifyReply {
  return refused(reply.header('www-authenticate', 'Bearer error="invalid_token"'), 401, problem)
}

async function knownModel(
  { name, version }: ServedModel,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const asked = request.params as Readonly<Record<string, string>>
  if ((asked['model'] ?? name) === name && (asked['version'] ?? version) === version) {
    return undefined
  }
  return refused(reply, 404, {
    code: 'unknown-model',
    at: 'path',
    detail: 'no such model, or no such version of it',
  })
}

type Code = InferCode | InferenceCode

function statusOf(code: Code): number {
  switch (code) {
    case 'busy':
    case 'inference-timed-out':
    case 'stopping':
      return 503
    case 'inference-failed':
      return 500
    case 'json-too-large':
    case 'tensor-too-large':
      return 413
    default:
      return 400
  }
}

/** The protocol's error, with our code and place beside its sentence. */
function refused(reply: FastifyReply, status: number, { code, at, detail }: Problem): FastifyReply {
  if (status === 503) reply.header('retry-after', '1')
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ error: detail, code, at }))
}

/** What the HTTP layer refused, in our words; anything else is a bug of ours, and told as nothing but that. */
function failed(log: Logger, reply: FastifyReply, error: unknown): FastifyReply {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const detail = `more than ${limits.requestBytesMax} bytes`
    return refused(reply, 413, { code: 'body-too-large', at: 'body', detail })
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const detail = 'application/json or application/octet-stream is expected'
    return refused(reply, 415, { code: 'media-type-unsupported', at: 'content-type', detail })
  }
  if (typeof code === 'string' && code.startsWith('FST_ERR_CTP_')) {
    return refused(reply, 400, { code: 'malformed', at: 'body', detail: 'not a readable body' })
  }
  log.thrown('inference-route-failed', error)
  return refused(reply, 500, { code: 'internal', at: '', detail: 'something is broken here' })
}

/** Bodies stay bytes: what is signed, hashed or refused is what came, not what a parser made of it. */
function readBytes(scope: FastifyInstance, mediaTypes: string[], bytesMax: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    mediaTypes,
    { parseAs: 'buffer', bodyLimit: bytesMax },
    (_request, body, done) => done(null, body),
  )
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

import { jsonOf, ok, type Result } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import { receiptLimits, saltedDigestOf } from '@sealward/attestation/receipt'
import {
  type AttestedClient,
  type AttestedRequest,
  type AttestedResponse,
  type AttestedSession,
  type AttestedTls,
  createAttestedClient,
} from '@sealward/enclave/attested-tls'
import type { Passport, PassportCode } from '@sealward/enclave/identity'
import { failure, failureOf, type PeerFailure } from '@sealward/enclave/peers'
import { compactVerify, errors, importJWK } from 'jose'
import { z } from 'zod'
import { inferenceAnswerBytesMax, modelCardBytesMax } from '../limits.ts'
import {
  type Outputs,
  parseInference,
  printInference,
  refusalCode,
  type StatementSalts,
} from './inference.ts'

const model = '/v2/models/chest-pneumonia'
/** `typ` of a statement, so that nothing else that the provider signs passes for one. */
const statementType = 'sealward-statement+jwt'

/** One reading of one film, with all that proves who made it. */
export interface Interpretation extends Outputs {
  /** What the statement's digests are salted with. */
  readonly salts: StatementSalts
  readonly requestId: string
  /** The provider as it was verified before the pixels were sent. */
  readonly peer: VerifiedPeer
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string }
  /** When it was here, by our clock. The statement has the provider's. Unix seconds. */
  readonly interpretedAt: number
}

/** What is known of the provider now, for whoever wants to see why it is believed. */
export interface PeerStatus {
  readonly peer: VerifiedPeer
  readonly audience: string
  /** Unix seconds; undefined before the first exchange. */
  readonly tokenExpires: number | undefined
}

export interface Diagnostics {
  /** Has pixels interpreted, after the provider's evidence has been verified, and verifies what it signed. */
  interpret(requestId: string, image: Uint8Array): Promise<Result<Interpretation, PeerFailure>>
  /** The provider's card of its model. */
  card(): Promise<Result<ModelCard, PeerFailure>>
  /** Verifies the provider if need be. */
  status(): Promise<Result<PeerStatus, PeerFailure>>
  close(): Promise<void>
}

/** What we read of a model card; the rest is passed on as it is. */
export interface ModelCard {
  readonly [name: string]: unknown
  readonly operatingPoint: {
    readonly threshold: number
    readonly sensitivity: number
    readonly specificity: number
  }
}

const Card: z.ZodType<ModelCard> = z.looseObject({
  operatingPoint: z.looseObject({
    threshold: z.number(),
    sensitivity: z.number(),
    specificity: z.number(),
  }),
})

const Statement = z.object({
  deployment: z.string(),
  role: z.literal('diagnostics'),
  model: z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  requestId: z.string(),
  input: z.string(),
  output: z.string(),
  iat: z.number().int(),
})

/** Who gave the card. */
interface Known {
  readonly card: ModelCard
  readonly session: AttestedSession
}

/** The diagnostic provider, over attested mutual TLS. */
export function createDiagnostics(options: {
  /** `https://host:port` */
  readonly url: string
  readonly attested: AttestedTls
  readonly passport: Pick<Passport, 'accessToken'>
}): Diagnostics {
  const { attested, url } = options
  const { clock, initTimeData, random } = attested.trust
  const audience = `${initTimeData.deployment}:diagnostics`
  let tokenExpires: number | undefined
  let known: Known | undefined
  const client: AttestedClient<PassportCode> = createAttestedClient({
    attested,
    origin: url,
    role: 'diagnostics',
    responseBytesMax: Math.max(inferenceAnswerBytesMax, modelCardBytesMax),
    accessToken: async (own) => {
      const token = await options.passport.accessToken(audience, 'interpretation', own)
      if (token.ok) tokenExpires = token.value.expiresAt
      return token
    },
  })

  const send = async (request: AttestedRequest): Promise<Result<AttestedResponse, PeerFailure>> => {
    const response = await client.request(request)
    if (response.ok) return response
    // Whoever gave the card is not who answers now, or answers no more.
    known = undefined
    const { problem } = response
    if ('kind' in problem) return { ok: false, problem }
    const isWorldly = problem.code === 'attestation-unavailable'
    return failureOf(isWorldly ? 'unavailable' : 'refused', problem)
  }

  const readCard = async (): Promise<Result<Known, PeerFailure>> => {
    if (known !== undefined && (await attested.peers.standing(known.session)).ok) return ok(known)
    const answer = await send({ method: 'GET', path: `${model}/card` })
    if (!answer.ok) return answer
    const { session, status, body } = answer.value
    if (status !== 200) return refusedBy(status, body)
    const json = jsonOf(body, { bytesMax: modelCardBytesMax, depthMax: 16 })
    const parsed = Card.safeParse(json.ok ? json.value : undefined)
    if (!parsed.success) {
      return failure(
        'refused',
        'card-malformed',
        'operatingPoint',
        'The model card lacks something.',
      )
    }
    known = { card: parsed.data, session }
    return ok(known)
  }

  return {
    async interpret(requestId, image) {
      const salts = { input: random.bytes(32), output: random.bytes(32) }
      const { headers, body } = printInference(requestId, image, salts)
      const answer = await send({
        method: 'POST',
        path: `${model}/infer`,
        headers,
        body,
        // A film may be read twice.
        idempotent: true,
      })
      if (!answer.ok) return answer
      const { session, ...response } = answer.value
      const { peer } = session
      if (response.status !== 200) return refusedBy(response.status, response.body)
      const outputs = parseInference(
        requestId,
        response.headers['inference-header-content-length'],
        response.body,
      )
      if (!outputs.ok) return outputs
      const statement = await verifyStatement(peer, {
        statement: outputs.value.statement,
        requestId,
        image,
        salts,
        signedBytes: outputs.value.signedBytes,
        now: clock.now(),
      })
      if (!statement.ok) return statement
      const interpretedAt = clock.now()
      const { model: by } = statement.value
      return ok({ ...outputs.value, requestId, salts, peer, model: by, interpretedAt })
    },
    async card() {
      const read = await readCard()
      return read.ok ? ok(read.value.card) : read
    },
    async status() {
      // Asking for the card shows that the provider lets us in, too.
      const read = await readCard()
      return read.ok ? ok({ peer: read.value.session.peer, audience, tokenExpires }) : read
    },
    close: () => client.close(),
  }
}

function refusedBy(
  status: number,
  body: Uint8Array,
): { readonly ok: false; readonly problem: PeerFailure } {
  if (status >= 500 || status === 429) {
    return failure('unavailable', 'provider-unavailable', 'status', 'The provider cannot work now.')
  }
  const code = refusalCode(body) ?? 'provider-refused'
  // A token can run out on its way: the next attempt brings a new one.
  if (status === 401) return failure('unavailable', code, 'token', 'The provider lets us not in.')
  return failure('refused', code, 'status', 'The provider refuses the request.')
}

/** Verifies that the attested provider signed exactly this reading of exactly these pixels. */
async function verifyStatement(
  peer: VerifiedPeer,
  expected: {
    readonly statement: string
    readonly requestId: string
    readonly image: Uint8Array
    readonly salts: StatementSalts
    readonly signedBytes: Uint8Array
    readonly now: number
  },
): Promise<Result<z.infer<typeof Statement>, PeerFailure>> {
  const [jwk] = peer.runtimeData.keys
  let payload: Uint8Array
  try {
    const key = await importJWK({ ...jwk }, 'ES256')
    const verified = await compactVerify(expected.statement, key, { algorithms: ['ES256'] })
    if (verified.protectedHeader.typ !== statementType) {
      return failure('refused', 'statement-malformed', 'typ', 'What was signed is no statement.')
    }
    payload = verified.payload
  } catch (error) {
    if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error
    return failure('refused', 'statement-signature', 'statement', 'The provider did not sign this.')
  }
  const json = jsonOf(payload, { bytesMax: 8192, depthMax: 8 })
  const claims = Statement.safeParse(json.ok ? json.value : undefined)
  if (!claims.success) {
    return failure('refused', 'statement-malformed', 'statement', 'The statement lacks something.')
  }
  const { data } = claims
  const given = peer.runtimeData.model
  const { salts } = expected
  const same: readonly (readonly [at: string, one: unknown, other: unknown])[] = [
    ['deployment', data.deployment, peer.deployment],
    ['requestId', data.requestId, expected.requestId],
    ['model.sha256', data.model.sha256, given?.sha256],
    ['model.version', data.model.version, given?.version],
    ['model.name', data.model.name, given?.name],
    ['input', data.input, await saltedDigestOf(salts.input, expected.image)],
    ['output', data.output, await saltedDigestOf(salts.output, expected.signedBytes)],
    // Within what a receipt's verifier lets clocks differ by: what is taken here has to verify there.
    ['iat', Math.abs(data.iat - expected.now) <= receiptLimits.clockSkewSeconds, true],
  ]
  const wrong = same.find(([, one, other]) => one !== other)
  return wrong === undefined
    ? ok(data)
    : failure('refused', 'statement-mismatch', wrong[0], 'The statement is about something else.')
}

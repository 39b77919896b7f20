import { createHash } from 'node:crypto'
import { base64UrlOf, bytesOfBase64Url, ok, type Result, refuse } from '@sealward/attestation/bytes'
import type { Answer } from './answer.ts'
import type { Handler, StaffRequest } from './platform.ts'
import type { ApiProblem } from './problems.ts'
import type { Reader, RecordDraft, Store } from './store/store.ts'

/**
 * Has `handler` do one request once, however often it comes: whoever has lost the answer sends the request again, with the
 * same `idempotency-key`, and gets that answer. A request without a key is done each time.
 *
 * The answer is written in the transaction that does the work, so there is never one without the other.
 *
 * @param what names the route; `handler` does its work in one transaction, and answers from it.
 * @see draft-ietf-httpapi-idempotency-key-header; docs/spec/platform-api.md
 */
export function once(what: string, handler: Handler): Handler {
  return async (platform, request) => {
    const given = request.headers['idempotency-key']
    if (given === undefined) return handler(platform, request)
    const key = keyPattern.exec(given)?.[2]
    if (key === undefined) {
      return refuse(
        'idempotency-key-malformed',
        'idempotency-key',
        'A key is 16 to 64 letters, digits, hyphens and underscores.',
      )
    }
    const id = digestOf(what, request.staff.subject, key)
    const asked = requestDigestOf(request)
    const before = await answerIn(platform.store, id, asked)
    if (!before.ok || before.value !== undefined) return before as Result<Answer, ApiProblem>
    return handler({ ...platform, store: answeringIn(platform.store, id, asked) }, request)
  }
}

const recordType = 'Answer'
/** Quoted, as the draft has it, or not. */
const keyPattern = /^("?)([\w-]{16,64})\1$/

function answeringIn(store: Store, id: string, asked: string): Store {
  return {
    ...store,
    transaction: (work) =>
      store.transaction(async (transaction) => {
        await transaction.lock(`${recordType}/${id}`)
        const before = await answerIn(transaction, id, asked)
        if (!before.ok) return before
        if (before.value !== undefined) return ok(before.value as never)
        // It is sealed as what it tells of is, and erased with it.
        let patient: string | undefined
        const done = await work({
          ...transaction,
          create(draft) {
            patient ??= draft.patient
            return transaction.create(draft)
          },
        })
        if (!done.ok) return done
        const bytes = Buffer.from(JSON.stringify(keptOf(done.value as Answer, asked)))
        await transaction.create({ type: recordType, id, patient, bytes, lookUps: [] })
        return done
      }),
  }
}

/**
 * What is left of an answer whose patient is erased: that it was given. Or a request that comes once more, by whoever kept it,
 * would bring the patient back.
 */
export function leftOfAnswer(type: string, id: string): Omit<RecordDraft, 'patient'> | undefined {
  return type === recordType ? { type, id, bytes: nothingLeft, lookUps: [] } : undefined
}

const nothingLeft = new Uint8Array()

/** An answer as it is kept. */
interface KeptAnswer extends Omit<Answer, 'body'> {
  /** Digest of the request. */
  readonly asked: string
  /** Base64url. */
  readonly body: string
}

function keptOf({ body, headers, status }: Answer, asked: string): KeptAnswer {
  return { asked, status, headers, body: base64UrlOf(body) }
}

/** The answer that was given, if any, to this very request. */
async function answerIn(
  reader: Reader,
  id: string,
  asked: string,
): Promise<Result<Answer | undefined, ApiProblem>> {
  const record = await reader.read(recordType, id)
  if (!record.ok) return record
  if (record.value === undefined) return ok(undefined)
  if (record.value.bytes.length === 0) {
    return refuse('not-found', 'patient', 'There is no such patient, or no longer.')
  }
  const kept = JSON.parse(Buffer.from(record.value.bytes).toString()) as KeptAnswer
  if (kept.asked !== asked) {
    return refuse(
      'idempotency-key-reused',
      'idempotency-key',
      'The key was sent with another request.',
    )
  }
  const body = bytesOfBase64Url(kept.body)
  if (body === undefined) throw new Error('an answer of ours cannot be read')
  return ok({ status: kept.status, headers: kept.headers, body })
}

/** Headers that a request means something else without. */
const decisive = ['content-type', 'if-match', 'if-none-exist'] as const

function requestDigestOf({ body, headers, parameters, query }: StaffRequest): string {
  const asked = [parameters, query.toString(), ...decisive.map((name) => headers[name] ?? '')]
  const hash = createHash('sha256').update(JSON.stringify(asked))
  return hash.update(body).digest('hex')
}

function digestOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

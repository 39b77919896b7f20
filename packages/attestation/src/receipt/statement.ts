/**
 * The provider's statement: what computed a result, signed by the key in its attested runtime data.
 *
 * @see docs/spec/receipt.md
 * @module
 */

import {
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import type { IdentityKeyJwk } from '../evidence/index.ts'
import type { Verified } from '../verification/index.ts'
import { isSignedWithEs256 } from './es256.ts'
import { receiptLimits } from './limits.ts'

/** What the provider says of one inference. */
export interface Statement {
  readonly deployment: string
  readonly role: 'diagnostics'
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string }
  readonly requestId: string
  /** Salted digest of the image tensor, raw FP32, little-endian. */
  readonly input: string
  /** Salted digest of logit ‖ probability ‖ evidence map, raw FP32, little-endian. */
  readonly output: string
  readonly issuedAt: UnixSeconds
}

export type StatementCode = 'statement-malformed' | 'statement-signature'

/**
 * Verifies a provider's statement.
 *
 * @param jws - compact JWS, ES256.
 * @param key - the identity key of the provider's verified runtime data.
 * @returns the statement, or `statement-malformed`, `statement-signature`.
 */
export async function verifyStatement(
  jws: string,
  key: IdentityKeyJwk,
): Promise<Result<Verified<Statement>, Problem<StatementCode>>> {
  if (jws.length > receiptLimits.tokenCharactersMax) {
    return refuse('statement-malformed', '', `more than ${receiptLimits.tokenCharactersMax}`)
  }
  const [header = '', payload = '', signature, ...more] = jws.split('.')
  const signatureBytes = bytesOfBase64Url(signature ?? '')
  if (signature === undefined || more.length > 0 || signatureBytes === undefined) {
    return refuse('statement-malformed', '', 'a compact JWS expected')
  }
  const headerRead = reading(jsonPart(header), 'header', (shape) =>
    shape.object('ignored', ({ required, optional }) => {
      required('alg').oneOf(['ES256'])
      required('kid').oneOf([key.kid])
      optional('crit')?.fail('field-unknown', 'unknown extension')
    }),
  )
  if (!headerRead.ok) {
    return refuse('statement-signature', headerRead.problem.at, 'not by the provider’s key')
  }
  if (!(await isSignedWithEs256(key, utf8Of(`${header}.${payload}`), signatureBytes))) {
    return refuse('statement-signature', 'signature', 'not by the provider’s key')
  }
  const read = reading(jsonPart(payload), 'statement', (shape) =>
    shape.object('ignored', ({ required }): Statement => {
      const text = (name: string): string => required(name).string(receiptLimits.textMax)
      return {
        deployment: text('deployment'),
        role: required('role').oneOf(['diagnostics']),
        model: required('model').object('ignored', (fields) => ({
          name: fields.required('name').string(receiptLimits.textMax),
          version: fields.required('version').string(receiptLimits.textMax),
          sha256: fields.required('sha256').string(64, /^[0-9a-f]{64}$/),
        })),
        requestId: text('requestId'),
        input: required('input').string(43, /^[A-Za-z0-9_-]{43}$/),
        output: required('output').string(43, /^[A-Za-z0-9_-]{43}$/),
        issuedAt: required('iat').integer(0, Number.MAX_SAFE_INTEGER),
      }
    }),
  )
  return read.ok
    ? ok(read.value as Verified<Statement>)
    : refuse('statement-malformed', read.problem.at, read.problem.detail)
}

function jsonPart(encoded: string): unknown {
  const bytes = bytesOfBase64Url(encoded)
  const limits = { bytesMax: receiptLimits.tokenCharactersMax, depthMax: receiptLimits.depthMax }
  const json = bytes && jsonOf(bytes, limits)
  return json?.ok ? json.value : undefined
}

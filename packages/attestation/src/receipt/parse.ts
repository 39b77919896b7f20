import {
  bytesOfBase64Url,
  type Fields,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  type Shape,
  type ShapeCode,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import type { SigningJwk } from '../token/index.ts'
import { receiptLimits } from './limits.ts'
import {
  type ReceiptAttachments,
  type ReceiptModel,
  type ReceiptParty,
  type ReceiptPayload,
  receiptJwsType,
} from './receipt.ts'

/** A receipt with its parts decoded. Believed by nobody yet. */
export interface ParsedReceipt {
  readonly payload: ReceiptPayload
  readonly kid: string
  /** What the signature is over. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  readonly attachments: ParsedAttachments
}

/** As {@link ReceiptAttachments}; the evidence documents are still to be parsed. */
export type ParsedAttachments = Omit<ReceiptAttachments, 'platform' | 'diagnostics'> & {
  readonly platform: unknown
  readonly diagnostics: unknown
}

/**
 * Parses a receipt: every field known, every size limited. Evidence and keys in it are looked at later.
 *
 * @param json - what `JSON.parse` built.
 * @returns the decoded receipt, or one of {@link ShapeCode}.
 */
export function parseReceipt(json: unknown): Result<ParsedReceipt, Problem<ShapeCode>> {
  const jws = reading(json, '', (top) =>
    top.object('refused', ({ required }) => {
      const payload = required('payload').string(receiptLimits.jwsPartCharactersMax)
      const header = required('protected').string(receiptLimits.jwsPartCharactersMax)
      const signature = required('signature')
      return {
        payload: jsonOfPart(required('payload'), payload),
        header: jsonOfPart(required('protected'), header),
        signedBytes: utf8Of(`${header}.${payload}`),
        signature:
          bytesOfBase64Url(signature.string(receiptLimits.jwsPartCharactersMax)) ??
          signature.fail('wrong-value', 'base64url expected'),
        attachments: required('header').object('refused', readAttachments),
      }
    }),
  )
  if (!jws.ok) return jws
  const { signedBytes, signature, attachments } = jws.value
  const header = reading(jws.value.header, 'protected', (shape) =>
    shape.object('refused', ({ required }) => {
      required('alg').oneOf(['ES256'])
      required('typ').oneOf([receiptJwsType])
      return { kid: required('kid').string(receiptLimits.textMax) }
    }),
  )
  if (!header.ok) return header
  const payload = reading(jws.value.payload, 'payload', (shape) =>
    shape.object('refused', readPayload),
  )
  if (!payload.ok) return payload
  // It was just read as an object that has both.
  const { platform, diagnostics } = (json as { readonly header: ParsedAttachments }).header
  return ok({
    payload: payload.value,
    kid: header.value.kid,
    signedBytes,
    signature,
    attachments: { ...attachments, platform, diagnostics },
  })
}

function jsonOfPart(shape: Shape, encoded: string): unknown {
  const bytes = bytesOfBase64Url(encoded) ?? shape.fail('wrong-value', 'base64url expected')
  const { jwsPartCharactersMax: bytesMax, depthMax } = receiptLimits
  const json = jsonOf(bytes, { bytesMax, depthMax })
  return json.ok ? json.value : shape.fail('wrong-value', json.problem.detail)
}

type ReadAttachments = Omit<ParsedAttachments, 'platform' | 'diagnostics'>

function readAttachments({ required }: Fields): ReadAttachments {
  const token = (shape: Shape): string => shape.string(receiptLimits.tokenCharactersMax)
  // Evidence documents have a parser of their own; here they only have to be there.
  required('platform')
  required('diagnostics')
  return {
    attestationTokens: required('attestationTokens').object('refused', (fields) => ({
      platform: token(fields.required('platform')),
      diagnostics: token(fields.required('diagnostics')),
    })),
    certs: required('certs').object('ignored', (fields) => ({
      keys: fields.required('keys').list(receiptLimits.keysMax, readJwk),
    })),
    statement: token(required('statement')),
  }
}

function readJwk(shape: Shape): SigningJwk {
  return shape.object('ignored', ({ required, optional }) => {
    const text = (name: keyof SigningJwk): Record<string, string> => {
      const value = optional(name)?.string(receiptLimits.keyTextMax)
      return value === undefined ? {} : { [name]: value }
    }
    const x5c = optional('x5c')?.list(receiptLimits.certificatesMax, (item) =>
      item.string(receiptLimits.certificateCharactersMax),
    )
    return {
      kty: required('kty').string(receiptLimits.keyTextMax),
      ...text('kid'),
      ...text('use'),
      ...text('alg'),
      ...text('crv'),
      ...text('n'),
      ...text('e'),
      ...text('x'),
      ...text('y'),
      ...(x5c === undefined ? {} : { x5c }),
    }
  })
}

function readPayload({ required }: Fields): ReceiptPayload {
  return {
    version: required('version').oneOf([1]),
    id: required('id').string(receiptLimits.textMax),
    issuedAt: instantFrom(required('issuedAt')),
    deployment: required('deployment').string(receiptLimits.textMax),
    platform: required('platform').object('refused', readParty),
    diagnostics: required('diagnostics').object('refused', (fields) => ({
      ...readParty(fields),
      model: fields.required('model').object('refused', readModel),
    })),
    statement: digestFrom(required('statement')),
    input: required('input').object('refused', readDigest),
    output: required('output').object('refused', readDigest),
    report: required('report').object('refused', readDigest),
    times: required('times').object('refused', (times) => ({
      received: instantFrom(times.required('received')),
      interpreted: instantFrom(times.required('interpreted')),
      written: instantFrom(times.required('written')),
    })),
  }
}

function readParty({ required }: Fields): ReceiptParty {
  return {
    evidence: digestFrom(required('evidence')),
    policyHash: digestFrom(required('policyHash')),
    tcbStatus: required('tcbStatus').string(receiptLimits.textMax),
    mrEnclave: required('mrEnclave').string(64, /^[0-9a-f]{64}$/),
    configId: required('configId').string(128, /^[0-9a-f]{128}$/),
    simulated: required('simulated').boolean(),
    verifiedAt: instantFrom(required('verifiedAt')),
  }
}

function readModel({ required }: Fields): ReceiptModel {
  return {
    name: required('name').string(receiptLimits.textMax),
    version: required('version').string(receiptLimits.textMax),
    sha256: required('sha256').string(64, /^[0-9a-f]{64}$/),
  }
}

function readDigest({ required }: Fields): { readonly digest: string } {
  return { digest: digestFrom(required('digest')) }
}

function digestFrom(shape: Shape): string {
  return shape.string(43, /^[A-Za-z0-9_-]{43}$/)
}

function instantFrom(shape: Shape): UnixSeconds {
  return shape.integer(0, instantMax)
}

/** The last second of the year 9999. */
const instantMax = 253_402_300_799

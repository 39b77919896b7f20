/**
 * What answers a challenge: the key, and evidence that it was made in a TEE, for this nonce.
 *
 * @see confidential-containers/trustee, kbs/docs/kbs_attestation_protocol.md, "Attestation"
 * @module
 */

import {
  jsonOf,
  jsonOfText,
  type Problem,
  type Result,
  reading,
  type Shape,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { BoundData } from '@sealward/attestation/token'
import { limits } from './limits.ts'
import type { ProtocolVersion, TeeName } from './request.ts'
import { bindingHashOf, type KbsHash, type RuntimeDataInput } from './runtime-data.ts'
import { readTeeEvidence, type TeeEvidence } from './tee-evidence.ts'
import { readTeePublicKey } from './tee-public-key.ts'

export interface Attestation extends RuntimeDataInput {
  /** What the client says the nonce is; of versions before 0.4.0, nothing. */
  readonly saidNonce: string | undefined
  readonly evidence: TeeEvidence
  readonly initData: BoundData | undefined
}

type AttestationResult = Result<Attestation, Problem<'kbs-attestation-malformed'>>

/** Reads an `Attestation` of the version and the TEE that the handshake began with. */
export function parseAttestation(
  body: Uint8Array,
  session: {
    readonly version: ProtocolVersion
    readonly tee: TeeName
    readonly nonce: string
  },
): AttestationResult {
  const { version, tee, nonce } = session
  const json = jsonOf(body, { bytesMax: limits.attestationBytesMax, depthMax: limits.bodyDepthMax })
  const read = json.ok
    ? reading(json.value, '', (top) =>
        version === '0.4.0' ? readComposite(top, tee, nonce) : readSimple(top, tee, nonce),
      )
    : json
  if (read.ok) return read
  const { at, detail } = read.problem
  return {
    ok: false,
    problem: {
      code: 'kbs-attestation-malformed',
      at,
      detail: `The attestation cannot be read: ${detail}.`,
    },
  }
}

function readComposite(top: Shape, tee: TeeName, nonce: string): Attestation {
  return top.object('ignored', ({ required, optional }) => {
    const runtime = required('runtime-data').object('ignored', (fields) => ({
      saidNonce: fields.required('nonce').string(limits.extraParameterCharactersMax),
      teePublicKey: readTeePublicKey(fields.required('tee-pubkey')),
    }))
    const composite = required('tee-evidence').object('ignored', (fields) => ({
      evidence: readTeeEvidence(fields.required('primary_evidence'), tee),
      additionalEvidence: readNoDevices(fields.required('additional_evidence')),
    }))
    const initData = optional('init-data')
    return {
      nonce,
      ...runtime,
      ...composite,
      initData:
        initData === undefined || initData.kind === 'null' ? undefined : readInitData(initData),
    }
  })
}

function readSimple(top: Shape, tee: TeeName, nonce: string): Attestation {
  return top.object('ignored', ({ required }) => ({
    nonce,
    saidNonce: undefined,
    teePublicKey: readTeePublicKey(required('tee-pubkey')),
    evidence: readTeeEvidence(nested(required('tee-evidence')), tee),
    additionalEvidence: '',
    initData: undefined,
  }))
}

/** Before 0.2.0, evidence was JSON in a text. */
function nested(shape: Shape): Shape {
  if (shape.kind !== 'text') return shape
  const text = shape.string(limits.attestationBytesMax)
  const json = jsonOfText(text, limits.bodyDepthMax)
  if (!json.ok) return shape.fail('wrong-value', 'JSON expected')
  const inside = reading(json.value, shape.at, (inner) => inner)
  return inside.ok ? inside.value : shape.fail('wrong-value', 'JSON expected')
}

/** Devices are not appraised: evidence of one would count for nothing, so nobody shall think that it does. */
function readNoDevices(shape: Shape): string {
  const text = shape.string(limits.additionalEvidenceCharactersMax)
  return text === '' || text === '{}'
    ? text
    : shape.fail('wrong-value', 'evidence of devices is not appraised here')
}

/**
 * What was fixed when the TEE was started, by the hash that it names itself.
 *
 * @see confidential-containers/trustee, kbs/docs/initdata.md
 */
function readInitData(shape: Shape): BoundData {
  return shape.object('refused', ({ required }) => {
    const format = required('format').oneOf(['json', 'toml'])
    const body = required('body')
    const text = body.string(limits.initDataCharactersMax)
    const hash = format === 'json' ? hashInJson(text) : hashInToml(text)
    if (hash === undefined) return body.fail('wrong-value', 'a hash algorithm expected')
    return {
      data: utf8Of(text),
      dataType: format === 'json' ? 'JSON' : 'Binary',
      hashAlgorithm: bindingHashOf[hash],
    }
  })
}

/** Ours does not say: it is SHA-256. */
function hashInJson(text: string): KbsHash | undefined {
  const json = jsonOfText(text, limits.bodyDepthMax)
  if (!json.ok) return undefined
  const { algorithm = 'sha256' } = Object(json.value) as { readonly algorithm?: unknown }
  return typeof algorithm === 'string' ? hashCalled(algorithm) : undefined
}

/** Of the document's own table, which is before the first other one. */
function hashInToml(text: string): KbsHash | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const table = lines.findIndex((line) => line.startsWith('['))
  const own = table < 0 ? lines : lines.slice(0, table)
  const [line, ...more] = own.filter((one) => one.startsWith('algorithm'))
  const form = /^algorithm[ \t]{0,8}=[ \t]{0,8}(["'])([A-Za-z0-9-]{1,16})\1[ \t]{0,8}(?:#.*)?$/
  const name = line === undefined || more.length > 0 ? undefined : form.exec(line)?.[2]
  return name === undefined ? undefined : hashCalled(name)
}

function hashCalled(name: string): KbsHash | undefined {
  const plain = name.toLowerCase().replace('-', '')
  return Object.keys(bindingHashOf).includes(plain) ? (plain as KbsHash) : undefined
}

/**
 * What begins a handshake.
 *
 * @see confidential-containers/trustee, kbs/docs/kbs_attestation_protocol.md, "Request"
 * @module
 */

import { jsonOf, type Problem, type Result, reading, type Shape } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import { type KbsHash, kbsHashes } from './runtime-data.ts'

/** Versions of the protocol that are spoken here: what evidence is bound to differs. */
export const protocolVersions = ['0.4.0', '0.2.0', '0.1.1'] as const

export type ProtocolVersion = (typeof protocolVersions)[number]

/** TEEs whose evidence is appraised. */
export const teeNames = ['sgx', 'tdx', 'snp'] as const

export type TeeName = (typeof teeNames)[number]

export interface AuthRequest {
  readonly version: ProtocolVersion
  readonly tee: TeeName
  /** How runtime data is hashed. */
  readonly hash: KbsHash
}

export type AuthCode =
  | 'kbs-request-malformed'
  | 'kbs-version-unsupported'
  | 'kbs-tee-unsupported'
  | 'kbs-hash-unsupported'
  | 'kbs-policy-selector-unknown'

/** Reads a `Request`. */
export function parseAuthRequest(body: Uint8Array): Result<AuthRequest, Problem<AuthCode>> {
  const json = jsonOf(body, { bytesMax: limits.requestBytesMax, depthMax: limits.bodyDepthMax })
  const read = json.ok ? reading(json.value, '', readRequest) : json
  if (!read.ok) return malformed(read.problem)
  const { extra } = read.value
  const version = protocolVersions.find((one) => one === read.value.version)
  if (version === undefined) return { ok: false, problem: versionUnsupported }
  const tee = teeNames.find((one) => one === read.value.tee)
  if (tee === undefined || (extra.tee !== undefined && extra.tee !== tee)) {
    return { ok: false, problem: teeUnsupported }
  }
  const hash = extra.hashes === undefined ? 'sha384' : preferred(extra.hashes)
  if (hash === undefined) return { ok: false, problem: hashUnsupported }
  return extra.hasSelector
    ? { ok: false, problem: selectorUnknown }
    : { ok: true, value: { version, tee, hash } }
}

interface Said {
  readonly version: string
  readonly tee: string
  readonly extra: Extra
}

function readRequest(top: Shape): Said {
  return top.object('ignored', ({ required, optional }) => ({
    version: required('version').string(limits.extraParameterCharactersMax),
    tee: required('tee').string(limits.extraParameterCharactersMax),
    extra: readExtra(optional('extra-params')),
  }))
}

interface Extra {
  readonly hashes?: readonly string[] | undefined
  readonly tee?: string | undefined
  readonly hasSelector: boolean
}

/** Clients that have nothing to say send an empty text. */
function readExtra(shape: Shape | undefined): Extra {
  if (shape === undefined || shape.kind === 'null') return { hasSelector: false }
  if (shape.kind === 'text') {
    shape.string(0)
    return { hasSelector: false }
  }
  const text = (item: Shape): string => item.string(limits.extraParameterCharactersMax)
  return shape.object('ignored', ({ optional }) => ({
    hashes: optional('supported-hash-algorithms')?.list(limits.hashAlgorithmsMax, text),
    tee: optional('tee-metadata')?.object('ignored', ({ required }) =>
      required('primary_tee').object('ignored', (fields) => text(fields.required('tee'))),
    ),
    hasSelector: optional('attestation-policy-selector') !== undefined,
  }))
}

/** What Trustee takes for every TEE that is offered here, if it may. */
function preferred(offered: readonly string[]): KbsHash | undefined {
  const names = offered.map((name) => name.toLowerCase().replace('-', ''))
  return (['sha384', ...kbsHashes] as const).find((hash) => names.includes(hash))
}

const versionUnsupported = {
  code: 'kbs-version-unsupported',
  at: 'version',
  detail: `This version of the protocol is not spoken here: one of ${protocolVersions.join(', ')} is.`,
} as const

const teeUnsupported = {
  code: 'kbs-tee-unsupported',
  at: 'tee',
  detail: `Evidence of this TEE is not appraised here: that of ${teeNames.join(', ')} is.`,
} as const

const hashUnsupported = {
  code: 'kbs-hash-unsupported',
  at: 'extra-params.supported-hash-algorithms',
  detail: `Runtime data is hashed with one of ${kbsHashes.join(', ')}.`,
} as const

const selectorUnknown = {
  code: 'kbs-policy-selector-unknown',
  at: 'extra-params.attestation-policy-selector',
  detail: 'There is one appraisal policy for each TEE: the attestation service’s.',
} as const

function malformed({ at, detail }: Problem): {
  readonly ok: false
  readonly problem: Problem<'kbs-request-malformed'>
} {
  return {
    ok: false,
    problem: {
      code: 'kbs-request-malformed',
      at,
      detail: `The request cannot be read: ${detail}.`,
    },
  }
}

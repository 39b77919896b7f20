/**
 * Reading one endorsement far enough to know what it is and when it runs out.
 *
 * @module
 */

import {
  bytesOfBase64,
  bytesOfHex,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
  unreachable,
} from '@sealward/attestation/bytes'
import { parseQeIdentity, parseSignedJson, parseTcbInfo } from '@sealward/attestation/endorsements'
import { parseCertificate, parseCertificateChain, parseCrl } from '@sealward/attestation/x509'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import { endorsementsLimits } from './limits.ts'

/** What somebody gave as an endorsement. */
export interface FoundPiece {
  /** Revocation lists may be DER, its hex (as a PCCS has it), or PEM. */
  readonly body: Uint8Array
  readonly issuerChain?: string
}

/**
 * Reads what was found as `item`.
 *
 * @returns the endorsement with its dates, revocation lists as DER; or `endorsements-malformed`, also when it
 *   is about another platform or TEE. Nothing is verified.
 */
export function readPiece(
  item: EndorsementItem,
  found: FoundPiece,
): Result<EndorsementPiece, Problem<'endorsements-malformed'>> {
  if (found.body.length > endorsementsLimits.answerBytesMax) return malformed(item.kind)
  switch (item.kind) {
    case 'tcb-info':
    case 'qe-identity': {
      const dates = readSigned(item, found.body)
      if (dates === undefined) return malformed(item.kind)
      return withIssuerChain(item, found, { body: found.body, ...dates })
    }
    case 'pck-crl': {
      const list = readList(found.body)
      return list === undefined ? malformed(item.kind) : withIssuerChain(item, found, list)
    }
    case 'root-ca-crl':
    case 'amd-crl': {
      const list = readList(found.body)
      return list === undefined ? malformed(item.kind) : ok(list)
    }
    case 'vcek': {
      const certificate = parseCertificate(found.body)
      if (!certificate.ok) return malformed(item.kind)
      const { notBefore, notAfter } = certificate.value
      return ok({ body: found.body, issuedAt: notBefore, endsAt: notAfter })
    }
    case 'amd-chain': {
      const dates = datesOfChain(textOf(found.body) ?? '')
      // The intermediate and the root.
      if (dates?.count !== 2) return malformed(item.kind)
      return ok({ body: found.body, issuedAt: dates.notBefore, endsAt: dates.notAfter })
    }
    default:
      return unreachable(item)
  }
}

function malformed(at: string): {
  readonly ok: false
  readonly problem: Problem<'endorsements-malformed'>
} {
  return refuse('endorsements-malformed', at, 'something else than was asked for')
}

function withIssuerChain(
  { kind }: EndorsementItem,
  { issuerChain = '' }: FoundPiece,
  piece: EndorsementPiece,
): Result<EndorsementPiece, Problem<'endorsements-malformed'>> {
  const dates = datesOfChain(issuerChain)
  if (dates === undefined) return malformed(`${kind}.issuerChain`)
  return ok({ ...piece, issuerChain, endsAt: Math.min(piece.endsAt, dates.notAfter) })
}

type Dates = Pick<EndorsementPiece, 'issuedAt' | 'endsAt'>

/** `undefined` for what cannot be read, and for what is about another TEE or another platform family. */
function readSigned(
  item: Extract<EndorsementItem, { kind: 'tcb-info' | 'qe-identity' }>,
  body: Uint8Array,
): Dates | undefined {
  const name = item.kind === 'tcb-info' ? 'tcbInfo' : 'enclaveIdentity'
  const signed = parseSignedJson(textOf(body) ?? '', name)
  if (!signed.ok) return undefined
  if (item.kind === 'qe-identity') {
    const identity = parseQeIdentity(signed.value.text)
    const isOfTee = identity.ok && identity.value.id === qeIds[item.tee]
    return isOfTee ? datesOf(identity.value) : undefined
  }
  const tcbInfo = parseTcbInfo(signed.value.text)
  if (!tcbInfo.ok || tcbInfo.value.id !== tcbInfoIds[item.tee]) return undefined
  return hexOf(tcbInfo.value.fmspc) === item.fmspc ? datesOf(tcbInfo.value) : undefined
}

const tcbInfoIds = { sgx: 'SGX', tdx: 'TDX' } as const

const qeIds = { sgx: 'QE', tdx: 'TD_QE' } as const

function datesOf(document: {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
}): Dates {
  return { issuedAt: document.issueDate, endsAt: document.nextUpdate }
}

function readList(body: Uint8Array): EndorsementPiece | undefined {
  const der = derOf(body)
  const list = der && parseCrl(der)
  if (list === undefined || !list.ok) return undefined
  return { body: list.value.der, issuedAt: list.value.thisUpdate, endsAt: list.value.nextUpdate }
}

/** DER never looks like hex, nor like PEM: it is no text at all. */
function derOf(body: Uint8Array): Uint8Array | undefined {
  const text = textOf(body)
  if (text === undefined) return body
  const pem = /^\s*-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----\s*$/.exec(text)
  if (pem !== null) return bytesOfBase64((pem[1] ?? '').replace(/\s+/g, ''))
  return bytesOfHex(text.trim()) ?? body
}

/** The time in which all certificates of a PEM text are valid. */
function datesOfChain(pem: string):
  | {
      readonly count: number
      readonly notBefore: UnixSeconds
      readonly notAfter: UnixSeconds
    }
  | undefined {
  if (pem.length > endorsementsLimits.issuerChainCharactersMax) return undefined
  const chain = parseCertificateChain(pem)
  if (!chain.ok) return undefined
  return {
    count: chain.value.length,
    notBefore: Math.max(...chain.value.map(({ notBefore }) => notBefore)),
    notAfter: Math.min(...chain.value.map(({ notAfter }) => notAfter)),
  }
}

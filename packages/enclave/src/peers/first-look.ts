import { createHash } from 'node:crypto'
import {
  concat,
  equalBytes,
  hexOf,
  ok,
  type Result,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { channelLimits } from '@sealward/attestation/channel'
import {
  parseInitTimeData,
  parseRaTlsCertificate,
  parseRuntimeData,
  parseSgxQuote,
  type RaTlsCertificate,
  type RaTlsWorkload,
  type TeeRole,
} from '@sealward/attestation/evidence'
import { verifyQuoteSignatures } from '@sealward/attestation/verification'
import { failure, failureOf, type PeerFailure, unreadable } from './peer-failure.ts'
import { expectationOf, type PeerTrust } from './peer-trust.ts'

type Refused = { readonly ok: false; readonly problem: PeerFailure } | undefined
type DiceCertificate = Extract<RaTlsCertificate, { readonly form: 'dice' }>

/** What is asked for next, and for how long the certificate may be shown. */
export interface FirstLook {
  readonly quote: Uint8Array
  readonly notAfter: UnixSeconds
}

/**
 * Looks at a certificate without asking anybody: form, dates, role, deployment, what the quote has to be about, and then its
 * signatures up to a trusted root. What is refused here costs no request to anyone else; what is not is believed no more
 * than before, and is verified as a whole by `verifyAttestedCertificate`.
 */
export async function firstLook(
  trust: PeerTrust,
  roles: readonly TeeRole[],
  certificate: Uint8Array,
): Promise<Result<FirstLook, PeerFailure>> {
  const read = parseRaTlsCertificate(certificate)
  if (!read.ok) return unreadable(read.problem)
  const { value } = read
  const workload = value.form === 'dice' ? value.claims.workload : undefined
  if (value.form !== 'dice' || workload === undefined) {
    return failure('refused', 'ra-tls-malformed', 'claims', 'claims of a workload expected')
  }
  const refused =
    refusedDates(trust, value, workload) ??
    refusedWhereabouts(trust, roles, workload) ??
    refusedQuote(trust, value, workload) ??
    (await refusedSignatures(trust, value))
  return refused ?? ok({ quote: value.quote, notAfter: value.certificate.notAfter })
}

function refusedDates(
  { clock }: PeerTrust,
  { certificate: { notBefore, notAfter } }: DiceCertificate,
  workload: RaTlsWorkload,
): Refused {
  const at = clock.now()
  if (at < notBefore - clockSkewSeconds) {
    return failure('refused', 'certificate-not-yet-valid', 'certificate.notBefore', 'of the future')
  }
  if (at >= notAfter) {
    return failure('refused', 'certificate-expired', 'certificate.notAfter', 'it has ended')
  }
  const isTooLong = notAfter - notBefore > channelLimits.certificateSecondsMax
  return isTooLong || workload.notBefore !== notBefore || workload.notAfter !== notAfter
    ? failure(
        'refused',
        'ra-tls-validity',
        'certificate',
        'shown for longer than its evidence says',
      )
    : undefined
}

function refusedWhereabouts(
  { initTimeData: own }: PeerTrust,
  roles: readonly TeeRole[],
  workload: RaTlsWorkload,
): Refused {
  const runtimeData = parseRuntimeData(workload.runtimeData)
  if (!runtimeData.ok) return unreadable(runtimeData.problem)
  const initTimeData = parseInitTimeData(workload.initTimeData)
  if (!initTimeData.ok) return unreadable(initTimeData.problem)
  const { deployment, role } = runtimeData.value
  if (!roles.includes(role)) {
    return failure('refused', 'wrong-role', 'runtimeData.role', `${roles.join(' or ')} expected`)
  }
  if (expectationOf(own, role) === undefined) {
    return failure('refused', 'configuration', 'peers', 'No such peer is expected.')
  }
  if (deployment !== own.deployment) {
    const at = 'runtimeData.deployment'
    return failure('refused', 'wrong-deployment', at, 'another deployment')
  }
  return initTimeData.value.deployment !== deployment || initTimeData.value.role !== role
    ? failure('refused', 'runtime-init-time-mismatch', 'runtimeData', 'of another configuration')
    : undefined
}

function refusedQuote(
  { initTimeData }: PeerTrust,
  { quote, certificate, claims, claimsBytes }: DiceCertificate,
  workload: RaTlsWorkload,
): Refused {
  const read = parseSgxQuote(quote)
  if (!read.ok) return failure('refused', 'quote-malformed', 'quote', read.problem.detail)
  const { reportData, configId, mrEnclave } = read.value.reportBody
  if (!isDigestAndZeros(reportData, claimsBytes)) {
    return failure('refused', 'runtime-data-binding', 'claims', 'REPORTDATA is of other claims')
  }
  if (!isDigestAndZeros(configId, workload.initTimeData)) {
    const at = 'initTimeData'
    return failure('refused', 'init-time-data-binding', at, 'CONFIGID is of other data')
  }
  const { algorithm, value } = claims.publicKeyHash
  const named = createHash(algorithm).update(certificate.spki).digest()
  if (!equalBytes(named, value)) {
    const at = 'claims.pubkey-hash'
    return failure('refused', 'ra-tls-public-key-binding', at, 'of another key')
  }
  return initTimeData.peers.some((peer) => peer.mrEnclave.includes(hexOf(mrEnclave)))
    ? undefined
    : failure('refused', 'measurement', 'quote', 'software that no peer is expected to run')
}

async function refusedSignatures(
  { clock, initTimeData }: PeerTrust,
  { quote }: DiceCertificate,
): Promise<Refused> {
  const signed = await verifyQuoteSignatures({ quote, roots: initTimeData.roots, at: clock.now() })
  return signed.ok ? undefined : failureOf('refused', signed.problem)
}

function isDigestAndZeros(field: Uint8Array, bytes: Uint8Array): boolean {
  const digest = createHash('sha256').update(bytes).digest()
  return equalBytes(field, concat(digest, new Uint8Array(field.length - digest.length)))
}

/** As whoever verifies all of it allows. */
const clockSkewSeconds = 60

/**
 * Microsoft's word for the utility VM that confidential containers run in, and how a report of SEV-SNP is held to it.
 *
 * @see did:x509 method specification; microsoft/confidential-sidecar-containers, reference info
 * @module
 */

import {
  base64UrlOf,
  bytesOfHex,
  equalBytes,
  hexOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type UnixSeconds,
} from '../bytes/index.ts'
import { type CoseSign1, parseCoseSign1, uvmPayloadBytesMax } from '../evidence/index.ts'
import { type Certificate, type Cryptography, isSignedBy, webCryptography } from '../x509/index.ts'
import type { Verified } from './verified.ts'

/**
 * Who signs endorsements of utility VMs: a certificate under Microsoft Supply Chain RSA Root CA 2022, for this purpose.
 * Published in Microsoft's samples of confidential container groups and in the join policies of CCF.
 */
export const microsoftUvmIssuer =
  'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2'

/** The line of endorsements of the utility VM of confidential ACI on AMD. */
export const microsoftUvmFeed = 'ContainerPlat-AMD-UVM'

export interface UvmEndorsementInput {
  /** COSE_Sign1. */
  readonly endorsement: Uint8Array
  /** DIDs of who is believed: {@link microsoftUvmIssuer}. */
  readonly issuers: readonly string[]
  /** Lines that are believed: {@link microsoftUvmFeed}. */
  readonly feeds: readonly string[]
  /** Oldest security version that is accepted. */
  readonly guestSvnMin: number
  /**
   * When the certificates have to be in force. `signing-time`: when the signer says to have signed, which is what is
   * left once a certificate of a year has run out, and is worth as much as the care taken of its key since.
   */
  readonly instant: UnixSeconds | 'signing-time'
}

/** What the issuer says about one utility VM. */
export interface UvmEndorsement {
  /** Hex, SHA-384. */
  readonly launchMeasurement: string
  readonly guestSvn: number
  readonly issuer: string
  readonly feed: string
  readonly signedAt: UnixSeconds | undefined
  /** When the first of the certificates runs out. */
  readonly earliestExpiry: UnixSeconds
}

/** Why an endorsement was not believed. */
export type UvmEndorsementCode =
  | 'uvm-malformed'
  | 'uvm-issuer-not-trusted'
  | 'uvm-issuer-mismatch'
  | 'uvm-feed-not-trusted'
  | 'uvm-chain'
  | 'uvm-certificate-not-yet-valid'
  | 'uvm-certificate-expired'
  | 'uvm-signature'
  | 'uvm-svn-too-old'

/** Why verified evidence was not believed to be of what was endorsed, or of what was asked to run. */
export type UvmBindingCode = 'uvm-measurement-mismatch' | 'security-policy-binding'

/**
 * Verifies an endorsement: its issuer is trusted and is who the certificates say, they are one path, and the first of
 * them signed.
 *
 * @returns the endorsement, now believed, or the first of {@link UvmEndorsementCode}.
 */
export async function verifyUvmEndorsement(
  input: UvmEndorsementInput,
  cryptography: Cryptography = webCryptography,
): Promise<Result<Verified<UvmEndorsement>, Problem<UvmEndorsementCode>>> {
  const parsed = parseCoseSign1(input.endorsement)
  if (!parsed.ok) return malformed(parsed.problem)
  const { issuer, feed, certificates, signature, signedBytes, signedAt } = parsed.value
  if (issuer === undefined || !input.issuers.includes(issuer)) {
    return refuse('uvm-issuer-not-trusted', 'protected.iss', 'not among those trusted here')
  }
  if (feed === undefined || !input.feeds.includes(feed)) {
    return refuse('uvm-feed-not-trusted', 'protected.feed', 'not among those trusted here')
  }
  if (!(await resolves(issuer, certificates, cryptography))) {
    return refuse('uvm-issuer-mismatch', 'protected.iss', 'not what the certificates say')
  }
  if (!(await isPath(certificates, cryptography))) {
    return refuse('uvm-chain', 'protected.x5chain', 'not one path from a signer to a root')
  }
  const instant = input.instant === 'signing-time' ? signedAt : input.instant
  if (instant === undefined) {
    return refuse('uvm-malformed', 'protected.signingtime', 'needed and not there')
  }
  const outside = outsideValidity(certificates, instant)
  if (outside !== undefined) return outside

  const publicKey = certificates[0]?.publicKey
  if (
    publicKey === undefined ||
    !(await cryptography.verify({ publicKey, signature, message: signedBytes }))
  ) {
    return refuse('uvm-signature', 'signature', "not by the first certificate's key")
  }
  const payload = readPayload(parsed.value)
  if (!payload.ok) return malformed(payload.problem)
  if (payload.value.guestSvn < input.guestSvnMin) {
    return refuse('uvm-svn-too-old', 'payload', `older than ${input.guestSvnMin}`)
  }
  const earliestExpiry = Math.min(...certificates.map(({ notAfter }) => notAfter))
  return ok({
    ...payload.value,
    issuer,
    feed,
    signedAt,
    earliestExpiry,
  } as Verified<UvmEndorsement>)
}

/** Verifies that the machine that was measured is the one that was endorsed. */
export function verifyEndorsedMeasurement(
  { measurement }: Verified<{ readonly measurement: string }>,
  { launchMeasurement }: Verified<UvmEndorsement>,
): Result<true, Problem<UvmBindingCode>> {
  return measurement === launchMeasurement
    ? ok(true)
    : refuse('uvm-measurement-mismatch', 'measurement', 'not the endorsed one')
}

/**
 * Verifies that HOST_DATA is SHA-256 of the policy that says what containers may run.
 *
 * @param securityPolicy - the policy's bytes (Rego), not its base64.
 */
export async function verifySecurityPolicyBinding(
  { hostData }: Verified<{ readonly hostData: string }>,
  securityPolicy: Uint8Array,
  cryptography: Cryptography = webCryptography,
): Promise<Result<true, Problem<UvmBindingCode>>> {
  const bound = bytesOfHex(hostData)
  const digest = await cryptography.digest('SHA-256', securityPolicy)
  return bound !== undefined && equalBytes(bound, digest)
    ? ok(true)
    : refuse('security-policy-binding', 'hostData', 'of another policy')
}

function malformed(problem: Problem): Result<never, Problem<UvmEndorsementCode>> {
  return refuse('uvm-malformed', problem.at, `${problem.code}: ${problem.detail}`)
}

/** `did:x509:0:sha256:<authority>::eku:<purpose>`: an authority of the path, and a purpose of the signer. */
async function resolves(
  did: string,
  [signer, ...authorities]: readonly Certificate[],
  cryptography: Cryptography,
): Promise<boolean> {
  const [, fingerprint, purpose] = didForm.exec(did) ?? []
  if (fingerprint === undefined || purpose === undefined) return false
  if (signer?.extendedKeyUsage?.includes(purpose) !== true) return false
  for (const { der } of authorities) {
    if (base64UrlOf(await cryptography.digest('SHA-256', der)) === fingerprint) return true
  }
  return false
}

const didForm = /^did:x509:0:sha256:([A-Za-z0-9_-]{43})::eku:([0-9]+(?:\.[0-9]+)+)$/

/** Signer first, each signed by the next, the last by itself; all above the signer are authorities. */
async function isPath(
  certificates: readonly Certificate[],
  cryptography: Cryptography,
): Promise<boolean> {
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1] ?? certificate
    const mayStand = index === 0 ? isSigner(certificate) : isAuthority(certificate, index - 1)
    if (
      !mayStand ||
      !equalBytes(certificate.issuer, issuer.subject) ||
      !(await isSignedBy(certificate, issuer, cryptography))
    ) {
      return false
    }
  }
  return certificates.length > 1
}

function isSigner({ isCa, keyUsage }: Certificate): boolean {
  return !isCa && keyUsage?.digitalSignature !== false
}

function isAuthority(
  { isCa, keyUsage, pathLength }: Certificate,
  authoritiesBelow: number,
): boolean {
  return (
    isCa &&
    keyUsage?.keyCertSign === true &&
    (pathLength === undefined || authoritiesBelow <= pathLength)
  )
}

function outsideValidity(
  certificates: readonly Certificate[],
  instant: UnixSeconds,
): Result<never, Problem<UvmEndorsementCode>> | undefined {
  for (const [index, { notBefore, notAfter }] of certificates.entries()) {
    const at = `protected.x5chain[${index}]`
    if (instant < notBefore) return refuse('uvm-certificate-not-yet-valid', at, 'begins later')
    if (instant > notAfter) return refuse('uvm-certificate-expired', at, 'ended before')
  }
  return undefined
}

type Payload = Pick<UvmEndorsement, 'launchMeasurement' | 'guestSvn'>

/** JSON; or, since the version stands in the claims, the measurement itself. */
function readPayload({ payload, contentType, svn }: CoseSign1): Result<Payload, Problem> {
  if (contentType === 'application/octet-stream' && svn !== undefined) {
    return payload.length === 48
      ? ok({ launchMeasurement: hexOf(payload), guestSvn: svn })
      : refuse('uvm-malformed', 'payload', '48 bytes expected')
  }
  if (contentType !== 'application/json') {
    return refuse('uvm-malformed', 'protected.content-type', 'application/json expected')
  }
  const json = jsonOf(payload, { bytesMax: uvmPayloadBytesMax, depthMax: 4 })
  if (!json.ok) return json
  return reading(json.value, 'payload', (shape) =>
    shape.object('ignored', ({ required }) => ({
      launchMeasurement: required('x-ms-sevsnpvm-launchmeasurement').string(96, /^[0-9a-f]{96}$/),
      guestSvn: Number(required('x-ms-sevsnpvm-guestsvn').string(10, /^(0|[1-9][0-9]*)$/)),
    })),
  )
}

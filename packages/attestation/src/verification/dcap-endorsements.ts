/**
 * Endorsements of SGX and TDX, verified as a whole: chains, revocation lists, TCB info, QE identity.
 *
 * All of it holds for ever or is a date. Dates are kept beside it, so that whoever remembers the rest can ask again.
 *
 * @see Intel SGX and TDX Provisioning Certification Service API, version 4
 * @module
 */

import { bytesOfHex, hexOf, utf8Of } from '../bytes/index.ts'
import {
  type Endorsements,
  parseEndorsements,
  parseQeIdentity,
  parseTcbInfo,
  type QeIdentity,
  signedJsonOf,
  type TcbInfo,
} from '../endorsements/index.ts'
import {
  type Certificate,
  type Crl,
  type Cryptography,
  parseCertificateChain,
  parseCrl,
  pemOfCrl,
} from '../x509/index.ts'
import { type SignedCertificate, type TrustedChain, verifyChain } from './chain.ts'
import type { EndorsementHashes } from './dcap-evidence.ts'
import { accepted, refused } from './refusal.ts'
import { refuseRevoked, verifyCrl } from './revocation.ts'
import { verifyDocumentSignature } from './signed-documents.ts'
import { chainValidities, type Validity, type Window, windowOf } from './validity.ts'

/** Endorsements whose signatures and chains were verified, and in which no issuer is revoked. */
export interface VerifiedEndorsements {
  readonly tcbInfo: TcbInfo
  readonly qeIdentity: QeIdentity
  /** `undefined`: it did not come; then nothing is believed in the end, see {@link missing}. */
  readonly rootCaCrl: Crl | undefined
  readonly pckCrl: Crl | undefined
  /** Revocation lists that did not come. What is there is verified all the same: a forgery is told from a gap. */
  readonly missing: readonly (typeof revocationNames)[number][]
  /** Of the authority that issued PCK certificates and {@link pckCrl}. */
  readonly pckCrlChain: TrustedChain | undefined
  /** What came beside a quote that does not carry its chain. */
  readonly pckCertificates: readonly Certificate[] | undefined
  /** Certificates that were read on the way, not to be read again: see `parseCertificateChain`. */
  readonly read: ReadonlyMap<string, Certificate>
  /** Signatures that verified on the way, not to be verified again. */
  readonly signed: readonly SignedCertificate[]
  /** Hex SHA-256 of the SPKI of the root that every chain ends in. */
  readonly rootSpkiSha256: string
  readonly validities: readonly Validity[]
  readonly window: Window
  readonly hashes: EndorsementHashes
}

/**
 * Verifies everything about endorsements that is not a date.
 *
 * @param roots - hex SHA-256 of the SPKI of each root that is trusted; all chains must end in one and the same.
 */
export async function verifyEndorsements(
  texts: Endorsements,
  roots: readonly string[],
  cryptography: Cryptography,
): Promise<VerifiedEndorsements> {
  const endorsements = readEndorsements(texts)
  const signed: SignedCertificate[] = []
  const chain = (
    at: 'tcb_info_issuer_chain' | 'qe_identity_issuer_chain' | 'pck_crl_issuer_chain',
    certificates: readonly Certificate[],
    trusted: readonly string[],
  ): Promise<TrustedChain> =>
    verifyChain(
      certificates,
      { at, length: 2, leafIsCa: at === 'pck_crl_issuer_chain', roots: trusted },
      cryptography,
      signed,
    )

  // With several trusted roots, none may vouch for what another's platforms rest on.
  const tcbInfoChain = await chain('tcb_info_issuer_chain', endorsements.tcbInfoIssuers, roots)
  const { root, rootSpkiSha256 } = tcbInfoChain
  const sameRoot = [rootSpkiSha256]
  const qeIdentityChain = await chain(
    'qe_identity_issuer_chain',
    endorsements.qeIdentityIssuers,
    sameRoot,
  )
  const pckCrlChain =
    endorsements.pckCrlIssuers &&
    (await chain('pck_crl_issuer_chain', endorsements.pckCrlIssuers, sameRoot))
  const chains = [tcbInfoChain, qeIdentityChain, ...(pckCrlChain ? [pckCrlChain] : [])]

  const { tcbInfo, qeIdentity, rootCaCrl, pckCrl } = endorsements
  if (rootCaCrl !== undefined) {
    await verifyCrl(rootCaCrl, root, 'root_ca_crl', cryptography)
    for (const { at, certificates } of chains) {
      for (const certificate of certificates) refuseRevoked(certificate, rootCaCrl, at)
    }
  }
  if (pckCrl !== undefined && pckCrlChain !== undefined) {
    await verifyCrl(pckCrl, pckCrlChain.leaf, 'pck_crl', cryptography)
  }

  const tcbInfoBytes = utf8Of(texts.tcb_info)
  const qeIdentityBytes = utf8Of(texts.qe_identity)
  await verifyDocumentSignature(
    'tcb-info',
    { bytes: tcbInfoBytes, signature: texts.tcb_info_signature },
    tcbInfoChain.leaf,
    cryptography,
  )
  await verifyDocumentSignature(
    'qe-identity',
    { bytes: qeIdentityBytes, signature: texts.qe_identity_signature },
    qeIdentityChain.leaf,
    cryptography,
  )

  const hash = async (text: string): Promise<string> =>
    hexOf(await cryptography.digest('SHA-256', utf8Of(`${text}\0`)))
  const validities = [
    ...chains.flatMap(chainValidities),
    ...crlValidity('root_ca_crl', rootCaCrl),
    ...crlValidity('pck_crl', pckCrl),
    documentValidity('qe-identity', 'qe_identity', qeIdentity),
    documentValidity('tcb-info', 'tcb_info', tcbInfo),
  ]
  return {
    tcbInfo,
    qeIdentity,
    rootCaCrl,
    pckCrl,
    missing: revocationNames.filter((name) => texts[name] === ''),
    pckCrlChain,
    pckCertificates: endorsements.pckCertificates,
    read: endorsements.read,
    signed,
    rootSpkiSha256,
    validities,
    window: windowOf(validities),
    hashes: {
      tcbInfo: await hash(signedJsonOf('tcbInfo', texts.tcb_info, texts.tcb_info_signature)),
      qeIdentity: await hash(
        signedJsonOf('enclaveIdentity', texts.qe_identity, texts.qe_identity_signature),
      ),
      pckCrl: await hash(pckCrl === undefined ? '' : pemOfCrl(pckCrl.der)),
      rootCaCrl: await hash(rootCaCrl === undefined ? '' : pemOfCrl(rootCaCrl.der)),
      tcbInfoIssuerChain: await hash(texts.tcb_info_issuer_chain),
      qeIdentityIssuerChain: await hash(texts.qe_identity_issuer_chain),
    },
  }
}

/** Without which nothing says that a certificate is not revoked. */
const revocationNames = ['root_ca_crl', 'pck_crl', 'pck_crl_issuer_chain'] as const

/** Endorsements, parsed and believed by nobody yet. */
interface ParsedEndorsements {
  readonly tcbInfo: TcbInfo
  readonly qeIdentity: QeIdentity
  readonly rootCaCrl: Crl | undefined
  readonly pckCrl: Crl | undefined
  readonly tcbInfoIssuers: readonly Certificate[]
  readonly qeIdentityIssuers: readonly Certificate[]
  readonly pckCrlIssuers: readonly Certificate[] | undefined
  readonly pckCertificates: readonly Certificate[] | undefined
  readonly read: ReadonlyMap<string, Certificate>
}

function readEndorsements(texts: Endorsements): ParsedEndorsements {
  accepted(parseEndorsements(texts), 'endorsements-malformed', 'endorsements')
  const present = (name: keyof Endorsements): string => {
    const text = texts[name]
    return text === undefined || text === ''
      ? refused('missing-endorsements', name, 'not there')
      : text
  }
  const crl = (name: 'root_ca_crl' | 'pck_crl'): Crl | undefined => {
    if (texts[name] === '') return undefined
    const der = bytesOfHex(texts[name]) ?? refused('endorsements-malformed', name, 'not hex')
    return accepted(parseCrl(der), 'endorsements-malformed', name)
  }
  const read = new Map<string, Certificate>()
  const certificates = (name: keyof Endorsements): readonly Certificate[] =>
    accepted(parseCertificateChain(present(name), read), 'endorsements-malformed', name)
  return {
    tcbInfo: accepted(parseTcbInfo(present('tcb_info')), 'endorsements-malformed', 'tcb_info'),
    qeIdentity: accepted(
      parseQeIdentity(present('qe_identity')),
      'endorsements-malformed',
      'qe_identity',
    ),
    rootCaCrl: crl('root_ca_crl'),
    pckCrl: crl('pck_crl'),
    tcbInfoIssuers: certificates('tcb_info_issuer_chain'),
    qeIdentityIssuers: certificates('qe_identity_issuer_chain'),
    pckCrlIssuers: texts.pck_crl_issuer_chain ? certificates('pck_crl_issuer_chain') : undefined,
    pckCertificates: texts.pck_certificate_chain
      ? certificates('pck_certificate_chain')
      : undefined,
    read,
  }
}

function crlValidity(at: string, crl: Crl | undefined): readonly Validity[] {
  return crl === undefined ? [] : [{ kind: 'crl', at, from: crl.thisUpdate, until: crl.nextUpdate }]
}

function documentValidity(
  kind: 'tcb-info' | 'qe-identity',
  at: string,
  { issueDate, nextUpdate }: TcbInfo | QeIdentity,
): Validity {
  return { kind, at, from: issueDate, until: nextUpdate }
}

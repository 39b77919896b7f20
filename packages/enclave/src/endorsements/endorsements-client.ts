/**
 * Endorsements for evidence, from any source.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import { hexOf, ok, type Problem, type Result, refuse, textOf } from '@sealward/attestation/bytes'
import { type Endorsements, parseSignedJson } from '@sealward/attestation/endorsements'
import type { SnpProduct } from '@sealward/attestation/verification'
import { parseCertificateChain } from '@sealward/attestation/x509'
import type { BundledPiece } from './bundle.ts'
import type { AmdKey, EndorsementItem, EndorsementPiece, TcbBaseline } from './item.ts'
import {
  type AmdPlatform,
  amdItemsOf,
  createPlatformMemory,
  type IntelPlatform,
  type PlatformCode,
  platformOf,
} from './platform-of.ts'
import type { SourceCode } from './problems.ts'
import type { EndorsementSource } from './source.ts'

/**
 * Why there are no endorsements. `endorsements-unavailable`, `-rate-limited`, `-malformed` and `-expired` are the
 * world's, and may be retried; the others are about the evidence.
 */
export type EndorsementsCode = PlatformCode | SourceCode

/** What vouches for SGX and TDX platforms. */
export interface PcsClient {
  /**
   * Endorsements for the platform that made `quote`, SGX or TDX.
   *
   * @param baseline - `standard` unless said; `early` is what a forecast asks for.
   * @returns them, or one of {@link EndorsementsCode}. None of them has run out; nothing in them is verified here.
   */
  endorsementsFor(
    quote: Uint8Array,
    baseline?: TcbBaseline,
  ): Promise<Result<Endorsements, Problem<EndorsementsCode>>>
  close(): Promise<void>
}

/** What vouches for platforms of all kinds. */
export interface EndorsementsClient extends PcsClient {
  /**
   * As {@link PcsClient.endorsementsFor}, for an SEV-SNP report of 1184 bytes.
   *
   * @param certifiedAs - product line of the certificate in hand: then the chip's is not asked for.
   */
  snpEndorsementsFor(
    report: Uint8Array,
    certifiedAs?: SnpProduct,
  ): Promise<Result<SnpEndorsementSet, Problem<EndorsementsCode>>>
  /** All endorsements that `evidence` of any kind asks for, one by one: for bundles. */
  piecesFor(
    evidence: Uint8Array,
    baseline?: TcbBaseline,
  ): Promise<Result<readonly BundledPiece[], Problem<EndorsementsCode>>>
}

/** AMD's endorsements of one platform, as DER. */
export interface SnpEndorsementSet {
  readonly product: SnpProduct
  readonly key: AmdKey
  /** The VCEK; `undefined` where it was not asked for, and for a VLEK, which the provider hands to the guest. */
  readonly certificate: Uint8Array | undefined
  /** ASK or ASVK. */
  readonly intermediate: Uint8Array
  /** ARK. */
  readonly root: Uint8Array
  readonly crl: Uint8Array
}

/** Closing it closes the source. */
export function createEndorsementsClient(source: EndorsementSource): EndorsementsClient {
  const platforms = createPlatformMemory()
  const intelSetOf = createIntelSets()
  const intelPieces = async (
    platform: IntelPlatform,
    baseline: TcbBaseline,
  ): Promise<Result<IntelPieces, Problem<SourceCode>>> => {
    const { tee, fmspc, ca } = platform
    const [tcbInfo, qeIdentity, pckCrl, rootCaCrl] = await Promise.all([
      pieceOf(source, { kind: 'tcb-info', tee, fmspc, baseline }),
      pieceOf(source, { kind: 'qe-identity', tee, baseline }),
      pieceOf(source, { kind: 'pck-crl', ca }),
      pieceOf(source, { kind: 'root-ca-crl' }),
    ])
    if (!tcbInfo.ok) return tcbInfo
    if (!qeIdentity.ok) return qeIdentity
    if (!pckCrl.ok) return pckCrl
    if (!rootCaCrl.ok) return rootCaCrl
    return ok({
      tcbInfo: tcbInfo.value,
      qeIdentity: qeIdentity.value,
      pckCrl: pckCrl.value,
      rootCaCrl: rootCaCrl.value,
    })
  }

  const amdPieces = async (
    platform: AmdPlatform,
    product: SnpProduct,
  ): Promise<Result<AmdPieces, Problem<SourceCode | 'platform-unknown'>>> => {
    const { vcek: item } = amdItemsOf(platform, product)
    if (platform.key === 'vcek' && item === undefined) {
      return refuse('platform-unknown', 'chipId', 'the host hides which chip it is')
    }
    // The chip's first: of a product line that it is not of, nothing else is needed.
    const vcek = item === undefined ? undefined : await pieceOf(source, item)
    if (vcek !== undefined && !vcek.ok) return vcek
    const issuers = await amdIssuerPieces(platform, product)
    return issuers.ok ? ok({ ...issuers.value, vcek: vcek?.value }) : issuers
  }

  const amdIssuerPieces = async (
    platform: AmdPlatform,
    product: SnpProduct,
  ): Promise<Result<AmdPieces, Problem<SourceCode>>> => {
    const items = amdItemsOf(platform, product)
    const [chain, crl] = await Promise.all([
      pieceOf(source, items.chain),
      pieceOf(source, items.crl),
    ])
    if (!chain.ok) return chain
    if (!crl.ok) return crl
    return ok({ product, vcek: undefined, chain: chain.value, crl: crl.value })
  }

  const amdPiecesOfAny = async (
    platform: AmdPlatform,
  ): Promise<Result<AmdPieces, Problem<SourceCode>>> => {
    const [first, ...others] = platform.products
    let found = await amdPieces(platform, first)
    for (const product of others) {
      if (found.ok || !isElsewhere(found.problem.code)) break
      found = await amdPieces(platform, product)
    }
    return found
  }

  return {
    async endorsementsFor(quote, baseline = 'standard') {
      const platform = platformOf(quote, platforms)
      if (!platform.ok) return platform
      if (platform.value.tee === 'snp') {
        return refuse('platform-unknown', '@0x0', 'a report of AMD’s, where a quote was expected')
      }
      const pieces = await intelPieces(platform.value, baseline)
      return pieces.ok ? intelSetOf(pieces.value) : pieces
    },
    async snpEndorsementsFor(report, certifiedAs) {
      const platform = platformOf(report)
      if (!platform.ok) return platform
      if (platform.value.tee !== 'snp') {
        return refuse('platform-unknown', '@0x0', 'a quote, where a report of AMD’s was expected')
      }
      const pieces =
        certifiedAs === undefined
          ? await amdPiecesOfAny(platform.value)
          : await amdIssuerPieces(platform.value, certifiedAs)
      return pieces.ok ? amdSetOf(platform.value.key, pieces.value) : pieces
    },
    async piecesFor(evidence, baseline = 'standard') {
      const platform = platformOf(evidence)
      if (!platform.ok) return platform
      const pieces =
        platform.value.tee === 'snp'
          ? await amdPiecesOfAny(platform.value)
          : await intelPieces(platform.value, baseline)
      if (!pieces.ok) return pieces
      return ok(
        Object.values(pieces.value).filter(
          (piece): piece is BundledPiece => typeof piece === 'object',
        ),
      )
    },
    close: () => source.close(),
  }
}

interface IntelPieces {
  readonly tcbInfo: BundledPiece
  readonly qeIdentity: BundledPiece
  readonly pckCrl: BundledPiece
  readonly rootCaCrl: BundledPiece
}

interface AmdPieces {
  readonly product: SnpProduct
  readonly vcek: BundledPiece | undefined
  readonly chain: BundledPiece
  readonly crl: BundledPiece
}

async function pieceOf(
  source: EndorsementSource,
  item: EndorsementItem,
): Promise<Result<BundledPiece, Problem<SourceCode>>> {
  const piece = await source.get(item)
  return piece.ok ? ok({ item, piece: piece.value }) : piece
}

/** The chip may be of another product line. */
function isElsewhere(code: SourceCode): boolean {
  return code === 'platform-unknown' || code === 'endorsements-missing'
}

type IntelSet = Result<Endorsements, Problem<'endorsements-malformed'>>

/** The same pieces give the same set, and so the same object: whoever verified it knows it again. */
function createIntelSets(): (pieces: IntelPieces) => IntelSet {
  const known = new WeakMap<
    EndorsementPiece,
    { readonly of: readonly EndorsementPiece[]; readonly set: IntelSet }
  >()
  return (pieces) => {
    const of = [pieces.qeIdentity, pieces.pckCrl, pieces.rootCaCrl].map(({ piece }) => piece)
    const found = known.get(pieces.tcbInfo.piece)
    if (found?.of.every((piece, index) => piece === of[index])) return found.set
    const set = readIntelSet(pieces)
    known.set(pieces.tcbInfo.piece, { of, set })
    return set
  }
}

function readIntelSet(pieces: IntelPieces): IntelSet {
  const tcb = parseSignedJson(textOf(pieces.tcbInfo.piece.body) ?? '', 'tcbInfo')
  const qe = parseSignedJson(textOf(pieces.qeIdentity.piece.body) ?? '', 'enclaveIdentity')
  if (!tcb.ok) return refuse('endorsements-malformed', 'tcb-info', tcb.problem.detail)
  if (!qe.ok) return refuse('endorsements-malformed', 'qe-identity', qe.problem.detail)
  return ok({
    pck_crl_issuer_chain: chainOf(pieces.pckCrl),
    root_ca_crl: hexOf(pieces.rootCaCrl.piece.body),
    pck_crl: hexOf(pieces.pckCrl.piece.body),
    tcb_info_issuer_chain: chainOf(pieces.tcbInfo),
    tcb_info: tcb.value.text,
    tcb_info_signature: tcb.value.signature,
    qe_identity_issuer_chain: chainOf(pieces.qeIdentity),
    qe_identity: qe.value.text,
    qe_identity_signature: qe.value.signature,
  })
}

function chainOf({ piece }: { readonly piece: EndorsementPiece }): string {
  return piece.issuerChain ?? ''
}

function amdSetOf(
  key: AmdKey,
  pieces: AmdPieces,
): Result<SnpEndorsementSet, Problem<'endorsements-malformed'>> {
  const chain = parseCertificateChain(textOf(pieces.chain.piece.body) ?? '')
  const [intermediate, root] = chain.ok ? chain.value : []
  if (intermediate === undefined || root === undefined) {
    return refuse('endorsements-malformed', 'amd-chain', 'two certificates expected')
  }
  return ok({
    product: pieces.product,
    key,
    certificate: pieces.vcek?.piece.body,
    intermediate: intermediate.der,
    root: root.der,
    crl: pieces.crl.piece.body,
  })
}

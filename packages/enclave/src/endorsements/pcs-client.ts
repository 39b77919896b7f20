/**
 * A client of Intel's provisioning certification service, or of a cache of it.
 *
 * @see Intel SGX and TDX Provisioning Certification Service API, version 4
 * @module
 */

import {
  bytesOfHex,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import {
  type Endorsements,
  parseQeIdentity,
  parseSignedJson,
  parseTcbInfo,
} from '@sealward/attestation/endorsements'
import { parseSgxQuote, type SgxQuoteCode } from '@sealward/attestation/evidence'
import { parseCrl } from '@sealward/attestation/x509'
import type { Clock } from '../effects/index.ts'
import { createHttpClient, type HttpAnswer } from '../http/http-client.ts'
import { singleFlight } from '../http/single-flight.ts'
import { endorsementsLimits } from './limits.ts'

export interface PcsClientOptions {
  /** Address of a PCS or PCCS, without `/sgx/…`. */
  readonly baseUrl: string
  /**
   * Where the root CA's revocation list is, DER or its hex. A PCCS has it at `/sgx/certification/v4/rootcacrl`,
   * which is what is asked unless said; Intel has it at the address that the root certificate names.
   */
  readonly rootCaCrlUrl?: string
  readonly clock: Clock
}

/**
 * `endorsements-unavailable` and `endorsements-malformed` are the world's, and may be retried; the others
 * are about the quote.
 */
export type EndorsementsCode =
  | SgxQuoteCode
  | 'endorsements-unavailable'
  | 'endorsements-malformed'
  | 'platform-unknown'

export interface PcsClient {
  /**
   * Endorsements for the platform that made `quote`, kept until the first of them runs out. One request
   * at a time for one platform.
   *
   * @returns them, or one of {@link EndorsementsCode}. Nothing in them is verified here.
   */
  endorsementsFor(quote: Uint8Array): Promise<Result<Endorsements, Problem<EndorsementsCode>>>
  close(): Promise<void>
}

/** A client of the service at `baseUrl`. */
export function createPcsClient(options: PcsClientOptions): PcsClient {
  const { clock } = options
  const base = `${options.baseUrl}/sgx/certification/v4`
  const http = createHttpClient({
    secondsMax: endorsementsLimits.answerSecondsMax,
    answerBytesMax: endorsementsLimits.answerBytesMax,
  })
  const platforms = new Map<string, () => Promise<Outcome>>()

  const get = async (url: string): Promise<Result<HttpAnswer, Problem<FetchCode>>> => {
    const answer = await http.send({ url })
    if (!answer.ok) return refuse('endorsements-unavailable', pathOf(url), answer.problem.detail)
    if (answer.value.status === 200) return ok(answer.value)
    return answer.value.status === 404
      ? refuse('platform-unknown', pathOf(url), 'not known to the certification service')
      : refuse('endorsements-unavailable', pathOf(url), `answered ${answer.value.status}`)
  }

  const fetchAll = async (platform: Platform): Promise<Outcome> => {
    const [tcb, qe, pckCrl, rootCrl] = await Promise.all([
      get(`${base}/tcb?fmspc=${platform.fmspc}`),
      get(`${base}/qe/identity`),
      get(`${base}/pckcrl?ca=${platform.ca}&encoding=der`),
      get(options.rootCaCrlUrl ?? `${base}/rootcacrl`),
    ])
    if (!tcb.ok) return tcb
    if (!qe.ok) return qe
    if (!pckCrl.ok) return pckCrl
    if (!rootCrl.ok) return rootCrl
    return assemble({
      tcb: tcb.value,
      qe: qe.value,
      pckCrl: pckCrl.value,
      rootCrl: rootCrl.value,
    })
  }

  const keeping = (platform: Platform): (() => Promise<Outcome>) => {
    let kept: Kept | undefined
    let failure: { readonly outcome: Outcome; readonly until: UnixSeconds } | undefined
    const refresh = singleFlight(async (): Promise<Outcome> => {
      const outcome = await fetchAll(platform)
      const now = clock.now()
      if (outcome.ok) {
        kept = { ...outcome.value, refreshAt: now + endorsementsLimits.freshSeconds }
        failure = undefined
      } else {
        failure = { outcome, until: now + endorsementsLimits.failureSeconds }
      }
      return outcome
    })
    return async () => {
      const now = clock.now()
      const valid = kept !== undefined && now < kept.endsAt ? kept : undefined
      if (valid !== undefined && now < valid.refreshAt) return ok(valid)
      if (failure !== undefined && now < failure.until) {
        return valid === undefined ? failure.outcome : ok(valid)
      }
      const outcome = await refresh()
      // What is still valid is used while the service is down.
      return outcome.ok || valid === undefined ? outcome : ok(valid)
    }
  }

  return {
    async endorsementsFor(quote) {
      const platform = platformOf(quote)
      if (!platform.ok) return platform
      const key = `${platform.value.ca} ${platform.value.fmspc}`
      let ask = platforms.get(key)
      if (ask === undefined) {
        ask = keeping(platform.value)
        const oldest = platforms.keys().next().value
        if (platforms.size >= endorsementsLimits.platformsMax && oldest !== undefined) {
          platforms.delete(oldest)
        }
        platforms.set(key, ask)
      }
      const outcome = await ask()
      return outcome.ok ? ok(outcome.value.endorsements) : outcome
    },
    close: () => http.close(),
  }
}

type FetchCode = 'endorsements-unavailable' | 'platform-unknown'

interface Fetched {
  readonly endorsements: Endorsements
  /** The earliest `nextUpdate`. */
  readonly endsAt: UnixSeconds
}

interface Kept extends Fetched {
  readonly refreshAt: UnixSeconds
}

type Outcome = Result<Fetched, Problem<FetchCode | 'endorsements-malformed'>>

interface Platform {
  /** Hex. */
  readonly fmspc: string
  readonly ca: 'platform' | 'processor'
}

function platformOf(
  quote: Uint8Array,
): Result<Platform, Problem<SgxQuoteCode | 'platform-unknown'>> {
  const parsed = parseSgxQuote(quote)
  if (!parsed.ok) return parsed
  const { certificationData } = parsed.value
  const pck =
    certificationData.type === 5
      ? certificationData.chain.find((certificate) => certificate.sgx !== undefined)
      : undefined
  if (pck?.sgx === undefined) {
    return refuse('platform-unknown', 'certificationData', 'the quote carries no PCK certificate')
  }
  // Intel's two issuers differ in this one word of their name.
  const ca = /\bProcessor\b/i.test(pck.issuerCommonName ?? '') ? 'processor' : 'platform'
  return ok({ fmspc: hexOf(pck.sgx.fmspc), ca })
}

function assemble(answers: {
  readonly tcb: HttpAnswer
  readonly qe: HttpAnswer
  readonly pckCrl: HttpAnswer
  readonly rootCrl: HttpAnswer
}): Outcome {
  const malformed = (at: string): Outcome =>
    refuse('endorsements-malformed', at, 'the certification service answered something else')

  const tcb = parseSignedJson(textOf(answers.tcb.body) ?? '', 'tcbInfo')
  if (!tcb.ok) return malformed('tcb')
  const tcbInfo = parseTcbInfo(tcb.value.text)
  if (!tcbInfo.ok) return malformed('tcb')
  const qe = parseSignedJson(textOf(answers.qe.body) ?? '', 'enclaveIdentity')
  if (!qe.ok) return malformed('qe/identity')
  const qeIdentity = parseQeIdentity(qe.value.text)
  if (!qeIdentity.ok) return malformed('qe/identity')
  const pckCrlDer = derOf(answers.pckCrl.body)
  const pckCrl = parseCrl(pckCrlDer)
  if (!pckCrl.ok) return malformed('pckcrl')
  const rootCrlDer = derOf(answers.rootCrl.body)
  const rootCrl = parseCrl(rootCrlDer)
  if (!rootCrl.ok) return malformed('rootcacrl')
  const tcbChain = chainOf(answers.tcb, 'tcb-info-issuer-chain')
  const qeChain = chainOf(answers.qe, 'sgx-enclave-identity-issuer-chain')
  const crlChain = chainOf(answers.pckCrl, 'sgx-pck-crl-issuer-chain')
  if (tcbChain === undefined) return malformed('TCB-Info-Issuer-Chain')
  if (qeChain === undefined) return malformed('SGX-Enclave-Identity-Issuer-Chain')
  if (crlChain === undefined) return malformed('SGX-PCK-CRL-Issuer-Chain')

  return ok({
    endorsements: {
      pck_crl_issuer_chain: crlChain,
      root_ca_crl: hexOf(rootCrlDer),
      pck_crl: hexOf(pckCrlDer),
      tcb_info_issuer_chain: tcbChain,
      tcb_info: tcb.value.text,
      tcb_info_signature: tcb.value.signature,
      qe_identity_issuer_chain: qeChain,
      qe_identity: qe.value.text,
      qe_identity_signature: qe.value.signature,
    },
    endsAt: Math.min(
      tcbInfo.value.nextUpdate,
      qeIdentity.value.nextUpdate,
      pckCrl.value.nextUpdate,
      rootCrl.value.nextUpdate,
    ),
  })
}

/** Percent-encoded PEM, as Intel sends it in a header. */
function chainOf(answer: HttpAnswer, header: string): string | undefined {
  try {
    const chain = decodeURIComponent(answer.headers[header] ?? '')
    return chain.includes('-----BEGIN CERTIFICATE-----') ? chain : undefined
  } catch {
    return undefined
  }
}

/** A PCCS sends lists as hex, Intel as they are. DER never looks like hex. */
function derOf(body: Uint8Array): Uint8Array {
  const text = textOf(body)
  return (text === undefined ? undefined : bytesOfHex(text.trim())) ?? body
}

function pathOf(url: string): string {
  return new URL(url).pathname
}

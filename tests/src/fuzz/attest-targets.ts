import { base64UrlOf, concat, type Result, utf8Of } from '@sealward/attestation/bytes'
import {
  encodeOpenEnclaveReport,
  parseDcapQuote,
  parseMaaSnpReport,
  parseOpenEnclaveReport,
} from '@sealward/attestation/evidence'
import {
  type AttestRequest,
  parseAttestRequest,
} from '../../../services/attestation-service/src/attest/attest-request.ts'
import { evidenceTypes } from '../../../services/attestation-service/src/attest/evidence-types.ts'
import { resultFormatOf } from '../../../services/attestation-service/src/attest/result-format.ts'

type Parser = (input: Uint8Array) => Pick<Result<unknown>, 'ok'>

/** What the attestation service reads of a request before anything in it is believed. */
export const attestParsers: Readonly<Record<string, Parser>> = {
  'attest-body': (input) => {
    const read = Object.entries(evidenceTypes).map(([name, type]) => {
      const request = parseAttestRequest(input, type)
      return request.ok && readers[name as keyof typeof evidenceTypes](request.value).ok
    })
    return { ok: read.includes(true) }
  },
  'accept-header': (input) => resultFormatOf(new TextDecoder().decode(input)),
}

const readers: Readonly<
  Record<keyof typeof evidenceTypes, (request: AttestRequest) => Pick<Result<unknown>, 'ok'>>
> = {
  SgxEnclave: ({ evidence }) => parseDcapQuote(evidence),
  OpenEnclave: ({ evidence }) => parseOpenEnclaveReport(evidence),
  SevSnpVm: ({ evidence }) => parseMaaSnpReport(evidence),
  TdxVm: ({ evidence }) => parseDcapQuote(evidence),
}

/** Of evidence that its own parsers accept. */
export function attestSeedsOf(evidence: {
  readonly quote: Uint8Array
  readonly tdxQuote: Uint8Array
  readonly maaReport: Uint8Array
  readonly runtimeData: Uint8Array
}): Readonly<Record<string, readonly Uint8Array[]>> {
  const { quote, tdxQuote, maaReport, runtimeData } = evidence
  const data = (bytes: Uint8Array, dataType: string): object => ({
    data: base64UrlOf(bytes),
    dataType,
  })
  const body = (fields: object): Uint8Array => utf8Of(JSON.stringify(fields))
  return {
    'attest-body': [
      body({ quote: base64UrlOf(quote), runtimeData: data(runtimeData, 'JSON'), nonce: 'nonce' }),
      body({
        report: base64UrlOf(encodeOpenEnclaveReport(quote)),
        runtimeData: data(concat(runtimeData, Uint8Array.of(0)), 'Binary'),
        draftPolicyForAttestation: 'version=1.0; authorizationrules { => permit(); };',
      }),
      body({ report: base64UrlOf(maaReport), initTimeData: data(runtimeData, 'JSON') }),
      body({ quote: base64UrlOf(tdxQuote) }),
    ],
    'accept-header': [
      'application/json, */*;q=0.5',
      'application/eat+jwt; eat_profile="tag:github.com,2023:veraison/ear"; q=0.9, text/plain',
    ].map(utf8Of),
  }
}

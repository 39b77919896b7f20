import { cborOf, jsonOf, type Result } from '@sealward/attestation/bytes'
import { parseReferenceValues } from '@sealward/attestation/claims'
import { type DerReader, derTag, parsingDer } from '@sealward/attestation/der'
import {
  parseEndorsements,
  parseQeIdentity,
  parseSignedJson,
  parseTcbInfo,
} from '@sealward/attestation/endorsements'
import {
  evidenceOfCertificate,
  parseAmdCertificateTable,
  parseAzureVtpmEvidence,
  parseCoseSign1,
  parseDcapQuote,
  parseEvidenceDocument,
  parseHclReport,
  parseInitTimeData,
  parseMaaSnpReport,
  parseOpenEnclaveReport,
  parsePckChain,
  parseQeReport,
  parseRaTlsCertificate,
  parseRuntimeData,
  parseSnpReport,
  parseThimCertificates,
  parseTpmQuote,
  parseTpmSignature,
  parseTsmReport,
} from '@sealward/attestation/evidence'
import {
  parseAmdExtensions,
  parseCertificate,
  parseCertificateChain,
  parseCrl,
  parseSgxExtension,
  publicKeyOf,
} from '@sealward/attestation/x509'
import { parseBundle } from '@sealward/enclave/endorsements'
import { attestParsers } from './attest-targets.ts'
import { attestedTlsParsers } from './attested-tls-targets.ts'
import { brokerParsers } from './broker-targets.ts'
import { channelParsers } from './channel-targets.ts'
import { capturedFuzzSeeds, readFuzzSeeds } from './fuzz-seeds.ts'
import { kbsParsers } from './kbs-targets.ts'
import { policyJwsParsers } from './policy-jws-targets.ts'
import { policyEvaluation, policyQuery, policyText } from './policy-targets.ts'
import { storageParsers } from './storage-targets.ts'
import { tokenParsers } from './token-targets.ts'

/** A parser of what strangers send, and inputs to start from. */
export interface FuzzTarget {
  readonly name: string
  /** Kept with the project; the parser accepts each. */
  readonly seeds: readonly Uint8Array[]
  /** Captured elsewhere, accepted or not; often there are none. */
  readonly captured?: readonly Uint8Array[]
  readonly run: (
    input: Uint8Array,
  ) => Pick<Result<unknown>, 'ok'> | Promise<Pick<Result<unknown>, 'ok'>>
}

/** Every parser of evidence, endorsements and what is written down about them. */
export function fuzzTargets(): readonly FuzzTarget[] {
  const seeds = readFuzzSeeds()
  const captured = capturedFuzzSeeds()
  return Object.entries(parsers).map(([name, run]) => ({
    name,
    seeds: seeds.get(name) ?? [],
    captured: captured.get(name) ?? [],
    run,
  }))
}

/** Of the form that is asked for, for evidence that is not looked at further. */
const endorsements = {
  pck_crl_issuer_chain: '',
  root_ca_crl: '',
  pck_crl: '',
  tcb_info_issuer_chain: '',
  tcb_info: '',
  tcb_info_signature: '0'.repeat(128),
  qe_identity_issuer_chain: '',
  qe_identity: '',
  qe_identity_signature: '0'.repeat(128),
}

const parsers: Readonly<Record<string, FuzzTarget['run']>> = {
  'dcap-quote': (input) => {
    const quote = parseDcapQuote(input)
    if (!quote.ok) return quote
    parseQeReport(quote.value)
    return parsePckChain(quote.value) ?? quote
  },
  'snp-report': parseSnpReport,
  'hcl-report': parseHclReport,
  'tpm-quote': parseTpmQuote,
  'tpm-signature': parseTpmSignature,
  'cose-sign1': parseCoseSign1,
  'ra-tls': (input) => {
    const certificate = parseRaTlsCertificate(input)
    const evidence = evidenceOfCertificate(input, endorsements)
    if (evidence.ok) parseEvidenceDocument(evidence.value)
    return certificate
  },
  'amd-certificate-table': parseAmdCertificateTable,
  'azure-vtpm-evidence': parseAzureVtpmEvidence,
  'thim-certificates': parseThimCertificates,
  'maa-snp-report': parseMaaSnpReport,
  'tsm-report': parseTsmReport,
  'open-enclave-report': parseOpenEnclaveReport,
  'evidence-document': (input) => parseEvidenceDocument(jsonIn(input)),
  'runtime-data': parseRuntimeData,
  'init-time-data': parseInitTimeData,
  certificate: (input) => {
    const certificate = parseCertificate(input)
    if (certificate.ok) parseAmdExtensions(certificate.value)
    return certificate
  },
  'sgx-extension': parseSgxExtension,
  'public-key': (input) => ({ ok: publicKeyOf(input) !== undefined }),
  crl: parseCrl,
  der: (input) => parsingDer(input, readElements),
  'pem-chain': (input) => parseCertificateChain(textIn(input)),
  'tcb-info': (input) => parseTcbInfo(textIn(input)),
  'qe-identity': (input) => parseQeIdentity(textIn(input)),
  'signed-json': (input) => {
    parseSignedJson(textIn(input), 'enclaveIdentity')
    return parseSignedJson(textIn(input), 'tcbInfo')
  },
  endorsements: (input) => parseEndorsements(jsonIn(input)),
  'endorsements-bundle': parseBundle,
  'reference-values': (input) => parseReferenceValues(jsonIn(input)),
  ...attestParsers,
  ...tokenParsers,
  ...storageParsers,
  ...policyJwsParsers,
  ...channelParsers,
  ...attestedTlsParsers,
  ...kbsParsers,
  ...brokerParsers,
  'policy-text': policyText,
  'policy-evaluation': policyEvaluation,
  'policy-query': policyQuery,
  cbor: (input) => cborOf(input, { bytesMax: 65_536, depthMax: 8 }),
  json: (input) => jsonOf(input, { bytesMax: 1_048_576, depthMax: 16 }),
}

function textIn(input: Uint8Array): string {
  return new TextDecoder().decode(input)
}

/** What whoever calls the parser made of the bytes; `undefined` when they are not JSON. */
function jsonIn(input: Uint8Array): unknown {
  try {
    return JSON.parse(textIn(input))
  } catch {
    return undefined
  }
}

/** Reads every element as what its tag says. */
function readElements(reader: DerReader): void {
  while (reader.hasMore()) {
    const tag = reader.nextTag() ?? 0
    if ((tag & 0x20) !== 0) {
      reader.inside(tag, readElements)
      continue
    }
    switch (tag) {
      case derTag.boolean:
        reader.boolean()
        break
      case derTag.integer:
        reader.integer()
        break
      case derTag.bitString:
        reader.bits()
        break
      case derTag.objectIdentifier:
        reader.objectIdentifier()
        break
      default:
        reader.any()
    }
  }
}

import { cborOf, utf8Of } from '@sealward/attestation/bytes'
import { parseReferenceValues } from '@sealward/attestation/claims'
import { parseQeIdentity, parseTcbInfo } from '@sealward/attestation/endorsements'
import {
  parseAmdCertificateTable,
  parseAzureVtpmEvidence,
  parseCoseSign1,
  parseDcapQuote,
  parseEvidenceDocument,
  parseHclReport,
  parsePckChain,
  parseRaTlsCertificate,
  parseSnpReport,
  parseTpmQuote,
} from '@sealward/attestation/evidence'
import { createSampleVendor } from '@sealward/attestation/sample'
import { parseCertificate, parseCertificateChain, parseCrl } from '@sealward/attestation/x509'
import { parseBundle } from '@sealward/enclave/endorsements'

/** A parser of what strangers send, and inputs to start from. */
export interface FuzzTarget {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  readonly run: (input: Uint8Array) => unknown
}

const text = (input: Uint8Array): string => new TextDecoder().decode(input)

function jsonIn(input: Uint8Array): unknown {
  try {
    return JSON.parse(text(input))
  } catch {
    return undefined
  }
}

/** Every parser of evidence and endorsements. Seeds are a sample vendor's; what there is none of starts from zeros. */
export async function fuzzTargets(): Promise<readonly FuzzTarget[]> {
  const at = 1_795_392_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32),
    mrSigner: new Uint8Array(32),
    isvProdId: 1,
    isvSvn: 1,
    debug: false,
    reportData: new Uint8Array(64),
  })
  const endorsements = await vendor.endorsements({ at, lifetimeSeconds: 3600, revoked: ['pck'] })
  const crl = new Uint8Array(Buffer.from(endorsements.root_ca_crl, 'hex'))
  const certificate = vendor.rootCertificate
  const asTdx = quote.slice()
  asTdx.set([4, 0, 2, 0, 0x81, 0, 0, 0])
  const report = new Uint8Array(1184)
  report.set([3, 0, 0, 0])
  report[0x34] = 1
  const reportOf5 = report.slice()
  reportOf5[0] = 5
  const hcl = new Uint8Array(2600)
  hcl.set(utf8Of('HCLA'))
  hcl.set([2, 0, 0, 0], 4)
  const cose = Uint8Array.of(0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x42, 0x7b, 0x7d, 0x41, 0)
  const json = utf8Of(JSON.stringify(endorsements))
  return [
    {
      name: 'dcap-quote',
      seeds: [quote, asTdx],
      run: (input) => {
        const parsed = parseDcapQuote(input)
        return parsed.ok ? parsePckChain(parsed.value) : parsed
      },
    },
    { name: 'snp-report', seeds: [report, reportOf5], run: parseSnpReport },
    { name: 'certificate', seeds: [certificate], run: parseCertificate },
    { name: 'crl', seeds: [crl], run: parseCrl },
    {
      name: 'pem-chain',
      seeds: [utf8Of(endorsements.tcb_info_issuer_chain)],
      run: (input) => parseCertificateChain(text(input)),
    },
    {
      name: 'tcb-info',
      seeds: [utf8Of(endorsements.tcb_info)],
      run: (input) => parseTcbInfo(text(input)),
    },
    {
      name: 'qe-identity',
      seeds: [utf8Of(endorsements.qe_identity)],
      run: (input) => parseQeIdentity(text(input)),
    },
    {
      name: 'evidence-document',
      seeds: [json],
      run: (input) => parseEvidenceDocument(jsonIn(input)),
    },
    {
      name: 'reference-values',
      seeds: [json],
      run: (input) => parseReferenceValues(jsonIn(input)),
    },
    { name: 'endorsements-bundle', seeds: [json], run: parseBundle },
    { name: 'hcl-report', seeds: [hcl], run: parseHclReport },
    { name: 'tpm-quote', seeds: [utf8Of('\u00ffTCG\u0080\u0018'), report], run: parseTpmQuote },
    { name: 'cose-sign1', seeds: [cose], run: parseCoseSign1 },
    {
      name: 'cbor',
      seeds: [cose],
      run: (input) => cborOf(input, { bytesMax: 65_536, depthMax: 8 }),
    },
    { name: 'ra-tls', seeds: [certificate], run: parseRaTlsCertificate },
    { name: 'amd-certificate-table', seeds: [report], run: parseAmdCertificateTable },
    { name: 'azure-vtpm-evidence', seeds: [json], run: parseAzureVtpmEvidence },
  ]
}

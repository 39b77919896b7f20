/**
 * Inputs that fuzzing starts from, made anew: keys and signatures are drawn each time.
 *
 * @module
 */

import { generateKeyPairSync } from 'node:crypto'
import { base64Of, base64UrlOf, bytesOfHex, concat, utf8Of } from '@sealward/attestation/bytes'
import { skeletonOf } from '@sealward/attestation/claims'
import {
  encodeInitTimeData,
  encodeRaTlsClaims,
  encodeRuntimeData,
  parseDcapQuote,
  parsePckChain,
} from '@sealward/attestation/evidence'
import { sgxExtensionOid } from '@sealward/attestation/x509'
import { targetOf } from '@sealward/enclave/endorsements'
import { coseWorld } from '../../../packages/attestation/src/evidence/cose-sign1.fixtures.ts'
import {
  initTimeDataOf,
  runtimeDataOf,
} from '../../../packages/attestation/src/evidence/evidence-document.fixtures.ts'
import {
  hclWorld,
  tpmtSignatureOf,
} from '../../../packages/attestation/src/evidence/hcl-report.fixtures.ts'
import { raTlsWorld } from '../../../packages/attestation/src/evidence/ra-tls.fixtures.ts'
import { sampleWorld } from '../../../packages/attestation/src/verification/sample-world.fixtures.ts'
import { attestSeedsOf } from './attest-targets.ts'
import { attestedTlsSeeds } from './attested-tls-targets.ts'
import { brokerSeeds } from './broker-targets.ts'
import { channelSeeds } from './channel-targets.ts'
import type { FuzzSeeds } from './fuzz-seeds.ts'
import { kbsSeedsOf } from './kbs-targets.ts'
import { policyJwsSeeds } from './policy-jws-targets.ts'
import { policySeeds } from './policy-seeds.ts'
import { storageSeeds } from './storage-targets.ts'
import { tokenSeeds } from './token-targets.ts'

/** Seeds of all targets, each accepted by its parser. */
export async function makeFuzzSeeds(): Promise<FuzzSeeds> {
  const { quote, endorsements, endorsementsWith, verify } = await sampleWorld()
  const verified = await verify()
  if (!verified.ok) throw new Error(verified.problem.code)
  const revoking = await endorsementsWith({ revoked: ['pck', 'platform-ca', 'tcb-signing'] })
  const parsed = parseDcapQuote(quote)
  const chain = parsed.ok ? parsePckChain(parsed.value) : undefined
  if (chain?.ok !== true) throw new Error('the sample quote has no chain')
  const certificates = chain.value.map(({ der }) => der)
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey

  const runtimeData = encodeRuntimeData(await runtimeDataOf())
  const initTimeData = encodeInitTimeData(initTimeDataOf())
  const hcl = hclWorld()
  const cose = [coseWorld().message, coseWorld({ algorithm: 'ES256' }).message]
  const raTls = [
    ...(['dice', 'gramine', 'open-enclave'] as const).map((form) => raTlsWorld({ form }).der),
    raTlsWorld({
      claims: await encodeRaTlsClaims(utf8Of('a key'), new Uint8Array(32), {
        runtimeData,
        initTimeData,
        notBefore: 1_800_000_000,
        notAfter: 1_800_007_200,
      }),
    }).der,
  ]
  const crls = [endorsements.root_ca_crl, revoking.root_ca_crl, revoking.pck_crl].map(hex)
  const tcbInfoBody = `{"tcbInfo":${endorsements.tcb_info},"signature":"${endorsements.tcb_info_signature}"}`

  const maaReport = json({
    SnpReport: base64UrlOf(snpReportOf(3)),
    VcekCertChain: base64UrlOf(utf8Of(endorsements.pck_crl_issuer_chain)),
    Endorsements: base64UrlOf(json({ Uvm: cose.slice(1).map((message) => base64UrlOf(message)) })),
  })

  const seeds: Readonly<Record<string, readonly Uint8Array[]>> = {
    'dcap-quote': [quote, tdxQuoteOf(quote)],
    'snp-report': [2, 3, 5].map(snpReportOf),
    'hcl-report': [hcl.hclReport],
    'tpm-quote': [hcl.message],
    'tpm-signature': [tpmtSignatureOf(hcl.signature)],
    'cose-sign1': cose,
    'ra-tls': raTls,
    'amd-certificate-table': [tableOf(certificates)],
    'azure-vtpm-evidence': [
      json({
        version: 2,
        hcl_report: base64UrlOf(hcl.hclReport),
        tpm_quote: {
          message: Buffer.from(hcl.message).toString('hex'),
          signature: Buffer.from(hcl.signature).toString('hex'),
          pcrs: hcl.pcrs.map((pcr) => Buffer.from(pcr).toString('hex')),
        },
        vcek: base64UrlOf(certificates[0] ?? new Uint8Array()),
      }),
    ],
    'thim-certificates': [
      json({
        vcekCert: endorsements.tcb_info_issuer_chain,
        certificateChain: endorsements.pck_crl_issuer_chain,
        tcbm: '0100000000000000',
      }),
    ],
    'maa-snp-report': [maaReport],
    'tsm-report': [
      json({
        provider: 'sev_guest',
        outblob: base64UrlOf(snpReportOf(3)),
        auxblob: base64UrlOf(tableOf(certificates)),
      }),
    ],
    'open-enclave-report': [
      concat(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), u32(quote.length), u32(0), quote),
    ],
    'evidence-document': [
      json({
        kind: 'sgx',
        quote: base64UrlOf(quote),
        runtimeData: base64UrlOf(runtimeData),
        initTimeData: base64UrlOf(initTimeData),
        endorsements,
      }),
    ],
    'runtime-data': [runtimeData],
    'init-time-data': [initTimeData],
    certificate: [...certificates, ...raTls.slice(0, 1)],
    'sgx-extension': chain.value.flatMap(({ extensions }) =>
      extensions.filter(({ oid }) => oid === sgxExtensionOid).map(({ value }) => value),
    ),
    'public-key': [
      ...chain.value.slice(0, 1).map(({ spki }) => spki),
      new Uint8Array(rsaKey.export({ type: 'spki', format: 'der' })),
    ],
    crl: crls,
    der: [...certificates.slice(0, 1), ...crls.slice(1)],
    'pem-chain': [utf8Of(endorsements.pck_crl_issuer_chain)],
    'tcb-info': [utf8Of(endorsements.tcb_info)],
    'qe-identity': [utf8Of(endorsements.qe_identity)],
    'signed-json': [utf8Of(tcbInfoBody)],
    endorsements: [json(endorsements)],
    'endorsements-bundle': [
      json({
        format: 'sealward-endorsements-1',
        createdAt: 1_795_392_000,
        pieces: [
          {
            target: targetOf({ kind: 'pck-crl', ca: 'platform' }),
            body: base64Of(hex(revoking.pck_crl)),
            issuerChain: revoking.pck_crl_issuer_chain,
          },
          { target: targetOf({ kind: 'root-ca-crl' }), body: base64Of(hex(revoking.root_ca_crl)) },
        ],
      }),
    ],
    'reference-values': [json(skeletonOf(verified.value))],
    ...policySeeds,
    ...(await policyJwsSeeds()),
    ...tokenSeeds(),
    ...storageSeeds(),
    ...(await channelSeeds()),
    ...attestedTlsSeeds(),
    ...brokerSeeds(),
    ...attestSeedsOf({ quote, tdxQuote: tdxQuoteOf(quote), maaReport, runtimeData }),
    ...kbsSeedsOf({
      quote,
      snpReport: snpReportOf(3),
      certificate: certificates[0] ?? new Uint8Array(),
    }),
    cbor: [Uint8Array.of(0xa2, 0x01, 0x83, 0x01, 0x20, 0x42, 0x01, 0x02, 0x61, 0x61, 0xf5)],
    json: [utf8Of(endorsements.tcb_info), json({ a: [1, 2.5e3, null, { b: 'é\n' }] })],
  }
  return new Map(Object.entries(seeds))
}

const json = (value: unknown): Uint8Array => utf8Of(JSON.stringify(value))
const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

/** A quote of version 4 with a report of TDX 1.0, of what certifies the sample's. Its signatures are over something else. */
function tdxQuoteOf(sgx: Uint8Array): Uint8Array {
  const header = sgx.slice(0, 48)
  header.set([4, 0, 2, 0, 0x81, 0, 0, 0])
  const [signatureAndKey, certification] = [sgx.subarray(436, 564), sgx.subarray(564)]
  const length = u32(128 + 6 + certification.length)
  const nested = concat(Uint8Array.of(6, 0), u32(certification.length))
  return concat(header, new Uint8Array(584), length, signatureAndKey, nested, certification)
}

/** A report of zeros but for what may not be zero. */
function snpReportOf(version: number): Uint8Array {
  const report = new Uint8Array(1184)
  report[0] = version
  report[0x34] = 1
  if (version >= 3) report.set([0x19, 0xa0], 0x188)
  return report
}

/** A VCEK and an ASK, by their GUIDs. */
function tableOf([first, second]: readonly Uint8Array[]): Uint8Array {
  const [vcek = new Uint8Array(), ask = new Uint8Array()] = [first, second]
  const start = 3 * 24
  const entry = (guid: string, offset: number, { length }: Uint8Array): Uint8Array =>
    concat(hex(guid), u32(offset), u32(length))
  return concat(
    entry('63da758de6644564adc5f4b93be8accd', start, vcek),
    entry('4ab7b379bbac4fe4a02f05aef327c782', start + vcek.length, ask),
    new Uint8Array(24),
    vcek,
    ask,
  )
}

/** Little-endian. */
function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

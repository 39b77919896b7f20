/**
 * A throwaway vendor that signs well-formed SGX evidence under its own root. It protects nothing.
 *
 * @module
 */

import { base64Of, bytesOfBase64, hexOf, sha256, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import { type Endorsements, parseSignedJson, type TcbStatus } from '../endorsements/index.ts'
import { pemOf } from '../x509/index.ts'
import { type SampleIssuer, writeCertificate, writeCrl, writeSgxExtension } from './certificates.ts'
import { writeQeIdentity, writeTcbInfo } from './documents.ts'
import { generateSampleKey, importSampleKey, type SampleKey } from './keys.ts'
import { sampleFmspc } from './platform.ts'
import { type SampleEnclave, writeQuote } from './quote-writer.ts'

/** What {@link SampleVendor.endorsements} signs. */
export interface SampleEndorsementOptions {
  /** When they are issued. */
  readonly at: UnixSeconds
  /** How long TCB info, QE identity and revocation lists last. */
  readonly lifetimeSeconds: number
  /** The platform's status; `UpToDate` unless said. */
  readonly tcbStatus?: TcbStatus
  /** The quoting enclave's status; `UpToDate` unless said. */
  readonly qeTcbStatus?: TcbStatus
  /** Of the platform's level; none unless said. */
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
  /** Documents that were issued earlier and whose `nextUpdate` is one second before `at`. */
  readonly expired?: readonly ('tcb-info' | 'qe-identity' | 'pck-crl' | 'root-ca-crl')[]
  /** Certificates that the revocation lists name. */
  readonly revoked?: readonly ('pck' | 'platform-ca' | 'tcb-signing')[]
}

/** The answers of a provisioning certification service, as Intel's has them. */
export interface SamplePcsResponses {
  /** `GET /sgx/certification/v4/tcb`: body, and PEM for header `TCB-Info-Issuer-Chain`. */
  readonly tcbInfo: { readonly body: string; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/qe/identity`: body, and PEM for `SGX-Enclave-Identity-Issuer-Chain`. */
  readonly qeIdentity: { readonly body: string; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/pckcrl?ca=platform&encoding=der`: DER, and PEM for `SGX-PCK-CRL-Issuer-Chain`. */
  readonly pckCrl: { readonly der: Uint8Array; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/rootcacrl`: a PCCS sends this DER as hex. */
  readonly rootCaCrl: Uint8Array
}

/** Everything that a sample vendor knows, private keys included, as JSON for a state folder. */
export interface SampleVendorState {
  readonly format: 'sealward-sample-vendor-1'
  readonly keys: Readonly<Record<SampleKeyName, JsonWebKey>>
  /** DER, base64. */
  readonly certificates: Readonly<Record<SampleCertificateName, string>>
}

export type SampleCertificateName = 'root' | 'platformCa' | 'pck' | 'tcbSigning'
export type SampleKeyName = SampleCertificateName | 'attestation'

/** A vendor of hardware that does not exist. */
export interface SampleVendor {
  /** DER. */
  readonly rootCertificate: Uint8Array
  readonly rootCertificatePem: string
  /** Hex. */
  readonly rootSpkiSha256: string
  /** Hex, upper case, as Intel's URLs have it. */
  readonly fmspc: string
  /** An SGX quote of version 3, certification data type 5. */
  quote(enclave: SampleEnclave): Promise<Uint8Array>
  endorsements(options: SampleEndorsementOptions): Promise<Endorsements>
  pcsResponses(options: SampleEndorsementOptions): Promise<SamplePcsResponses>
  export(): Promise<SampleVendorState>
}

/** Makes a vendor. Its certificates are valid from one day before `at`. */
export async function createSampleVendor({
  at,
}: {
  readonly at: UnixSeconds
}): Promise<SampleVendor> {
  const keys = {
    root: await generateSampleKey(),
    platformCa: await generateSampleKey(),
    pck: await generateSampleKey(),
    tcbSigning: await generateSampleKey(),
    attestation: await generateSampleKey(),
  }
  const notBefore = at - secondsPerDay
  const root: SampleIssuer = { commonName: commonNames.root, key: keys.root }
  const platformCa: SampleIssuer = { commonName: commonNames.platformCa, key: keys.platformCa }
  const write = async (
    name: SampleCertificateName,
    issuer: SampleIssuer,
    years: number,
    more: { readonly pathLength?: number; readonly sgx?: Uint8Array },
  ): Promise<Uint8Array> =>
    writeCertificate({
      commonName: commonNames[name],
      publicKey: keys[name],
      issuer,
      notBefore,
      notAfter: notBefore + years * 365 * secondsPerDay,
      ...more,
    })
  return vendorOf(keys, {
    root: await write('root', root, 30, { pathLength: 1 }),
    platformCa: await write('platformCa', root, 15, { pathLength: 0 }),
    pck: await write('pck', platformCa, 7, { sgx: await writeSgxExtension(keys.pck) }),
    tcbSigning: await write('tcbSigning', root, 7, {}),
  })
}

/** The vendor that {@link SampleVendor.export} wrote down. Throws when the state is not one. */
export async function importSampleVendor(state: SampleVendorState): Promise<SampleVendor> {
  if (state.format !== 'sealward-sample-vendor-1') throw new Error('sample: not a vendor')
  const { keys } = state
  const certificate = (name: SampleCertificateName): Uint8Array => {
    const der = bytesOfBase64(state.certificates[name])
    if (der === undefined) throw new Error('sample: not a certificate')
    return der
  }
  return vendorOf(
    {
      root: await importSampleKey(keys.root),
      platformCa: await importSampleKey(keys.platformCa),
      pck: await importSampleKey(keys.pck),
      tcbSigning: await importSampleKey(keys.tcbSigning),
      attestation: await importSampleKey(keys.attestation),
    },
    {
      root: certificate('root'),
      platformCa: certificate('platformCa'),
      pck: certificate('pck'),
      tcbSigning: certificate('tcbSigning'),
    },
  )
}

type Keys = Readonly<Record<SampleKeyName, SampleKey>>
type Certificates = Readonly<Record<SampleCertificateName, Uint8Array>>

async function vendorOf(keys: Keys, certificates: Certificates): Promise<SampleVendor> {
  const chainOf = (...names: readonly SampleCertificateName[]): string =>
    names.map((name) => pemOf(certificates[name])).join('')
  const pckChain = chainOf('pck', 'platformCa', 'root')
  const pcsResponses = async (options: SampleEndorsementOptions): Promise<SamplePcsResponses> =>
    signPcsResponses(options, keys, {
      signer: chainOf('tcbSigning', 'root'),
      authority: chainOf('platformCa', 'root'),
    })
  return {
    rootCertificate: certificates.root,
    rootCertificatePem: pemOf(certificates.root),
    rootSpkiSha256: hexOf(await sha256(keys.root.spki)),
    fmspc: sampleFmspc,
    quote: async (enclave) => writeQuote(enclave, { ...keys, pckChain }),
    pcsResponses,
    endorsements: async (options) => endorsementsOf(await pcsResponses(options)),
    export: async () => ({
      format: 'sealward-sample-vendor-1',
      keys: mapOf(keys, ({ jwk }) => jwk),
      certificates: mapOf(certificates, base64Of),
    }),
  }
}

async function signPcsResponses(
  options: SampleEndorsementOptions,
  keys: Keys,
  chains: { readonly signer: string; readonly authority: string },
): Promise<SamplePcsResponses> {
  const { at, lifetimeSeconds, expired = [], revoked = [] } = options
  const updates = (
    name: 'tcb-info' | 'qe-identity' | 'pck-crl' | 'root-ca-crl',
  ): readonly [thisUpdate: UnixSeconds, nextUpdate: UnixSeconds] =>
    expired.includes(name) ? [at - 1 - lifetimeSeconds, at - 1] : [at, at + lifetimeSeconds]
  const document = (
    name: 'tcb-info' | 'qe-identity',
  ): Pick<
    Parameters<typeof writeTcbInfo>[0],
    'issueDate' | 'nextUpdate' | 'tcbEvaluationDataNumber'
  > => {
    const [issueDate, nextUpdate] = updates(name)
    const { tcbEvaluationDataNumber = 1 } = options
    return { issueDate, nextUpdate, tcbEvaluationDataNumber }
  }
  const crl = async (
    name: 'pck-crl' | 'root-ca-crl',
    issuer: 'root' | 'platformCa',
    revokedKeys: readonly SampleKey[],
  ): Promise<Uint8Array> => {
    const [thisUpdate, nextUpdate] = updates(name)
    return writeCrl({
      issuer: { commonName: commonNames[issuer], key: keys[issuer] },
      thisUpdate,
      nextUpdate,
      revoked: revokedKeys,
    })
  }
  const bodyOf = async (name: string, text: string): Promise<string> =>
    `{"${name}":${text},"signature":"${hexOf(await keys.tcbSigning.sign(utf8Of(text)))}"}`

  const tcbInfo = writeTcbInfo({
    ...document('tcb-info'),
    tcbStatus: options.tcbStatus ?? 'UpToDate',
    advisoryIds: options.advisoryIds ?? [],
  })
  const qeIdentity = await writeQeIdentity({
    ...document('qe-identity'),
    tcbStatus: options.qeTcbStatus ?? 'UpToDate',
    advisoryIds: [],
  })
  return {
    tcbInfo: { body: await bodyOf('tcbInfo', tcbInfo), issuerChain: chains.signer },
    qeIdentity: { body: await bodyOf('enclaveIdentity', qeIdentity), issuerChain: chains.signer },
    pckCrl: {
      der: await crl('pck-crl', 'platformCa', revoked.includes('pck') ? [keys.pck] : []),
      issuerChain: chains.authority,
    },
    rootCaCrl: await crl('root-ca-crl', 'root', [
      ...(revoked.includes('platform-ca') ? [keys.platformCa] : []),
      ...(revoked.includes('tcb-signing') ? [keys.tcbSigning] : []),
    ]),
  }
}

function endorsementsOf(responses: SamplePcsResponses): Endorsements {
  const { tcbInfo, qeIdentity, pckCrl, rootCaCrl } = responses
  const signedTcbInfo = parseSignedJson(tcbInfo.body, 'tcbInfo')
  const signedQeIdentity = parseSignedJson(qeIdentity.body, 'enclaveIdentity')
  if (!signedTcbInfo.ok || !signedQeIdentity.ok) throw new Error('sample: unreadable answer')
  return {
    pck_crl_issuer_chain: pckCrl.issuerChain,
    root_ca_crl: hexOf(rootCaCrl),
    pck_crl: hexOf(pckCrl.der),
    tcb_info_issuer_chain: tcbInfo.issuerChain,
    tcb_info: signedTcbInfo.value.text,
    tcb_info_signature: signedTcbInfo.value.signature,
    qe_identity_issuer_chain: qeIdentity.issuerChain,
    qe_identity: signedQeIdentity.value.text,
    qe_identity_signature: signedQeIdentity.value.signature,
  }
}

const commonNames: Readonly<Record<SampleCertificateName, string>> = {
  root: 'Sealward Sample SGX Root CA',
  platformCa: 'Sealward Sample SGX PCK Platform CA',
  pck: 'Sealward Sample SGX PCK Certificate',
  tcbSigning: 'Sealward Sample SGX TCB Signing',
}

const secondsPerDay = 86_400

function mapOf<Name extends string, T, U>(
  record: Readonly<Record<Name, T>>,
  map: (value: T) => U,
): Readonly<Record<Name, U>> {
  const entries = Object.entries<T>(record).map(([name, value]) => [name, map(value)])
  return Object.fromEntries(entries) as Record<Name, U>
}

/**
 * What Azure's paravisor (HCL) hands to a confidential VM: a hardware report, and the data that it binds.
 *
 * @see Azure, "Attestation report structure and runtime data" (guest attestation of confidential VMs)
 * @see OpenHCL, igvm_attest: IgvmAttestRequestBase, whose version 1 this is
 * @module
 */

import {
  type Bytes,
  bytesOf,
  bytesOfBase64Url,
  bytesOfHex,
  type Fields,
  type JsonCode,
  jsonOf,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
  reading,
  refuse,
  type Shape,
  type ShapeCode,
} from '../bytes/index.ts'
import { type DigestAlgorithm, type RsaPublicKey, rsaKeyOf } from '../x509/index.ts'
import { hclKeysMax, hclReportBytesMax, hclVariableDataDepthMax, shortTextMax } from './limits.ts'
import { snpReportBytes } from './snp-report.ts'

/** A report of the paravisor. Believed by nobody yet. */
export interface HclReport {
  readonly hardwareReport: HclHardwareReport
  /** Of {@link variableData}: its digest, and zeros after it, is the hardware report's REPORT_DATA. */
  readonly hashAlgorithm: DigestAlgorithm
  /** The JSON text, byte for byte. */
  readonly variableData: Uint8Array
  /** HCLAkPub: what the virtual TPM signs quotes with. */
  readonly attestationKey: RsaPublicKey
  /** HCLEkPub: what secrets for the virtual TPM are encrypted to. */
  readonly endorsementKey: RsaPublicKey | undefined
  readonly configuration: HclConfiguration
  /** What the guest asked to have bound. */
  readonly userData: Bytes<64> | undefined
  /** How many bytes follow the length that the report states. Nothing in them is read. */
  readonly trailingBytes: number
}

/** What the paravisor had the processor say. */
export type HclHardwareReport =
  /** `ATTESTATION_REPORT`: see `parseSnpReport`. */
  | { readonly kind: 'snp'; readonly report: Bytes<1184> }
  /** `TDREPORT_STRUCT`, which only its own machine can verify: a quote of it comes beside. */
  | { readonly kind: 'tdx'; readonly tdReport: Bytes<1024> }

/** What the paravisor says about the machine that it runs. `undefined`: not said. */
export interface HclConfiguration {
  readonly secureBoot: boolean | undefined
  readonly tpmEnabled: boolean | undefined
  readonly consoleEnabled: boolean | undefined
  readonly vmUniqueId: string | undefined
}

/** Why an HCL report was refused. */
export type HclReportCode =
  | ParseCode
  | JsonCode
  | ShapeCode
  | 'hcl-report-too-large'
  | 'hcl-not-a-report'
  | 'hcl-unsupported-report-type'
  | 'hcl-unsupported-hash-type'
  | 'hcl-length-mismatch'
  | 'hcl-key-malformed'

/**
 * Parses an HCL report.
 *
 * @param input - the content of the NV index, padded to its size. What follows the length that the report states is
 *   counted and not read.
 * @returns the fields, or one of {@link HclReportCode}.
 */
export function parseHclReport(input: Uint8Array): Result<HclReport, Problem<HclReportCode>> {
  if (input.length > hclReportBytesMax) {
    return refuse('hcl-report-too-large', '@0x0', `more than ${hclReportBytesMax} bytes`)
  }
  return parsing<HclReport, HclReportCode>(input, (cursor) => {
    if (cursor.u32() !== signature) cursor.fail('hcl-not-a-report', 'HCLA expected')
    const version = cursor.u32()
    if (version !== 1 && version !== 2) cursor.fail('unsupported-version', 'known: 1 and 2')
    const reportBytes = cursor.u32()
    // Type and outcome of the request: nothing signs them, and nothing follows from them.
    cursor.skip(8)
    cursor.reserved(12)
    const hardwareArea = cursor.bytes(snpReportBytes)

    const requestStart = cursor.offset()
    const requestBytes = cursor.u32()
    if (cursor.u32() !== 1) cursor.fail('unsupported-version', 'known: request data of version 1')
    const kind =
      reportTypes.get(cursor.u32()) ??
      cursor.fail('hcl-unsupported-report-type', 'known: 2 (SNP) and 4 (TDX)')
    const hashAlgorithm =
      hashTypes.get(cursor.u32()) ??
      cursor.fail('hcl-unsupported-hash-type', 'known: 1 (SHA-256), 2 (SHA-384), 3 (SHA-512)')
    const variableData = cursor.bytes(cursor.u32())
    if (cursor.offset() !== requestStart + requestBytes || cursor.offset() !== reportBytes) {
      cursor.fail('hcl-length-mismatch', 'lengths that contradict each other')
    }
    const trailingBytes = input.length - cursor.offset()
    cursor.skip(trailingBytes)

    const said = cursor.accept(readVariableData(variableData))
    const hardwareReport =
      kind === 'snp'
        ? ({ kind, report: hardwareArea } as const)
        : ({ kind, tdReport: hardwareArea.slice(0, tdReportStructBytes) as Bytes<1024> } as const)
    return { hardwareReport, hashAlgorithm, variableData, ...said, trailingBytes }
  })
}

/** `HCLA`, little-endian. */
const signature = 0x414c_4348

const tdReportStructBytes = 1024

const reportTypes: ReadonlyMap<number, 'snp' | 'tdx'> = new Map([
  [2, 'snp'],
  [4, 'tdx'],
])

const hashTypes: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [1, 'SHA-256'],
  [2, 'SHA-384'],
  [3, 'SHA-512'],
])

type VariableData = Pick<
  HclReport,
  'attestationKey' | 'endorsementKey' | 'configuration' | 'userData'
>

function readVariableData(bytes: Uint8Array): Result<VariableData, Problem<HclReportCode>> {
  const limits = { bytesMax: hclReportBytesMax, depthMax: hclVariableDataDepthMax }
  const json = jsonOf(bytes, limits)
  if (!json.ok) return json
  const shaped = reading(json.value, 'variableData', (shape) =>
    shape.object('ignored', (fields) => ({
      keys: fields.required('keys').list(hclKeysMax, readKey),
      configuration: readConfiguration(fields.optional('vm-configuration')),
      userData: userDataOf(fields),
    })),
  )
  if (!shaped.ok) return shaped
  const { keys, configuration, userData } = shaped.value
  const named = (name: string): readonly KeyNumbers[] => keys.filter(({ kid }) => kid === name)
  const [attestation, second] = named('HCLAkPub')
  if (attestation === undefined || second !== undefined) {
    return refuse('hcl-key-malformed', 'variableData.keys', 'exactly one HCLAkPub expected')
  }
  const attestationKey = rsaKeyOf(attestation.modulus, attestation.exponent)
  if (attestationKey === undefined) {
    return refuse(
      'hcl-key-malformed',
      'variableData.keys',
      'HCLAkPub is no RSA key of a usual size',
    )
  }
  const [endorsement] = named('HCLEkPub')
  const endorsementKey = endorsement && rsaKeyOf(endorsement.modulus, endorsement.exponent)
  return { ok: true, value: { attestationKey, endorsementKey, configuration, userData } }
}

interface KeyNumbers {
  readonly kid: string
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
}

function readKey(shape: Shape): KeyNumbers {
  return shape.object('ignored', ({ required }) => {
    required('kty').oneOf(['RSA'])
    return {
      kid: required('kid').string(shortTextMax),
      modulus: numberOf(required('n')),
      exponent: numberOf(required('e')),
    }
  })
}

function numberOf(shape: Shape): Uint8Array {
  return bytesOfBase64Url(shape.string(1024)) ?? shape.fail('wrong-value', 'base64url expected')
}

function readConfiguration(shape: Shape | undefined): HclConfiguration {
  return (
    shape?.object('ignored', ({ optional }) => ({
      secureBoot: optional('secure-boot')?.boolean(),
      tpmEnabled: optional('tpm-enabled')?.boolean(),
      consoleEnabled: optional('console-enabled')?.boolean(),
      vmUniqueId: optional('vmUniqueId')?.string(shortTextMax),
    })) ?? {
      secureBoot: undefined,
      tpmEnabled: undefined,
      consoleEnabled: undefined,
      vmUniqueId: undefined,
    }
  )
}

function userDataOf({ optional }: Fields): Bytes<64> | undefined {
  const shape = optional('user-data')
  if (shape === undefined) return undefined
  const bytes = bytesOfHex(shape.string(128))
  return (bytes && bytesOf(64, bytes)) ?? shape.fail('wrong-value', '128 hex digits expected')
}

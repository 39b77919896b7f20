import { hexOf } from '@sealward/attestation/bytes'
import type { ClaimSet } from '@sealward/attestation/claims'
import {
  type DcapQuote,
  parseDcapQuote,
  parseHclReport,
  parsePckChain,
} from '@sealward/attestation/evidence'
import type { ExitCode } from '../problem.ts'
import { rfc3339 } from './instant.ts'
import { kindNames, rowsOf, table } from './print.ts'
import { type ReadEvidence, readEvidence } from './read-evidence.ts'
import { bytesIn } from './read-file.ts'
import type { EvidenceSurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'
import { saidBy } from './verify.ts'

/** `sealward evidence inspect`: everything that can be read, and nothing that is believed. */
export async function runInspect(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: { readonly json?: true },
): Promise<ExitCode> {
  const bytes = await bytesIn(file, 'FILE')
  if (!bytes.ok) return unreadable(surroundings, flags, bytes.problem)
  const read = readEvidence(bytes.value)
  if (!read.ok) return unreadable(surroundings, flags, read.problem)
  const evidence = read.value
  const { kind, claims } = saidBy(evidence)
  const more = besideClaims(evidence)
  if (flags.json === true) {
    const said = { kind, verified: false, forms: evidence.forms, ...claims, ...more }
    surroundings.out(`${JSON.stringify(said, undefined, 2)}\n`)
    return 0
  }
  surroundings.out(
    [
      'Nothing of this was verified.\n',
      table([
        ...(kind === null ? [] : [['Kind', kindNames[kind]] as const]),
        ['Found as', evidence.forms.join(', in it ')],
        ...rowsOf(claims),
        ...Object.entries(more).flatMap(([name, value]) => rowsInside(name, value)),
      ]),
    ].join(''),
  )
  return 0
}

/** By the names that `--json` prints them under. */
function besideClaims(evidence: ReadEvidence): Readonly<Record<string, unknown>> {
  const azure = evidence.azure && parseHclReport(evidence.azure.hclReport)
  const paravisor = azure?.ok ? { azure: azure.value.configuration } : {}
  if (evidence.kind === 'snp') {
    return { certificates: evidence.certificates.length, crls: evidence.crls.length, ...paravisor }
  }
  const quote = parseDcapQuote(evidence.quote)
  const { document } = evidence
  return {
    ...(quote.ok ? { quote: envelopeOf(quote.value), ...platformOf(quote.value) } : {}),
    ...(document === undefined
      ? {}
      : { runtimeData: document.runtimeData, initTimeData: document.initTimeData }),
    ...paravisor,
  }
}

function envelopeOf(quote: DcapQuote): ClaimSet {
  const { version, certificationData, qeVendorId, trailingBytes } = quote
  return {
    version,
    certificationDataType: certificationData.type,
    qeVendorId: hexOf(qeVendorId),
    trailingBytes,
  }
}

/** What the PCK certificate in the quote says of the platform, where one is in it. */
function platformOf(quote: DcapQuote): { readonly platform?: ClaimSet } {
  const chain = parsePckChain(quote)
  const leaf = chain?.ok ? chain.value.find(({ sgx }) => sgx !== undefined) : undefined
  if (leaf?.sgx === undefined) return {}
  const { fmspc, ppid, pceId, pceSvn, cpuSvn, sgxType, platformInstanceId } = leaf.sgx
  return {
    platform: {
      fmspc: hexOf(fmspc),
      ppid: hexOf(ppid),
      ...(platformInstanceId === undefined
        ? {}
        : { platformInstanceId: hexOf(platformInstanceId) }),
      pceId: hexOf(pceId),
      pceSvn,
      cpuSvn: hexOf(cpuSvn),
      sgxType,
      pckIssuer: leaf.issuerCommonName ?? '',
      pckNotBefore: rfc3339(leaf.notBefore),
      pckNotAfter: rfc3339(leaf.notAfter),
    },
  }
}

/** A row for each value inside, by the path to it. */
function rowsInside(path: string, value: unknown): readonly (readonly [string, string])[] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null) return [[path, printable(value)]]
  return Object.entries(value).flatMap(([name, inner]) => rowsInside(`${path}.${name}`, inner))
}

/** Texts of runtime data are the attester's: none of them may steer a terminal. */
function printable(value: unknown): string {
  return String(value).replace(/[^\x20-\x7e]/g, '?')
}

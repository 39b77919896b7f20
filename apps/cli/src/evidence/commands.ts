/**
 * `sealward evidence`: the commands, their options, and what they print.
 *
 * @module
 */

import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hexOf, jsonOf, ok, sha256, type UnixSeconds } from '@sealward/attestation/bytes'
import {
  type ForecastSide,
  forecastTcb,
  parseReferenceValues,
  type ReferenceValues,
  skeletonOf,
} from '@sealward/attestation/claims'
import {
  amdRootSpkis,
  intelSgxRootSpki,
  verifyDcapEvidence,
} from '@sealward/attestation/verification'
import { parseCertificate } from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { type Command, Option } from 'commander'
import { failed } from '../failed.ts'
import { limits } from '../limits.ts'
import { badInput, type CommandProblem, type ExitCode, type Outcome } from '../problem.ts'
import { endorsementsFromBundle } from './bundled.ts'
import {
  instantOf,
  noEndorsements,
  type ReadEndorsements,
  readEndorsements,
  together,
} from './read-endorsements.ts'
import { type ReadEvidence, readEvidence } from './read-evidence.ts'
import {
  deploymentOf,
  type EvidenceVerdict,
  type RuntimeDataDigest,
  rfc3339,
  saidBy,
  type VerifyOptions,
  verifyEvidence,
} from './verify.ts'

/** What the commands need of their surroundings. */
export interface EvidenceSurroundings {
  readonly effects: { readonly clock: { now(): UnixSeconds } }
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

interface VerifyFlags {
  readonly endorsements?: readonly string[]
  readonly at?: string
  readonly root?: readonly string[]
  readonly runtimeData?: string
  readonly runtimeDataDigest: RuntimeDataDigest
  readonly policy?: string
  readonly skeleton?: true
  readonly json?: true
}

/** Adds `evidence inspect`, `evidence verify` and `evidence forecast`. */
export function addEvidenceCommands(
  program: Command,
  surroundings: EvidenceSurroundings,
  exit: (code: ExitCode) => void,
): void {
  const evidence = program.command('evidence').description('evidence of TEEs: SGX, TDX, SEV-SNP')

  evidence
    .command('inspect')
    .argument('<file>', 'evidence in any form that `verify` reads; - for standard input')
    .description('print what evidence says, without believing it')
    .option('--json', 'print it as JSON')
    .addHelpText('after', inspectHelp)
    .action(async (file: string, flags: { readonly json?: true }) => {
      exit(await runInspect(surroundings, file, flags))
    })

  withVerifyOptions(
    evidence
      .command('verify')
      .argument('<file>', 'a quote or report: raw, hex or base64; see below; - for standard input')
      .description('verify evidence by its vendor’s procedure, and appraise what it says'),
  )
    .option('--runtime-data <file>', 'a file whose digest report data must be')
    .addOption(
      new Option('--runtime-data-digest <name>', 'by which digest')
        .choices(['sha256', 'sha384', 'sha512'])
        .default('sha256'),
    )
    .option('--skeleton', 'print Reference Values that it meets, to start a policy from')
    .addHelpText('after', verifyHelp)
    .action(async (file: string, flags: VerifyFlags) => {
      exit(await runVerify(surroundings, file, flags))
    })

  withVerifyOptions(
    evidence
      .command('forecast')
      .argument('<file>', 'an SGX or TDX quote, in any form that `verify` reads')
      .description('say what Intel’s early endorsements will change, and by when'),
  )
    .requiredOption('--early <file>', 'Intel’s early endorsements (`update=early`)', collected, [])
    .addHelpText('after', forecastHelp)
    .action(async (file: string, flags: VerifyFlags & { readonly early: readonly string[] }) => {
      exit(await runForecast(surroundings, file, flags))
    })
}

function withVerifyOptions(command: Command): Command {
  return command
    .option(
      '--endorsements <file>',
      'endorsements; a folder, or more than once, is put together',
      collected,
    )
    .option('--at <rfc3339>', 'the instant at which everything has to be valid (default: now)')
    .option(
      '--root <file>',
      'certificates of the roots to trust instead of the vendors’',
      collected,
    )
    .option('--policy <file>', 'Reference Values that the evidence has to meet')
    .option('--json', 'print one line of JSON')
}

function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

const inspectHelp = `
Examples:
  sealward evidence inspect quote.bin
  sealward evidence inspect report.hex --json`

const forms = `
FILE is an SGX or TDX quote (versions 3 to 5) or an SEV-SNP report (2 to 5), raw, hex or base64; an evidence document of
Sealward's; a certificate with RA-TLS evidence; an Open Enclave report; an Azure HCL report; the JSON of Azure Attestation's
SevSnpVm, of configfs-tsm, or of Azure vTPM evidence.
Endorsements are, for SGX and TDX, JSON by the names of Intel's quote verification library, or a bundle of
\`sealward endorsements bundle\`; for SEV-SNP, certificates and revocation lists as PEM or DER, one after the other.`

const verifyHelp = `${forms}

Without --policy it is said what the vendor says, not whether it is the right workload: a debug enclave, too, is then a warning.

Examples:
  sealward evidence verify quote.bin --endorsements collateral.json
  sealward evidence verify report.bin --endorsements certs.pem --at 2026-11-27T00:00:00Z --json
  sealward evidence verify quote.bin --endorsements collateral.json --skeleton > policy.json
  sealward evidence verify quote.hex --endorsements bundle.json --policy policy.json --runtime-data nonce.bin

Exit codes: 0 affirming or warning, 1 contraindicated, 2 unreadable or wrong usage, 3 none (something is missing).`

const forecastHelp = `
Example:
  sealward evidence forecast quote.bin --endorsements today.json --early early.json

Exit codes: 0 nothing changes, or all stays acceptable; 1 contraindicated with the early endorsements; 2 unreadable or wrong
usage; 3 something is missing.`

async function runInspect(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: { readonly json?: true },
): Promise<ExitCode> {
  const evidence = await evidenceIn(file)
  if (!evidence.ok) return failed(surroundings, evidence.problem)
  const { kind, claims } = saidBy(evidence.value)
  const document = evidence.value.kind === 'dcap' ? evidence.value.document : undefined
  const bound =
    document === undefined
      ? {}
      : { runtimeData: document.runtimeData, initTimeData: document.initTimeData }
  if (flags.json === true || document !== undefined) {
    surroundings.out(
      `${JSON.stringify({ kind, verified: false, ...claims, ...bound }, undefined, 2)}\n`,
    )
    return 0
  }
  surroundings.out(table([['Kind', kindNames[kind ?? 'sgx']], ...rowsOf(claims)]))
  surroundings.out('Nothing of this was verified.\n')
  return 0
}

async function runVerify(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: VerifyFlags,
): Promise<ExitCode> {
  const evidence = await evidenceIn(file)
  if (!evidence.ok) return unreadable(surroundings, flags, evidence.problem)
  const options = await optionsOf(surroundings, evidence.value, flags, flags.endorsements ?? [])
  if (!options.ok) return unreadable(surroundings, flags, options.problem)
  const { verdict, evidence: verified } = await verifyEvidence(evidence.value, options.value)
  if (flags.skeleton === true && verified !== undefined) {
    surroundings.out(`${JSON.stringify(skeletonOf(verified), undefined, 2)}\n`)
  } else {
    surroundings.out(flags.json === true ? jsonLineOf(verdict) : textOf(verdict))
  }
  return exitCodes[verdict.verdict]
}

const exitCodes: Readonly<Record<EvidenceVerdict['verdict'], ExitCode>> = {
  affirming: 0,
  warning: 0,
  contraindicated: 1,
  none: 3,
}

/** With `--json`, a line of JSON stands for what could not be read, too. */
function unreadable(
  surroundings: EvidenceSurroundings,
  { json }: { readonly json?: true },
  { kind, ...problem }: CommandProblem,
): ExitCode {
  if (json === true) {
    surroundings.out(
      jsonLineOf({
        kind: null,
        verdict: 'none',
        tcbStatus: null,
        advisoryIds: [],
        debug: null,
        claims: {},
        problem,
        problems: [problem],
        expires: null,
      }),
    )
  }
  failed(surroundings, { kind, ...problem })
  return 2
}

function jsonLineOf(verdict: EvidenceVerdict): string {
  return `${JSON.stringify(verdict)}\n`
}

async function optionsOf(
  { effects }: EvidenceSurroundings,
  evidence: ReadEvidence,
  flags: VerifyFlags,
  files: readonly string[],
): Promise<Outcome<VerifyOptions>> {
  const at = flags.at === undefined ? effects.clock.now() : instantOf(flags.at)
  if (at === undefined) {
    return badInput('usage', '--at', 'an instant such as 2026-11-27T00:00:00Z expected')
  }
  const endorsements = await endorsementsIn(files, evidence, at)
  if (!endorsements.ok) return endorsements
  const roots = await rootsIn(flags.root ?? [])
  if (!roots.ok) return roots
  const referenceValues = flags.policy === undefined ? undefined : await policyIn(flags.policy)
  if (referenceValues !== undefined && !referenceValues.ok) return referenceValues
  const runtimeData =
    flags.runtimeData === undefined ? undefined : await bytesIn(flags.runtimeData, '--runtime-data')
  if (runtimeData !== undefined && !runtimeData.ok) return runtimeData
  return ok({
    endorsements: endorsements.value,
    roots: roots.value,
    at,
    ...(referenceValues === undefined ? {} : { referenceValues: referenceValues.value }),
    ...(runtimeData === undefined
      ? {}
      : { runtimeData: { bytes: runtimeData.value, digest: flags.runtimeDataDigest } }),
  })
}

async function runForecast(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: VerifyFlags & { readonly early: readonly string[] },
): Promise<ExitCode> {
  const evidence = await evidenceIn(file)
  if (!evidence.ok) return unreadable(surroundings, flags, evidence.problem)
  if (evidence.value.kind !== 'dcap') {
    const detail = 'only Intel publishes endorsements early: an SGX or TDX quote expected'
    return failed(surroundings, { kind: 'input', code: 'usage', at: 'FILE', detail })
  }
  const { quote } = evidence.value
  const today = await optionsOf(surroundings, evidence.value, flags, flags.endorsements ?? [])
  if (!today.ok) return unreadable(surroundings, flags, today.problem)
  const early = await optionsOf(surroundings, evidence.value, flags, flags.early)
  if (!early.ok) return unreadable(surroundings, flags, early.problem)
  const verifiedWith = async (
    options: VerifyOptions,
  ): Promise<Awaited<ReturnType<typeof verifyDcapEvidence>>> => {
    const { intel } = options.endorsements
    if (intel === undefined) {
      const detail = 'no endorsements of Intel’s'
      return { ok: false, problem: { code: 'missing-endorsements', at: 'endorsements', detail } }
    }
    const { roots, at } = options
    return verifyDcapEvidence(
      { quote, endorsements: intel, roots, at },
      { cryptography: nodeCryptography },
    )
  }
  const { referenceValues, at } = today.value
  const outcomes = [await verifiedWith(today.value), await verifiedWith(early.value)] as const
  const verified = outcomes.find(({ ok: isVerified }) => isVerified)
  const deployment = verified?.ok ? await deploymentOf(evidence.value, verified.value) : undefined
  const forecast = forecastTcb(...outcomes, referenceValues && { referenceValues, at, deployment })
  if (flags.json === true) {
    const { todayStandsUntil, ...others } = forecast
    const until = todayStandsUntil === undefined ? null : rfc3339(todayStandsUntil)
    surroundings.out(`${JSON.stringify({ ...others, todayStandsUntil: until })}\n`)
  } else {
    surroundings.out(
      [
        `Today   ${sideText(forecast.today)}\n`,
        `Early   ${sideText(forecast.early)}\n`,
        forecast.changes
          ? `Changes${untilText(forecast.todayStandsUntil)}.\n`
          : 'Nothing changes.\n',
        ...forecast.advisoriesAdded.map((id) => `  new advisory       ${id}\n`),
        ...forecast.advisoriesRemoved.map((id) => `  advisory withdrawn ${id}\n`),
      ].join(''),
    )
  }
  for (const side of [forecast.today, forecast.early]) {
    if (side.kind === 'refused' && side.problem.code === 'missing-endorsements') return 3
  }
  return isContraindicated(forecast.early) ? 1 : 0
}

function untilText(todayStandsUntil: number | undefined): string {
  return todayStandsUntil === undefined
    ? ''
    : `; what Intel says today stands until ${rfc3339(todayStandsUntil)} at most`
}

function isContraindicated(side: ForecastSide): boolean {
  return side.kind === 'refused' || side.verdict?.kind === 'contraindicated'
}

function sideText(side: ForecastSide): string {
  if (side.kind === 'refused') return `refused: ${side.problem.code}: ${side.problem.detail}`
  const { tcbStatus, tcbEvaluationDataNumber, tcbDate, verdict } = side
  const judged = verdict === undefined ? '' : `, ${verdict.kind}`
  return `${tcbStatus} (evaluation ${tcbEvaluationDataNumber}, level of ${rfc3339(tcbDate)})${judged}`
}

function textOf(verdict: EvidenceVerdict): string {
  const { kind, tcbStatus, advisoryIds, problems, expires, claims, debug } = verdict
  return [
    `${verdictWords[verdict.verdict]}\n`,
    ...problems.map(
      ({ code, at, detail }) => `  ${code}${at === '' ? '' : ` (${at})`}: ${detail}\n`,
    ),
    debug === true
      ? '  DEBUG: anybody on the machine can read its memory. For development only.\n'
      : '',
    claims['revocation'] === 'unchecked'
      ? '  No revocation list came with the certificates: nobody looked whether one is revoked.\n'
      : '',
    table([
      ['Kind', kindNames[kind ?? 'sgx']],
      ...(tcbStatus === null ? [] : [['TCB', tcbStatus] as const]),
      ...(advisoryIds.length === 0 ? [] : [['Advisories', advisoryIds.join(', ')] as const]),
      ...(expires === null ? [] : [['Good until', expires] as const]),
      ...rowsOf(claims),
    ]),
  ].join('')
}

const verdictWords: Readonly<Record<EvidenceVerdict['verdict'], string>> = {
  affirming: 'AFFIRMING: verified, and nothing speaks against it.',
  warning: 'WARNING: verified, and something has to be known about it.',
  contraindicated: 'CONTRAINDICATED: do not trust it.',
  none: 'NONE: something is missing, so nothing can be said.',
}

const kindNames = { sgx: 'SGX enclave', tdx: 'TDX trust domain', snp: 'SEV-SNP guest' } as const

function rowsOf(claims: EvidenceVerdict['claims']): readonly (readonly [string, string])[] {
  return Object.entries(claims).flatMap(([name, value]) =>
    typeof value === 'object'
      ? value.map((one, index) => [`${name}${index}`, one] as const)
      : [[name, String(value)] as const],
  )
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('')
}

async function evidenceIn(file: string): Promise<Outcome<ReadEvidence>> {
  const bytes = await bytesIn(file, 'FILE')
  return bytes.ok ? readEvidence(bytes.value) : bytes
}

async function endorsementsIn(
  files: readonly string[],
  evidence: ReadEvidence,
  at: UnixSeconds,
): Promise<Outcome<ReadEndorsements>> {
  const parts: ReadEndorsements[] = []
  for (const file of await filesOf(files)) {
    const bytes = await bytesIn(file, '--endorsements')
    if (!bytes.ok) return bytes
    const read = readEndorsements(bytes.value, '--endorsements')
    if (!read.ok) return read
    parts.push(read.value)
    for (const bundle of read.value.bundles) {
      const bundled = await endorsementsFromBundle(bundle, evidence, at)
      if (!bundled.ok) return bundled
      parts.push(bundled.value)
    }
  }
  return ok(parts.length === 0 ? noEndorsements : together(parts))
}

/** A folder stands for the files in it. */
async function filesOf(files: readonly string[]): Promise<readonly string[]> {
  const lists = await Promise.all(
    files.map(async (file) => {
      const stats = await stat(file).catch(() => undefined)
      if (stats?.isDirectory() !== true) return [file]
      const entries = await readdir(file, { withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).map(({ name }) => join(file, name))
    }),
  )
  return lists.flat()
}

/** Hex SHA-256 of the SPKI of each certificate; the vendors' own where none is given. */
async function rootsIn(files: readonly string[]): Promise<Outcome<readonly string[]>> {
  if (files.length === 0) return ok([intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)])
  const roots: string[] = []
  for (const file of files) {
    const bytes = await bytesIn(file, '--root')
    if (!bytes.ok) return bytes
    const read = readEndorsements(bytes.value, '--root')
    if (!read.ok) return read
    for (const der of read.value.certificates) {
      const certificate = parseCertificate(der)
      if (!certificate.ok)
        return badInput(certificate.problem.code, '--root', certificate.problem.detail)
      roots.push(hexOf(await sha256(certificate.value.spki)))
    }
  }
  return roots.length === 0
    ? badInput('root-malformed', '--root', 'no certificate in it')
    : ok(roots)
}

async function policyIn(file: string): Promise<Outcome<ReferenceValues>> {
  const bytes = await bytesIn(file, '--policy')
  if (!bytes.ok) return bytes
  const json = jsonOf(bytes.value, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return badInput(json.problem.code, '--policy', json.problem.detail)
  const values = parseReferenceValues(json.value)
  return values.ok
    ? ok(values.value)
    : badInput(values.problem.code, `--policy ${values.problem.at}`, values.problem.detail)
}

async function bytesIn(file: string, option: string): Promise<Outcome<Uint8Array>> {
  if (file === '-') return standardInput(option)
  const stats = await stat(file).catch(() => undefined)
  if (stats === undefined || !stats.isFile()) {
    return badInput('file-unreadable', option, `${file} cannot be read`)
  }
  if (stats.size > limits.evidenceBytesMax) {
    return badInput('file-too-large', option, `more than ${limits.evidenceBytesMax} bytes`)
  }
  const bytes = await readFile(file).catch(() => undefined)
  return bytes === undefined
    ? badInput('file-unreadable', option, `${file} cannot be read`)
    : ok(new Uint8Array(bytes))
}

async function standardInput(option: string): Promise<Outcome<Uint8Array>> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of createReadStream('', { fd: 0, autoClose: false })) {
    parts.push(part as Buffer)
    length += (part as Buffer).length
    if (length > limits.evidenceBytesMax) {
      return badInput('file-too-large', option, `more than ${limits.evidenceBytesMax} bytes`)
    }
  }
  return ok(new Uint8Array(Buffer.concat(parts)))
}

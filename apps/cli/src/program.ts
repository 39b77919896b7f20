/**
 * The commands, their options, and what the process answers.
 *
 * @module
 */

import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ok, type UnixSeconds } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { addAttestCommand } from './attest/commands.ts'
import { addAttestationCommands } from './attestation/commands.ts'
import { addAuditCommands } from './audit/commands.ts'
import { addBrokerCommands } from './broker/commands.ts'
import { readStackConfiguration, stackOriginOf } from './configuration.ts'
import { addressedTo, readCredentials } from './credentials.ts'
import { type Diagnosis, diagnose, notAFilm } from './diagnose.ts'
import { addEndorsementsCommands } from './endorsements.ts'
import { addEvidenceCommands } from './evidence/commands.ts'
import { failed } from './failed.ts'
import { mediaTypeOf } from './film-identity.ts'
import { diagnoseFolder, filmsBelow } from './folder.ts'
import { type Hospital, openHospital } from './hospital-client.ts'
import { limits } from './limits.ts'
import { addModelCommands } from './model/commands.ts'
import { addPlatformCommands } from './platform/commands.ts'
import { addPolicyCommands } from './policy/commands.ts'
import {
  badInput,
  type CommandProblem,
  type ExitCode,
  exitCodeOf,
  type Outcome,
} from './problem.ts'
import { openProgress } from './progress.ts'
import { type ReceiptVerdict, verifyReceiptFiles } from './receipt.ts'
import type { Surroundings } from './surroundings.ts'
import { addTokenCommands } from './token/commands.ts'

/** Runs one command line, without the program's own name. */
export async function run(
  commandLine: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const program = createProgram(surroundings, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...commandLine], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (surroundings.interrupted.aborted) {
      surroundings.err('Interrupted.\n')
      return 130
    }
    throw error
  }
}

function createProgram(surroundings: Surroundings, exit: (code: ExitCode) => void): Command {
  const { out, err, version } = surroundings
  const program = new Command('sealward')
    .description('A hospital’s side of Sealward, and an auditor’s, on the command line.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .addHelpText('after', programHelp)

  program
    .command('diagnose')
    .argument('<path>', 'a film (DICOM, PNG, JPEG), or with --csv a folder of films')
    .description('have a film interpreted by a running stack, and keep its receipt')
    .option('--json', 'print the result as JSON')
    .option('--csv <file>', 'for a folder: write one row for each film')
    .option('--stack <url>', 'where the stack is (default: whose credentials they are)')
    .option('--credentials <file>', 'client id and secret (default: cli.json in the state folder)')
    .option('--patient-identifier <system|value>', 'whose film it is', patientIdentifierOf)
    .option('--receipt-dir <folder>', 'where receipts are written', '.')
    .option('--timeout <seconds>', 'for each film', secondsOf, limits.timeoutSeconds)
    .addHelpText('after', diagnoseHelp)
    .action(async (path: string, options: DiagnoseFlags) => {
      exit(await runDiagnose(surroundings, path, options))
    })

  program
    .command('receipt')
    .description('receipts of diagnoses')
    .command('verify')
    .argument('<file>', 'a receipt')
    .description('verify a receipt offline, step by step')
    .requiredOption('--root <file>', 'PEM certificates of the evidence roots that are accepted')
    .option('--signer <file>', 'the attestation service’s certificates (PEM) or key set')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', receiptHelp)
    .action(async (file: string, options: ReceiptFlags) => {
      exit(await runReceiptVerify(surroundings, file, options))
    })

  addEvidenceCommands(program, surroundings, exit)
  addEndorsementsCommands(program, surroundings, exit)
  addAttestationCommands(program, surroundings, exit)
  addPolicyCommands(program, surroundings, exit)
  addAttestCommand(program, surroundings, exit)
  addTokenCommands(program, surroundings, exit)
  addBrokerCommands(program, surroundings, exit)
  addAuditCommands(program, surroundings, exit)
  addModelCommands(program, surroundings, exit)
  addPlatformCommands(program, surroundings, exit)
  pointToHelp(program, 'sealward')
  return program
}

/** After an error, each command names its own help. */
function pointToHelp(command: Command, line: string): void {
  command.showHelpAfterError(`(${line} --help tells more)`)
  for (const below of command.commands) pointToHelp(below, `${line} ${below.name()}`)
}

const programHelp = `
Examples:
  sealward diagnose film.dcm --json
  sealward diagnose films/ --csv out.csv
  sealward receipt verify receipt-4711.json --root root.pem
  sealward endorsements bundle quote.bin --out endorsements.json
  sealward attestation serve
  sealward evidence verify quote.bin --endorsements endorsements.json
  sealward policy check sgx.policy
  sealward attest quote.bin --service https://attest.example
  sealward token inspect token.jwt
  sealward broker serve
  sealward audit verify audit.jsonl --key audit-key.json
  sealward model encrypt --in model.onnx --out model.onnx.sealed --key model.key
  sealward platform restorer administrator.pem

sealward GROUP COMMAND --help has examples of each command.

Exit codes: 0 done, 1 refused by verification, 2 bad input or usage, 3 service unavailable, 130 interrupted.`

const diagnoseHelp = `
Examples:
  sealward diagnose film.dcm
  sealward diagnose film.png --patient-identifier 'urn:sealward:patient-number|4711' --json
  sealward diagnose films/ --csv out.csv --receipt-dir receipts/

The state folder is SEALWARD_HOME, or .sealward in this folder: a running stack keeps its credentials there.
Nothing of a film leaves this machine before the platform was verified.

Exit codes: 0 interpreted; 1 refused by verification; 2 bad input or usage; 3 the stack is unavailable; 130 interrupted.`

const receiptHelp = `
Examples:
  sealward receipt verify receipt-4711.json --root .sealward/root.pem
  sealward receipt verify receipt-4711.json --root root.pem --signer certs.json --json

A stack on this machine keeps the certificate of its sample root in its state folder, as root.pem.

Exit codes: 0 verified; 1 refused, by the step that is named; 2 bad input or usage.`

interface DiagnoseFlags {
  readonly json?: true
  readonly csv?: string
  readonly stack?: string
  readonly credentials?: string
  readonly patientIdentifier?: readonly [string, string]
  readonly receiptDir: string
  readonly timeout: number
}

interface ReceiptFlags {
  readonly root: string
  readonly signer?: string
  readonly json?: true
}

async function runDiagnose(
  surroundings: Surroundings,
  path: string,
  flags: DiagnoseFlags,
): Promise<ExitCode> {
  const stats = await stat(path).catch(() => undefined)
  if (stats === undefined) {
    return failed(
      surroundings,
      problemOf(badInput('file-unreadable', 'path', `${path} cannot be read`)),
    )
  }
  if (stats.isDirectory() !== (flags.csv !== undefined)) {
    const detail = stats.isDirectory()
      ? 'a folder needs --csv FILE'
      : '--csv is for a folder; leave it out for one film'
    return failed(surroundings, problemOf(badInput('usage', '--csv', detail)))
  }
  return flags.csv === undefined
    ? runDiagnoseFilm(surroundings, path, flags)
    : runDiagnoseFolder(surroundings, path, flags.csv, flags)
}

async function runDiagnoseFilm(
  surroundings: Surroundings,
  path: string,
  flags: DiagnoseFlags,
): Promise<ExitCode> {
  // What can be said without the network is said before it is used.
  const film = await readFilm(path)
  if (!film.ok) return failed(surroundings, film.problem)
  const hospital = await hospitalOf(surroundings, flags)
  if (!hospital.ok) return failed(surroundings, hospital.problem)
  const progress = await openProgress(surroundings.terminal, 'Uploading', 100)
  const diagnosis = await interpret(
    surroundings,
    hospital.value,
    film.value,
    flags,
    (step, share) =>
      progress.set(step === 'uploading' ? 'Uploading' : 'Waiting for the result', 100 * share),
  ).finally(() => progress.close())
  if (!diagnosis.ok) return failed(surroundings, diagnosis.problem)
  surroundings.out(
    flags.json === true
      ? `${JSON.stringify(resultOf(diagnosis.value, hospital.value.peer))}\n`
      : summaryOf(path, diagnosis.value, hospital.value.peer),
  )
  return 0
}

async function runDiagnoseFolder(
  surroundings: Surroundings,
  folder: string,
  table: string,
  flags: DiagnoseFlags,
): Promise<ExitCode> {
  const films = await filmsBelow(folder)
  if (!films.ok) return failed(surroundings, films.problem)
  const hospital = await hospitalOf(surroundings, flags)
  if (!hospital.ok) return failed(surroundings, hospital.problem)
  const progress = await openProgress(surroundings.terminal, 'Films', films.value.length)
  const report = await diagnoseFolder({
    folder,
    films: films.value,
    table,
    signal: surroundings.interrupted,
    interpret: async (path) => {
      const film = await readFilm(path)
      return film.ok ? interpret(surroundings, hospital.value, film.value, flags) : film
    },
    onRow: (count) => progress.set('Films', count),
  }).finally(() => progress.close())
  if (!report.ok) return failed(surroundings, report.problem)
  const { files, done, refused, stopped, problem } = report.value
  const sentence = `${done} of ${files} films interpreted, ${refused} refused; ${table} has a row for each.`
  surroundings.err(`${sentence}\n`)
  if (stopped === undefined) return refused === 0 ? 0 : 2
  if (stopped === 'interrupted') {
    surroundings.err(`Interrupted: ${files - done - refused} films were not looked at.\n`)
    return 130
  }
  surroundings.err(`Stopped at the next one: ${problem?.code}: ${problem?.detail}\n`)
  return exitCodeOf(stopped)
}

function interpret(
  { effects, interrupted }: Surroundings,
  hospital: Hospital,
  film: Uint8Array,
  flags: DiagnoseFlags,
  onProgress?: (step: 'uploading' | 'waiting', share: number) => void,
): Promise<Outcome<Diagnosis>> {
  return diagnose(effects, hospital, film, {
    receiptFolder: flags.receiptDir,
    timeoutSeconds: flags.timeout,
    signal: interrupted,
    ...(flags.patientIdentifier === undefined
      ? {}
      : { patientIdentifier: flags.patientIdentifier }),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
}

async function hospitalOf(
  { effects, env, err }: Surroundings,
  flags: DiagnoseFlags,
): Promise<Outcome<Hospital>> {
  const asked = flags.stack === undefined ? undefined : stackOriginOf(flags.stack)
  if (asked?.ok === false) return asked
  const home = env['SEALWARD_HOME'] ?? '.sealward'
  const read = await readCredentials(flags.credentials ?? join(home, 'cli.json'))
  if (!read.ok) return read
  const origin = asked ?? stackOriginOf(read.value.stack)
  if (!origin.ok) return origin
  const configuration = await readStackConfiguration(effects, origin.value)
  if (!configuration.ok) return configuration
  const credentials = addressedTo(read.value, configuration.value)
  if (!credentials.ok) return credentials
  const hospital = await openHospital(effects, configuration.value, credentials.value)
  if (hospital.ok && hospital.value.peer.simulated) {
    err('This stack runs in a simulated TEE, which protects nothing. For development only.\n')
  }
  return hospital
}

async function readFilm(path: string): Promise<Outcome<Uint8Array>> {
  try {
    const { size } = await stat(path)
    if (size > limits.filmBytesMax) {
      return badInput('film-too-large', 'FILE', `more than ${limits.filmBytesMax} bytes`)
    }
    const film = await readFile(path)
    return mediaTypeOf(film) === undefined ? notAFilm : ok(film)
  } catch {
    return badInput('file-unreadable', 'FILE', `${path} cannot be read`)
  }
}

/** What `--json` prints. */
function resultOf(diagnosis: Diagnosis, peer: VerifiedPeer): object {
  const { probability, logit, evidenceMap, model, receiptPath } = diagnosis
  return { probability, logit, evidenceMap, model, verdict: verdictOf(peer), receiptPath }
}

/** What verification concluded of the platform. */
function verdictOf({ verdict, simulated, evidence, checks }: VerifiedPeer): object {
  return {
    kind: verdict.kind,
    simulated,
    tcbStatus: evidence.tcbStatus,
    advisoryIds: evidence.advisoryIds,
    mrEnclave: evidence.mrEnclave,
    checks: checks.map(({ id }) => id),
  }
}

function summaryOf(path: string, diagnosis: Diagnosis, peer: VerifiedPeer): string {
  const { probability, operatingPoint, model, receiptPath } = diagnosis
  const side = probability >= operatingPoint.threshold ? 'at or above' : 'below'
  return table([
    ['Film', basename(path)],
    [
      'Probability',
      `${probability.toFixed(4)}, ${side} the operating point ${operatingPoint.threshold}`,
    ],
    ['Model', `${model.name} ${model.version}, SHA-256 ${model.sha256}`],
    [
      'Platform',
      `${peer.verdict.kind}, TCB ${peer.evidence.tcbStatus}, ${peer.checks.length} checks passed`,
    ],
    ['TEE', peer.simulated ? 'simulated: it protects nothing' : 'SGX'],
    ['Receipt', receiptPath],
  ])
}

async function runReceiptVerify(
  surroundings: Surroundings,
  receipt: string,
  flags: ReceiptFlags,
): Promise<ExitCode> {
  const { effects, out } = surroundings
  const files = {
    receipt,
    root: flags.root,
    ...(flags.signer === undefined ? {} : { signer: flags.signer }),
  }
  const verdict = await verifyReceiptFiles(files, effects.clock.now())
  if (!verdict.ok) return failed(surroundings, verdict.problem)
  out(flags.json === true ? `${JSON.stringify(verdict.value)}\n` : receiptTextOf(verdict.value))
  return verdict.value.kind === 'verified' ? 0 : 1
}

function receiptTextOf(verdict: ReceiptVerdict): string {
  if (verdict.kind === 'refused') {
    const { step, code, at, detail, passed } = verdict.problem
    return [
      ...passed.map((name) => `passed  ${name}\n`),
      `FAILED  ${step}: ${code}${at === '' ? '' : ` at ${at}`}: ${detail}\n`,
      'The receipt is not believed.\n',
    ].join('')
  }
  const { payload, steps, simulated, signersPinnedBy } = verdict.report
  return [
    ...steps.map(({ step, detail }) => `passed  ${step}: ${detail}\n`),
    table([
      ['Issued', instantOf(payload.issuedAt)],
      ['Deployment', payload.deployment],
      ['Platform', `measurement ${payload.platform.mrEnclave}, TCB ${payload.platform.tcbStatus}`],
      [
        'Diagnostics',
        `measurement ${payload.diagnostics.mrEnclave}, TCB ${payload.diagnostics.tcbStatus}`,
      ],
      [
        'Model',
        `${payload.diagnostics.model.name} ${payload.diagnostics.model.version}, SHA-256 ${payload.diagnostics.model.sha256}`,
      ],
      [
        'Attestation service',
        signersPinnedBy === 'caller'
          ? 'its key as you gave it'
          : 'its key as the platform’s measured configuration names it',
      ],
    ]),
    simulated ? 'Its TEEs were simulated: it proves nothing about who saw the data.\n' : '',
    'The receipt is believed.\n',
  ].join('')
}

function instantOf(seconds: UnixSeconds): string {
  return new Date(1000 * seconds).toISOString()
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('')
}

function problemOf(refusal: { readonly problem: CommandProblem }): CommandProblem {
  return refusal.problem
}

function patientIdentifierOf(text: string): readonly [string, string] {
  const bar = text.indexOf('|')
  const [system, value] = [text.slice(0, bar), text.slice(bar + 1)]
  if (bar <= 0 || value === '' || text.length > 512) {
    throw new InvalidArgumentError('system|value is expected.')
  }
  return [system, value]
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!/^[0-9]{1,4}$/.test(text) || seconds < 1 || seconds > limits.timeoutSecondsMax) {
    throw new InvalidArgumentError(`1 to ${limits.timeoutSecondsMax} seconds are possible.`)
  }
  return seconds
}

/**
 * `sealward evidence`: the commands, their options, and what they print.
 *
 * @module
 */

import { type Command, Option } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { VerifyFlags } from './read-options.ts'
import { runForecast } from './run-forecast.ts'
import { runInspect } from './run-inspect.ts'
import { runVerify } from './run-verify.ts'
import type { EvidenceSurroundings } from './surroundings.ts'

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
    .action(async (file: string, flags: VerifyFlags & { readonly skeleton?: true }) => {
      exit(await runVerify(surroundings, file, flags))
    })

  withVerifyOptions(
    evidence
      .command('forecast')
      .argument('<file>', 'an SGX or TDX quote, in any form that `verify` reads')
      .description('say what Intel’s early endorsements will change, and by when'),
  )
    .requiredOption('--early <file>', 'Intel’s early endorsements (`update=early`)', collected)
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

const forms = `
FILE is one of these, told apart by content:
  - an SGX or TDX quote (versions 3 to 5), or an SEV-SNP report (2 to 5), also with AMD's certificate table behind it;
  - the same in hex, base64 or base64url, white space in it or not;
  - an evidence document of Sealward's, which brings its endorsements;
  - a certificate with RA-TLS evidence, PEM or DER;
  - an Open Enclave report, or an Azure HCL report;
  - the JSON of configfs-tsm, of Azure's vTPM evidence, or of a request to Azure Attestation.`

const endorsementForms = `
Endorsements are
  - for SGX and TDX, JSON by the names of Intel's quote verification library (collateral.json);
  - for SEV-SNP, certificates and revocation lists: PEM, DER (one after the other), AMD's certificate table, or the JSON
    of Azure's THIM;
  - for all of them, a bundle of \`sealward endorsements bundle\`.
In a folder, files that are no endorsements are passed over.`

const inspectHelp = `${forms}

Examples:
  sealward evidence inspect quote.bin
  sealward evidence inspect report.hex --json
  curl -s https://example.org/evidence | sealward evidence inspect -

Nothing is verified. Exit codes: 0 read, 2 unreadable or wrong usage.`

const verifyHelp = `${forms}
${endorsementForms}

Without --endorsements, signatures are verified all the same: a forgery is contraindicated, anything else is none.
Without --policy it is said what the vendor says, not whether it is the right workload: a debug enclave, too, is then a warning.
--runtime-data takes the digest of the file's exact bytes; it, and zeros after it, has to be report data.

Examples:
  sealward evidence verify quote.bin --endorsements collateral.json
  sealward evidence verify report.bin --endorsements certs.pem --at 2026-11-27T00:00:00Z --json
  sealward evidence verify quote.bin --endorsements collateral.json --skeleton > policy.json
  sealward evidence verify quote.hex --endorsements bundle.json --policy policy.json --runtime-data nonce.bin

Exit codes: 0 affirming or warning, 1 contraindicated, 2 unreadable or wrong usage, 3 none (something is missing).`

const forecastHelp = `
Intel publishes endorsements weeks before they count (update=early). What they make of this platform is compared with what
today's do, each at the same instant, and each against --policy where one is given.

Example:
  sealward evidence forecast quote.bin --endorsements today.json --early early.json

Exit codes: 0 it will be affirming or a warning; 1 contraindicated with the early endorsements; 2 unreadable or wrong usage;
3 none (something is missing).`

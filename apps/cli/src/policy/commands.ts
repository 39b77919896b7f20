/**
 * `sealward policy`: the commands, their options, and what they print.
 *
 * @module
 */

import type { Command } from 'commander'
import type { ExitCode } from '../problem.ts'
import { type CheckFlags, runCheck } from './run-check.ts'
import { type DiffFlags, runDiff } from './run-diff.ts'
import { type ExplainFlags, runExplain } from './run-explain.ts'
import { type FormatFlags, runFormat } from './run-format.ts'
import { runTest, type TestFlags } from './run-test.ts'
import type { PolicySurroundings } from './surroundings.ts'

/** Adds `policy check`, `policy format`, `policy explain`, `policy test` and `policy diff`. */
export function addPolicyCommands(
  program: Command,
  surroundings: PolicySurroundings,
  exit: (code: ExitCode) => void,
): void {
  const policy = program
    .command('policy')
    .description('policies of attestation, in Azure Attestation’s language')

  policy
    .command('check')
    .argument('<file...>', 'policies; - for standard input')
    .description('say whether policies are valid, and what in them is likely not meant')
    .option('--strict', 'exit with 1 when there are warnings')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', checkHelp)
    .action(async (files: readonly string[], flags: CheckFlags) => {
      exit(await runCheck(surroundings, files, flags))
    })

  policy
    .command('format')
    .argument('<file>', 'a policy; - for standard input')
    .description('print a policy in its canonical form')
    .option('--write', 'write it back into the file')
    .option('--check', 'print nothing, and exit with 1 when the file is not in that form')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', formatHelp)
    .action(async (file: string, flags: FormatFlags) => {
      exit(await runFormat(surroundings, file, flags))
    })

  policy
    .command('explain')
    .argument('<file>', 'a policy; - for standard input')
    .description('say what a policy decides over claims, by which rule, and why')
    .requiredOption('--claims <file>', 'claims: see below; - for standard input')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', explainHelp)
    .action(async (file: string, flags: ExplainFlags) => {
      exit(await runExplain(surroundings, file, flags))
    })

  policy
    .command('test')
    .argument('<file>', 'a policy')
    .argument('<cases>', 'a JSON list of cases; - for standard input')
    .description('try whether a policy decides over claims as it should')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', testHelp)
    .action(async (file: string, cases: string, flags: TestFlags) => {
      exit(await runTest(surroundings, file, cases, flags))
    })

  policy
    .command('diff')
    .argument('<before>', 'a policy')
    .argument('<after>', 'another; - for standard input')
    .description('say what another policy changes: its rules, and what it decides over claims')
    .option('--claims <file>', 'claims to decide over; more than once', collected)
    .option('--json', 'print one line of JSON')
    .addHelpText('after', diffHelp)
    .action(async (before: string, after: string, flags: DiffFlags) => {
      exit(await runDiff(surroundings, before, after, flags))
    })
}

function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

const policyForms = `
A policy is its text in UTF-8, or a JWS that carries it (AttestationPolicy). The signature of a JWS is not verified.`

const claimForms = `
Claims are one of these, told apart by content; none of them is verified:
  - a JSON object of claims by their names, as a token's payload has them; objects and lists in it are JSON to the policy;
  - a JSON list of {"type": …, "value": …, "issuer": …};
  - an attestation token (a compact JWS);
  - what \`sealward evidence inspect --json\` or \`sealward evidence verify --json\` printed.`

const checkHelp = `${policyForms}

Examples:
  sealward policy check sgx.policy
  sealward policy check policies/*.policy --strict
  sealward policy check policy.jws --json

Exit codes: 0 valid, 1 valid with warnings and --strict, 2 not valid, unreadable or wrong usage.`

const formatHelp = `${policyForms}

Comments are kept. Another text is another x-ms-policy-hash, which relying parties pin: --write says both.

Examples:
  sealward policy format sgx.policy
  sealward policy format sgx.policy --write
  sealward policy format sgx.policy --check

Exit codes: 0 done, 1 not in canonical form (--check), 2 not valid, unreadable or wrong usage.`

const explainHelp = `${policyForms}
${claimForms}

Examples:
  sealward policy explain sgx.policy --claims claims.json
  sealward evidence inspect quote.bin --json | sealward policy explain sgx.policy --claims -
  sealward policy explain sgx.policy --claims token.jwt --json

Exit codes: 0 permitted, 1 refused, 2 not valid, unreadable or wrong usage.`

const testHelp = `
CASES is a JSON list:
  [{ "name": "an old enclave is refused",
     "claims": { "x-ms-sgx-is-debuggable": false, "x-ms-sgx-svn": 1 },
     "expect": "refuse" },
   { "name": "the current one is let in",
     "claims": { "x-ms-sgx-is-debuggable": false, "x-ms-sgx-svn": 2 },
     "expect": "permit",
     "issued": { "svn": 2 } }]

expect is permit; deny, by a rule that denies; or refuse, in whatever way. issued is all that is issued, a list where a claim is
issued more than once. claims has one of the forms that \`explain\` reads, but for tokens.

Examples:
  sealward policy test sgx.policy cases.json
  sealward policy test sgx.policy cases.json --json

Exit codes: 0 all as expected, 1 not all, 2 not valid, unreadable or wrong usage.`

const diffHelp = `${policyForms}
${claimForms}

Spelling, comments and places make no difference.

Examples:
  sealward policy diff old.policy new.policy
  sealward policy diff old.policy new.policy --claims good.json --claims debug.json

Exit codes: 0 no difference, 1 differences, 2 not valid, unreadable or wrong usage.`

/**
 * `sealward attestation policy`: the policies of a service that runs.
 *
 * @see docs/spec/policy-management.md
 * @module
 */

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { ServiceFlags } from './administer.ts'
import type { ChangeFlags } from './run-change.ts'
import type { Decision } from './run-decide.ts'
import type { GetFlags } from './run-get.ts'
import type { HistoryFlags } from './run-history.ts'

const types = ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm', 'Tpm', 'AzureGuest']

/** Adds `policy` to the group `attestation`. */
export function addPolicyManagementCommands(
  attestation: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const policy = attestation
    .command('policy')
    .description('the policies of a service that runs, and who may change them')
    .addHelpText('afterAll', policyHelp)

  ofService(ofType(policy.command('get')))
    .description('print the policy in force')
    .option('--at-version <number>', 'as it was in this version', numberOf)
    .action(async (flags: GetFlags) => {
      const { runGet } = await import('./run-get.ts')
      exit(await runGet(surroundings, flags))
    })
  changing(ofService(ofType(policy.command('set').argument('<file>', 'policy text'))))
    .description('put a policy in force, or propose it where a second person approves')
    .action(async (file: string, flags: ChangeFlags) => {
      const { runSet } = await import('./run-change.ts')
      exit(await runSet(surroundings, file, flags))
    })
  changing(ofService(ofType(policy.command('reset'))))
    .description('put the default in force again')
    .action(async (flags: ChangeFlags) => {
      const { runReset } = await import('./run-change.ts')
      exit(await runReset(surroundings, flags))
    })
  ofService(ofType(policy.command('history')))
    .description('who changed it and when')
    .option('--limit <number>', 'the newest so many', limitOf, 50)
    .action(async (flags: HistoryFlags) => {
      const { runHistory } = await import('./run-history.ts')
      exit(await runHistory(surroundings, flags))
    })
  ofService(policy.command('approvals'))
    .description('changes that wait for a second person')
    .action(async (flags: ServiceFlags) => {
      const { runApprovals } = await import('./run-history.ts')
      exit(await runApprovals(surroundings, flags))
    })
  for (const [decision, description] of [
    ['approve', 'have a change done that somebody else proposed'],
    ['withdraw', 'have a change not done'],
  ] as const satisfies readonly (readonly [Decision, string])[]) {
    ofService(policy.command(decision).argument('<id>', 'as `policy approvals` lists it'))
      .description(description)
      .action(async (id: string, flags: ServiceFlags) => {
        const { runDecide } = await import('./run-decide.ts')
        exit(await runDecide(surroundings, id, decision, flags))
      })
  }
}

function ofService(command: Command): Command {
  return command
    .requiredOption('--service <url>', 'the attestation service, or one of its instances')
    .option(
      '--token-file <file>',
      'access token of the identity provider (default: SEALWARD_TOKEN)',
    )
    .option('--signer <file>', 'the service’s certificates (PEM) or key set, to pin')
    .option('--json', 'print one line of JSON')
}

function ofType(command: Command): Command {
  return command.addOption(
    new Option('--type <type>', 'of evidence').choices(types).makeOptionMandatory(),
  )
}

function changing(command: Command): Command {
  return command
    .option('--sign-with <file>', 'PEM of the private key of a policy signer')
    .option(
      '--certificate <file>',
      'PEM of its certificate, and of those that lead to a registered one',
    )
    .option('--if-match <hash>', 'only if this policy is in force')
}

const policyHelp = `
Examples:
  sealward attestation policy get --service https://attest.example --type SgxEnclave
  sealward attestation policy set sgx.policy --service https://attest.example --type SgxEnclave --token-file token.txt
  sealward attestation policy set sgx.policy --service https://attest.example/instances/one --type SgxEnclave \\
    --sign-with signer.key --certificate signer.pem
  sealward attestation policy history --service https://attest.example --type SgxEnclave --json
  sealward attestation policy approve 41e0ff2eb386fac06dd2c4bb8da25016 --service https://attest.example

What the service answers is verified: its signature, its issuer, and that it confirms what was asked for. Without
--signer that says only that whoever answers at that address signed it. A signed policy says for which service and type it
is and when it was signed.

Exit codes: 0 done, or waiting for a second person; 1 refused; 2 bad input, usage or rights; 3 unavailable.`

function numberOf(text: string): number {
  const number = Number(text)
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('1 or more is expected.')
  return number
}

function limitOf(text: string): number {
  const number = numberOf(text)
  if (number > 200) throw new InvalidArgumentError('at most 200 are possible.')
  return number
}

/**
 * `sealward attestation`: a service of one's own.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import { type Command, InvalidArgumentError } from 'commander'
import { addPolicyManagementCommands } from '../attestation-policy/commands.ts'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { RotateFlags } from './run-rotate.ts'
import type { ServeFlags } from './run-serve.ts'

/** Adds `attestation serve`, `attestation rotate` and `attestation policy`. */
export function addAttestationCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const attestation = program
    .command('attestation')
    .description('an attestation service of one’s own, and its policies')

  withState(attestation.command('serve'))
    .description('appraise evidence and sign what it says, as Azure Attestation does')
    .option('--port <number>', 'where to listen (default: 4480)', portOf)
    .option('--address <ip>', 'at which address (default: 127.0.0.1)')
    .option('--issuer <url>', 'as tokens name it (default: http://localhost:PORT)')
    .option('--verbose', 'print a line of JSON on standard error for each request')
    .option('--print-config', 'print a configuration to start from, and end')
    .addHelpText('after', serveHelp)
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import('./run-serve.ts')
      exit(await runServe(surroundings, flags))
    })

  withState(attestation.command('rotate'))
    .description('have a new signing key follow the current one')
    .option('--instance <name>', 'whose key', 'default')
    .option('--json', 'print the keys as JSON')
    .addHelpText('after', rotateHelp)
    .action(async (flags: RotateFlags) => {
      const { runRotate } = await import('./run-rotate.ts')
      exit(await runRotate(surroundings, flags))
    })

  addPolicyManagementCommands(attestation, surroundings, exit)
}

function withState(command: Command): Command {
  return command
    .option('--config <file>', 'JSON; see --print-config')
    .option('--state <folder>', 'holds keys, and PostgreSQL where no other is named')
    .option('--database <url>', 'of PostgreSQL (default: DATABASE_URL, else one of its own)')
}

const serveHelp = `
Examples:
  sealward attestation serve
  sealward attestation serve --print-config > attestation.json
  sealward attestation serve --config attestation.json --port 443 --address 0.0.0.0
  DATABASE_URL=postgres://attestation@db.example/attestation sealward attestation serve --config attestation.json

Without a configuration it is one instance for production: it trusts Intel's and AMD's roots, asks their services for
endorsements, and appraises by the built-in policies. Its state lies in .sealward-attestation. It speaks HTTP: put a proxy
that speaks TLS before it where others are to reach it. Replicas share the database and the file key-encryption-key of the
state folder. Ctrl-C lets requests under way end; a second Ctrl-C does not.`

const rotateHelp = `
Examples:
  sealward attestation rotate
  sealward attestation rotate --config attestation.json --instance hospital

The new key is published at once and signs after publishedAheadSeconds, one hour unless configured; the old one stays
published until its last token has expired. Running replicas notice by themselves. Relying parties that pin signers have
to be given the new pin before it signs.`

function portOf(text: string): number {
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('0 to 65535 are possible.')
  }
  return port
}

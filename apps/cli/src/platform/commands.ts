/**
 * `sealward platform`: what a hospital's administrator does about a platform's database.
 *
 * @module
 */

import type { Command } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { AcceptRestoreFlags } from './run-accept-restore.ts'

export function addPlatformCommands(
  program: Command,
  surroundings: Pick<Surroundings, 'effects' | 'out' | 'err'>,
  exit: (code: ExitCode) => void,
): void {
  const platform = program.command('platform').description('a platform and its database')

  platform
    .command('restorer')
    .argument('<file>', 'PEM of a key of P-256, private or public')
    .description('name a key as the measured init-time data does: under restorers')
    .addHelpText('after', restorerHelp)
    .action(async (file: string) => {
      const { runRestorer } = await import('./run-accept-restore.ts')
      exit(await runRestorer(surroundings, file))
    })

  platform
    .command('accept-restore')
    .description('sign that a database which was put back is gone on with')
    .requiredOption(
      '--sign-with <file>',
      'PEM of a private key that init-time data names a restorer',
    )
    .requiredOption('--deployment <urn>', 'whose database it is')
    .requiredOption('--anchor <state>', 'as the refusal tells it: a number and a digest')
    .requiredOption('--database <state>', 'as the refusal tells it: a number and a digest')
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .addHelpText('after', acceptRestoreHelp)
    .action(async (flags: AcceptRestoreFlags) => {
      const { runAcceptRestore } = await import('./run-accept-restore.ts')
      exit(await runAcceptRestore(surroundings, flags))
    })
}

const acceptRestoreHelp = `
A platform whose database is not the one that its anchor knows does not start, and says both states. Whatever was written
between them is lost with the statement: patients who were erased since then are back, and reports that were signed since
then are preliminary again. It allows this one restore, and no other.

Example:
  sealward platform accept-restore --sign-with administrator.pem --deployment urn:uuid:… \\
    --anchor '4711 9f86…' --database '4602 60303…' --reason 'the disk broke on Tuesday' > restore.jws

The operator gives what it prints to the platform as restoreStatement of its configuration.

Exit codes: 0 signed; 2 bad input or usage.`

const restorerHelp = `
Example:
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out administrator.pem
  sealward platform restorer administrator.pem`

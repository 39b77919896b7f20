/**
 * `sealward audit`: what a key broker wrote down, kept and verified by somebody else.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { CheckpointFlags, ExportFlags } from './run-export.ts'
import type { VerifyFlags } from './run-verify.ts'

/** Adds `audit verify`, `audit export`, `audit checkpoint` and `audit key`. */
export function addAuditCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const audit = program.command('audit').description('the audit log of a key broker')

  audit
    .command('verify')
    .argument('[file]', 'an exported log; `-` is standard input')
    .description('find what was removed, changed, moved, inserted, cut off or written anew')
    .option('--broker <url>', 'read the log from a broker instead of a file')
    .option(
      '--token-file <file>',
      'an auditor’s access token, for --broker (default: SEALWARD_TOKEN)',
    )
    .option('--key <file>', 'what signs checkpoints: `audit key`, as it was kept')
    .option('--checkpoint <file>', 'one that was kept; several times', collected, [])
    .option('--unsigned', 'without --key: say only whether the log agrees with itself')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', verifyHelp)
    .action(async (file: string | undefined, flags: VerifyFlags) => {
      const { runVerify } = await import('./run-verify.ts')
      exit(await runVerify(surroundings, file, flags))
    })

  audit
    .command('export')
    .description('write the log into a file, with a checkpoint of its end')
    .requiredOption('--broker <url>', 'whose log')
    .requiredOption('--out <file>', 'where it is written; no file that is there already')
    .option('--token-file <file>', 'an auditor’s access token (default: SEALWARD_TOKEN)')
    .option('--after <number>', 'only entries after this one', numberOf, 0)
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', exportHelp)
    .action(async (flags: ExportFlags) => {
      const { runExport } = await import('./run-export.ts')
      exit(await runExport(surroundings, flags))
    })

  audit
    .command('checkpoint')
    .description('have a checkpoint signed of the log as it is now, to keep')
    .requiredOption('--broker <url>', 'whose log')
    .option('--key <file>', 'what must have signed it: `audit key`, as it was kept')
    .option('--json', 'print what it says as JSON')
    .addHelpText('after', checkpointHelp)
    .action(async (flags: CheckpointFlags) => {
      const { runCheckpoint } = await import('./run-export.ts')
      exit(await runCheckpoint(surroundings, flags))
    })

  audit
    .command('key')
    .description('print the key that signs checkpoints, to keep')
    .requiredOption('--broker <url>', 'whose key')
    .addHelpText('after', keyHelp)
    .action(async (flags: { readonly broker: string }) => {
      const { runKey } = await import('./run-export.ts')
      exit(await runKey(surroundings, flags))
    })
}

const verifyHelp = `
Examples:
  sealward audit key --broker https://keys.example > audit-key.json
  sealward audit checkpoint --broker https://keys.example --key audit-key.json > 2026-11-27.checkpoint
  sealward audit export --broker https://keys.example --out audit.jsonl
  sealward audit verify audit.jsonl --key audit-key.json --checkpoint 2026-11-27.checkpoint
  sealward audit verify --broker https://keys.example --key audit-key.json --checkpoint 2026-11-27.checkpoint

Only checkpoints that somebody kept outside the broker show that its log was cut off, or written anew from some entry on. A
log that begins after the entry of a kept checkpoint is verified from there.

Exit codes: 0 whole; 1 not whole, or no checkpoint vouches for it; 2 bad input or usage; 3 the broker does not answer.`

const exportHelp = `
Examples:
  sealward audit export --broker https://keys.example --out audit.jsonl --token-file token.txt
  sealward audit export --broker https://keys.example --out later.jsonl --after 4711`

function collected(one: string, before: readonly string[]): readonly string[] {
  return [...before, one]
}

function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError('The number of an entry is expected.')
  return Number(text)
}

const checkpointHelp = `
Example:
  sealward audit checkpoint --broker https://keys.example --key audit-key.json > 2026-11-27.checkpoint

Keep it where the broker does not reach: \`audit verify --checkpoint\` shows by it that nothing before was cut off.`

const keyHelp = `
Example:
  sealward audit key --broker https://keys.example > audit-key.json

Take it when the broker is set up, and keep it outside: whoever asks the broker later believes the broker.`

/**
 * `sealward model`: a model that is ciphertext wherever it is kept.
 *
 * @see docs/spec/encrypted-model.md
 * @module
 */

import type { Command } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { EncryptFlags } from './run-encrypt.ts'
import type { InspectFlags } from './run-inspect.ts'

/** Adds `model encrypt` and `model inspect`. */
export function addModelCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const model = program.command('model').description('models that only a measured service opens')

  model
    .command('encrypt')
    .description('encrypt a model under a key of a file or of a key broker')
    .requiredOption('--in <file>', 'the model')
    .requiredOption('--out <file>', 'where it is written; no file that is there already')
    .requiredOption('--key <key>', 'a key file; with --broker, the name of the broker’s key')
    .option('--key-name <name>', 'what the key is called in the file (default: the key file’s)')
    .option('--broker <url>', 'the key stays in this key broker')
    .option('--token-file <file>', 'an access token for --broker (default: SEALWARD_TOKEN)')
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', encryptHelp)
    .action(async (flags: EncryptFlags) => {
      const { runEncrypt } = await import('./run-encrypt.ts')
      exit(await runEncrypt(surroundings, flags))
    })

  model
    .command('inspect')
    .argument('<file>', 'an encrypted model')
    .description('say which model it is, and under which key; nothing is decrypted')
    .option('--json', 'print it as JSON')
    .addHelpText('after', inspectHelp)
    .action(async (file: string, flags: InspectFlags) => {
      const { runInspect } = await import('./run-inspect.ts')
      exit(await runInspect(surroundings, file, flags))
    })
}

const encryptHelp = `
Examples:
  sealward model encrypt --in model.onnx --out model.onnx.sealed --key diagnostics-model.key
  sealward model encrypt --in model.onnx --out model.onnx.sealed --key diagnostics-model --broker https://keys.example

A key file holds 32 bytes, base64url, and its owner alone can read it:
  (umask 077; openssl rand -base64 32 | tr '+/' '-_' | tr -d = > diagnostics-model.key)
A broker’s key does not leave the broker: it wraps the
key of this one file, which takes the role user there, and is released to the measured service that its policy names.

Exit codes: 0 written; 2 bad input or usage; 3 the broker does not answer.`

const inspectHelp = `
Example:
  sealward model inspect model.onnx.sealed --json`

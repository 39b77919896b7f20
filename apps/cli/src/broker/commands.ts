/**
 * `sealward broker`: a key broker of one's own, and the custody of what opens its keys.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../program.ts'
import type { CustodyFlags, RecoveryFlags, ToFlags } from './run-custody.ts'
import type { ServeFlags } from './run-serve.ts'

/** Adds `broker serve`, `broker kek` and `broker recovery`. */
export function addBrokerCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const broker = program
    .command('broker')
    .description('a key broker of one’s own, and the custody of its keys')

  withState(broker.command('serve'))
    .description('hold keys, and release them to attested workloads, as Key Vault does')
    .option('--port <number>', 'where to listen (default: 4490)', portOf)
    .option('--address <ip>', 'at which address (default: 127.0.0.1)')
    .option('--verbose', 'print a line of JSON on standard error for each request')
    .option('--print-config', 'print a configuration to start from, and end')
    .addHelpText('after', serveHelp)
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import('./run-serve.ts')
      exit(await runServe(surroundings, flags))
    })

  const kek = broker
    .command('kek')
    .description('key-encryption keys: what opens the root key, under which all keys are sealed')
    .addHelpText('after', kekHelp)
  custody(kek.command('list'))
    .description('which keys open the root key')
    .action(async (flags: CustodyFlags) => {
      const { runKekList } = await import('./run-custody.ts')
      exit(await runKekList(surroundings, flags))
    })
  custody(kek.command('rotate'))
    .description('have another key open the root key as well; interrupted, do it again')
    .requiredOption('--to <file>', 'where the new one is: what `keyEncryption` says, as JSON')
    .action(async (flags: ToFlags) => {
      const { runKekRotate } = await import('./run-custody.ts')
      exit(await runKekRotate(surroundings, flags))
    })
  custody(kek.command('retire').argument('<id>', 'as `kek list` shows it'))
    .description('have a key, or a recovery set, open the root key no more')
    .option('--yes', 'do not ask')
    .action(async (id: string, flags: CustodyFlags) => {
      const { runKekRetire } = await import('./run-custody.ts')
      exit(await runKekRetire(surroundings, id, flags))
    })

  const recovery = broker
    .command('recovery')
    .description('shares of a recovery key, for the day on which the key-encryption key is lost')
    .addHelpText('after', recoveryHelp)
  custody(recovery.command('create'))
    .description('draw a recovery key, and show its shares once')
    .option('--shares <number>', 'how many', countOf, 5)
    .option('--threshold <number>', 'how many of them it takes', countOf, 3)
    .option('--keep', 'have the shares of older sets open as before')
    .option('--out <folder>', 'write each share into a file, and show none')
    .option('--yes', 'do not ask')
    .action(async (flags: RecoveryFlags) => {
      const { runRecoveryCreate } = await import('./run-custody.ts')
      exit(await runRecoveryCreate(surroundings, flags))
    })
  custody(recovery.command('rehearse'))
    .description('prove that shares open the root key, and restore nothing')
    .action(async (flags: CustodyFlags) => {
      const { runRecoveryRehearse } = await import('./run-custody.ts')
      exit(await runRecoveryRehearse(surroundings, flags))
    })
  custody(recovery.command('restore'))
    .description('have a new key-encryption key open the root key, by shares')
    .requiredOption('--to <file>', 'where the new one is: what `keyEncryption` says, as JSON')
    .action(async (flags: ToFlags) => {
      const { runRecoveryRestore } = await import('./run-custody.ts')
      exit(await runRecoveryRestore(surroundings, flags))
    })
}

function withState(command: Command): Command {
  return command
    .option('--config <file>', 'JSON; see serve --print-config')
    .option(
      '--state <folder>',
      'holds the key-encryption key, and PostgreSQL where no other is named',
    )
    .option('--database <url>', 'of PostgreSQL (default: DATABASE_URL, else one of its own)')
}

function custody(command: Command): Command {
  return withState(command).option('--json', 'print one line of JSON')
}

const serveHelp = `
Examples:
  sealward broker serve
  sealward broker serve --print-config > broker.json
  sealward broker serve --config broker.json

Without a configuration it is a broker for this machine that knows nobody: name an identity provider and attestation
services in a configuration. The released clients of Key Vault work with it (az keyvault key, @azure/keyvault-keys). It
speaks HTTP: put a proxy that speaks TLS before it. Replicas share the database and the key-encryption key. Outside a TEE
there is no listener for attested workloads. Ctrl-C lets requests under way end; a second Ctrl-C does not.`

const kekHelp = `
Examples:
  sealward broker kek list --config broker.json
  sealward broker kek rotate --config broker.json --to new-kek.json
  sealward broker kek retire 41e0ff2eb386fac06dd2c4bb8da25016 --config broker.json

What \`--to\` names is one of
  {"kind": "file", "file": "/etc/sealward/kek"}
  {"kind": "passphrase", "passphrase": {"prompt": true}}
  {"kind": "pkcs11", "module": "/usr/lib/softhsm/libsofthsm2.so", "token": "broker", "key": "kek", "pin": {"credential": "pin"}}
A passphrase or a PIN comes from {"file": …} that its owner alone can read, {"credential": …} of systemd, {"descriptor": …},
an open file descriptor, or {"prompt": true}.`

const recoveryHelp = `
Examples:
  sealward broker recovery create --config broker.json --shares 5 --threshold 3
  sealward broker recovery rehearse --config broker.json
  sealward broker recovery restore --config broker.json --to new-kek.json

Shares are typed at the terminal, hidden, or come through a pipe, one a line: never on the command line.`

function portOf(text: string): number {
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('0 to 65535 are possible.')
  }
  return port
}

function countOf(text: string): number {
  if (!/^[1-9][0-9]?$/.test(text)) throw new InvalidArgumentError('A number is expected.')
  return Number(text)
}

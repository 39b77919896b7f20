/**
 * `sealward broker`: a key broker of one's own, and the custody of what opens its keys.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { BreakGlassFlags, RequestFlags, UseFlags } from './run-break-glass.ts'
import type { CustodyFlags, RecoveryFlags, ToFlags } from './run-custody.ts'
import type { CreateFlags, KeyFlags, NewKeyFlags, ShowFlags } from './run-key.ts'
import type { ServeFlags } from './run-serve.ts'

/** Adds `broker serve`, `broker kek`, `broker recovery`, `broker key` and `broker break-glass`. */
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
    .addHelpText('afterAll', kekHelp)
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
    .addHelpText('afterAll', recoveryHelp)
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

  addKeyCommands(broker, surroundings, exit)
  addBreakGlassCommands(broker, surroundings, exit)
}

function addKeyCommands(
  broker: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const key = broker
    .command('key')
    .description('keys of a broker that runs; Key Vault’s own clients do more')
    .addHelpText('afterAll', keyHelp)
  madeWith(ofBroker(key.command('create').argument('<name>')))
    .description('draw a key, or a new version of it')
    .addOption(
      new Option('--type <type>', 'of key').choices(['RSA', 'EC', 'oct']).makeOptionMandatory(),
    )
    .option('--size <bits>', 'of RSA or oct', sizeOf)
    .option('--curve <name>', 'of EC: P-256, P-384, P-521')
    .action(async (name: string, flags: CreateFlags) => {
      const { runKeyCreate } = await import('./run-key.ts')
      exit(await runKeyCreate(surroundings, name, flags))
    })
  madeWith(ofBroker(key.command('import').argument('<name>').argument('<file>', 'PEM, or a JWK')))
    .description('bring a key of one’s own')
    .action(async (name: string, file: string, flags: NewKeyFlags) => {
      const { runKeyImport } = await import('./run-key.ts')
      exit(await runKeyImport(surroundings, name, file, flags))
    })
  ofBroker(key.command('list'))
    .description('which keys there are')
    .action(async (flags: KeyFlags) => {
      const { runKeyList } = await import('./run-key.ts')
      exit(await runKeyList(surroundings, flags))
    })
  ofBroker(key.command('show').argument('<name>'))
    .description('what is public of a key')
    .option('--at-version <id>', 'not of the current one', versionOf)
    .action(async (name: string, flags: ShowFlags) => {
      const { runKeyShow } = await import('./run-key.ts')
      exit(await runKeyShow(surroundings, name, flags))
    })
  ofBroker(key.command('rotate').argument('<name>'))
    .description('draw a new version; what the ones before sealed they go on opening')
    .action(async (name: string, flags: KeyFlags) => {
      const { runKeyRotate } = await import('./run-key.ts')
      exit(await runKeyRotate(surroundings, name, flags))
    })
  const policy = key.command('policy').description('to whom a key is released')
  ofBroker(policy.command('show').argument('<name>'))
    .description('print the release policy of a key')
    .option('--at-version <id>', 'not of the current one', versionOf)
    .action(async (name: string, flags: ShowFlags) => {
      const { runPolicyShow } = await import('./run-key.ts')
      exit(await runPolicyShow(surroundings, name, flags))
    })
}

function addBreakGlassCommands(
  broker: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const glass = broker
    .command('break-glass')
    .description('a key for a person, without attestation, in an emergency')
    .addHelpText('afterAll', breakGlassHelp)
  ofBroker(glass.command('request'))
    .description('ask for a key; somebody else has to approve it')
    .requiredOption('--key <name>', 'which key')
    .requiredOption('--reason <words>', 'why, in one line that names no patient')
    .requiredOption(
      '--private-key <file>',
      'where the key is written that what is given out is encrypted to',
    )
    .option('--key-version <id>', 'not the current one', versionOf)
    .action(async (flags: RequestFlags) => {
      const { runBreakGlassRequest } = await import('./run-break-glass.ts')
      exit(await runBreakGlassRequest(surroundings, flags))
    })
  ofBroker(glass.command('list'))
    .description('who asked for what, and what became of it')
    .action(async (flags: BreakGlassFlags) => {
      const { runBreakGlassList } = await import('./run-break-glass.ts')
      exit(await runBreakGlassList(surroundings, flags))
    })
  for (const [decision, description] of [
    ['approve', 'have a key given out that somebody else asked for'],
    ['refuse', 'have it not given out'],
  ] as const) {
    ofBroker(glass.command(decision).argument('<id>', 'as `break-glass list` shows it'))
      .description(description)
      .option('--yes', 'do not ask')
      .action(async (id: string, flags: BreakGlassFlags) => {
        const { runBreakGlassDecide } = await import('./run-break-glass.ts')
        exit(await runBreakGlassDecide(surroundings, id, decision, flags))
      })
  }
  ofBroker(glass.command('use').argument('<id>', 'as `break-glass list` shows it'))
    .description('be given the key, once')
    .requiredOption('--private-key <file>', 'as `break-glass request` wrote it')
    .requiredOption('--out <file>', 'where the key is written, as a JWK in clear')
    .option('--yes', 'do not ask')
    .action(async (id: string, flags: UseFlags) => {
      const { runBreakGlassUse } = await import('./run-break-glass.ts')
      exit(await runBreakGlassUse(surroundings, id, flags))
    })
}

function ofBroker(command: Command): Command {
  return command
    .requiredOption('--broker <url>', 'the broker')
    .option(
      '--token-file <file>',
      'access token of the identity provider (default: SEALWARD_TOKEN)',
    )
    .option('--json', 'print one line of JSON')
}

function madeWith(command: Command): Command {
  return command
    .option('--ops <list>', 'what it may do: encrypt,decrypt,sign,verify,wrapKey,unwrapKey')
    .option('--policy <file>', 'a release policy: the key is released to whom it names')
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

const keyHelp = `
Examples:
  sealward broker key create platform-master --type oct --size 256 --policy release.json --broker https://keys.example
  sealward broker key import signing signing.pem --ops sign,verify --broker https://keys.example
  sealward broker key rotate platform-master --broker https://keys.example
  sealward broker key policy show platform-master --broker https://keys.example`

const breakGlassHelp = `
Examples:
  sealward broker break-glass request --broker https://keys.example --key platform-master \\
    --reason 'the machine of the platform burnt, and a ward waits' --private-key emergency.pem
  sealward broker break-glass approve 5f0c… --broker https://keys.example
  sealward broker break-glass use 5f0c… --broker https://keys.example --private-key emergency.pem --out master.jwk

Only keys that the broker's configuration names (breakGlass) can be asked for, by people with the role custodian. Whoever asks
does not approve. What is not approved, or not used, in time is over. Every step, a refused one too, is in the audit log.`

function sizeOf(text: string): number {
  if (!/^[1-9][0-9]{2,3}$/.test(text))
    throw new InvalidArgumentError('A number of bits is expected.')
  return Number(text)
}

function versionOf(text: string): string {
  if (!/^[0-9a-z]{32}$/.test(text))
    throw new InvalidArgumentError('The id of a version is expected.')
  return text
}

function countOf(text: string): number {
  if (!/^[1-9][0-9]?$/.test(text)) throw new InvalidArgumentError('A number is expected.')
  return Number(text)
}

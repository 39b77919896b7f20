/**
 * Endorsements on the command line: fetched for evidence, taken along in a file, served to others.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import type { TcbBaseline } from '@sealward/enclave/endorsements'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { BundleFlags, FetchFlags, ServeFlags } from './endorsements-run.ts'
import type { ExitCode } from './problem.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds `endorsements fetch`, `bundle` and `serve`. */
export function addEndorsementsCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const endorsements = program
    .command('endorsements')
    .description('what vouches for platforms: certificates, revocation lists, TCB levels')

  withSource(endorsements.command('fetch'))
    .argument('<evidence>', 'a quote or report (raw, hex, base64), or an evidence document')
    .description('print the endorsements that a piece of evidence asks for')
    .addOption(baselineOption())
    .option('--out <file>', 'write them into a file instead')
    .option('--json', 'JSON for SEV-SNP too, the revocation list included')
    .addHelpText('after', fetchHelp)
    .action(async (file: string, flags: FetchFlags) => {
      const { runFetch } = await loaded()
      exit(await runFetch(surroundings, file, flags))
    })

  withSource(endorsements.command('bundle'))
    .argument('<evidence...>', 'quotes, reports or evidence documents')
    .description('fetch all that evidence asks for into one file, for a host without a network')
    .requiredOption('--out <file>', 'the bundle')
    .option('--early', "Intel's early TCB info and identities as well, for a forecast")
    .option('--json', 'print what is in it as JSON')
    .addHelpText('after', bundleHelp)
    .action(async (files: readonly string[], flags: BundleFlags) => {
      const { runBundle } = await loaded()
      exit(await runBundle(surroundings, files, flags))
    })

  withSource(endorsements.command('serve'))
    .description("answer as Intel's and AMD's services do, for hosts that cannot reach those")
    .option('--port <number>', 'where to listen', portOf, 8081)
    .option('--host <address>', 'at which address', '127.0.0.1')
    .option('--json', 'print a line of JSON for each answer')
    .addHelpText('after', serveHelp)
    .action(async (flags: ServeFlags) => {
      const { runServe } = await loaded()
      exit(await runServe(surroundings, flags))
    })
}

/** Loaded only where it is needed: it brings an HTTP client along, which takes a while. */
function loaded(): Promise<typeof import('./endorsements-run.ts')> {
  return import('./endorsements-run.ts')
}

const fetchHelp = `
Examples:
  sealward endorsements fetch quote.bin > collateral.json
  sealward endorsements fetch quote.bin --baseline early --out early.json
  sealward endorsements fetch report.bin --out certificates.pem
  sealward endorsements fetch quote.bin --from endorsements.json

For SGX and TDX it prints JSON, with the names of Intel's quote verification library; for SEV-SNP
certificates as PEM, the chip's first. Nothing is verified here: 'sealward evidence verify' does that.`

const bundleHelp = `
Examples:
  sealward endorsements bundle quote.bin report.bin --out endorsements.json
  sealward endorsements bundle quote.bin --early --out endorsements.json
  sealward endorsements bundle quote.bin --pcs http://pccs.hospital.example:8081 --out endorsements.json

A bundle needs no protection on its way: verification looks at its endorsers' signatures.
It says until when it can be used; after that a new one is needed.`

const serveHelp = `
Examples:
  sealward endorsements serve --cache /var/lib/sealward/endorsements --host 10.0.0.7
  sealward endorsements serve --from endorsements.json --port 8081

Clients are given http://HOST:PORT, for Intel's endorsements and for AMD's. Ctrl-C ends it.`

/** Where endorsements come from: the same options for all three commands. */
function withSource(command: Command): Command {
  return command
    .option('--pcs <url>', "Intel's service, or a cache of it (default: Intel's own)", urlOf)
    .option(
      '--root-crl <url>',
      "the list of Intel's root (default: Intel's own; of a cache, its /rootcacrl)",
      urlOf,
    )
    .option('--kds <url>', "AMD's service, or a cache of it (default: AMD's own)", urlOf)
    .option('--cache <folder>', 'keep what was fetched, and use it while it holds')
    .addOption(
      new Option('--from <file>', 'take them from a bundle, and ask nobody').conflicts('cache'),
    )
}

function baselineOption(): Option {
  return new Option(
    '--baseline <which>',
    'standard, early, or a TCB evaluation data number of Intel’s',
  )
    .default('standard' satisfies TcbBaseline)
    .argParser(baselineOf)
}

function baselineOf(text: string): TcbBaseline {
  if (text === 'standard' || text === 'early') return text
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('standard, early or a number is expected.')
}

function urlOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '') {
    throw new InvalidArgumentError('an http or https URL is expected.')
  }
  return text.replace(/\/$/, '')
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('0 to 65535 are possible.')
  }
  return port
}

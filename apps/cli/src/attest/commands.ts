/**
 * `sealward attest`: the command and its options.
 *
 * @module
 */

import { type Command, Option } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { attestationTypes } from './attest-body.ts'
import type { AttestFlags } from './run-attest.ts'

export function addAttestCommand(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const dataType = (name: string): Option =>
    new Option(`--${name}-type <type>`, 'what it is').choices(['JSON', 'Binary']).default('JSON')
  program
    .command('attest')
    .argument('<file>', 'evidence in any form that `evidence verify` reads; - for standard input')
    .description('have an attestation service appraise evidence, and show the token')
    .requiredOption('--service <url>', 'the attestation service, or one of its instances')
    .addOption(
      new Option('--type <type>', 'instead of what the evidence says').choices(attestationTypes),
    )
    .option('--runtime-data <file>', 'what report data is the SHA-256 of')
    .addOption(dataType('runtime-data'))
    .option('--init-time-data <file>', 'what CONFIGID, MRCONFIGID or HOST_DATA is the SHA-256 of')
    .addOption(dataType('init-time-data'))
    .option('--nonce <text>', 'is echoed in the token')
    .option('--draft-policy <file>', 'what this policy would say; nobody accepts such a token')
    .addOption(
      new Option('--format <format>', 'Azure’s token, or an EAT Attestation Result')
        .choices(['azure', 'ear'])
        .default('azure'),
    )
    .option('--signer <file>', 'the service’s certificates (PEM) or key set, to pin')
    .option('--issuer <text>', 'whom the token must name (default: what the service says)')
    .option('--out <file>', 'write the token into a file')
    .option('--json', 'print one line of JSON, the token included')
    .addHelpText('after', attestHelp)
    .action(async (file: string, flags: AttestFlags) => {
      const { runAttest } = await import('./run-attest.ts')
      exit(await runAttest(surroundings, file, flags))
    })
}

const attestHelp = `
Runtime and init-time data that come with the evidence (an evidence document, an Azure HCL report, a request to Azure
Attestation) are sent along.

Examples:
  sealward attest quote.bin --service https://attest.example --out token.jwt
  sealward attest quote.bin --service https://attest.example --runtime-data keys.json --signer certs.json
  sealward attest report.bin --service https://attest.example/instances/one --format ear --json
  sealward attest quote.bin --service https://attest.example --draft-policy new.policy

The token is verified: its signature, its issuer, its time. Without --signer that says only that whoever answers at that
address made it.

Exit codes: 0 attested; 1 refused by the service, or its token by verification, or an EAT result that is contraindicated;
2 bad input or usage; 3 unavailable, or an EAT result that says nothing.`

/**
 * `sealward token`: the commands and their options.
 *
 * @module
 */

import { tokenLimits } from '@sealward/attestation/token'
import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { VerifyFlags } from './run-verify.ts'

export function addTokenCommands(
  program: Command,
  surroundings: Surroundings,
  exit: (code: ExitCode) => void,
): void {
  const token = program
    .command('token')
    .description('tokens of the attestation service, and whatever else it signs')
  token
    .command('inspect')
    .argument('<file>', 'a compact JWS, or an answer with one in it; - for standard input')
    .description('show what a token says, believing none of it')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', inspectHelp)
    .action(async (file: string, flags: { readonly json?: true }) => {
      const { runInspect } = await import('./run-inspect.ts')
      exit(await runInspect(surroundings, file, flags))
    })
  token
    .command('verify')
    .argument('<file>', 'a compact JWS, or an answer with one in it; - for standard input')
    .description('verify a token as a relying party does')
    .requiredOption('--issuer <url>', 'whom it must name, character by character')
    .requiredOption(
      '--signer <pin>',
      'a pin, or a file with certificates (PEM) or a key set; more than once',
      each,
    )
    .option('--jwks <file>', 'the keys that the issuer publishes')
    .option('--service <url>', 'where they are asked for, and the deny list with them')
    .option('--audience <text>', 'whom an access token must be for')
    .option('--purpose <text>', 'what an access token must be for')
    .option('--certificate <file>', 'the certificate (PEM or DER) of whoever shows it')
    .option(
      '--policy-hash <hash>',
      'a policy that is accepted, as x-ms-policy-hash has it; more than once',
      each,
    )
    .option('--deny-list <file>', 'a deny list of the issuer')
    .option('--max-age <seconds>', 'of the deny list', secondsOf, tokenLimits.denyListAgeSeconds)
    .option('--at <instant>', 'when, as RFC 3339 (default: now)')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', verifyHelp)
    .action(async (file: string, flags: VerifyFlags) => {
      const { runVerify } = await import('./run-verify.ts')
      exit(await runVerify(surroundings, file, flags))
    })
}

/** An option that takes one value each time: of several in a row it would take the file for one. */
function each(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

function secondsOf(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Whole seconds expected.')
  return Number(text)
}

const inspectHelp = `
Attestation tokens of Azure Attestation and of Sealward, EAT results, access tokens, deny lists, challenges, answers about policies.
Warnings tell what stands out: no signature, a jku that leads elsewhere, a time that is over.

Examples:
  sealward token inspect token.jwt
  curl -s https://attest.example/deny-list | sealward token inspect - --json

Exit codes: 0 it could be read; 2 it could not.`

const verifyHelp = `
A pin is base64url SHA-256 of a key's SPKI, as the agreement between the parties names it. No address in the token is followed.
What is not asked for (audience, certificate, policy, deny list) is said.

Examples:
  sealward token verify token.jwt --issuer https://attest.example --signer certs.json --jwks certs.json
  sealward token verify token.jwt --issuer https://attest.example --service https://attest.example --signer PIN
  sealward token verify access.jwt --issuer https://attest.example --jwks certs.json --signer PIN \\
    --audience urn:uuid:…:cache-gateway --certificate client.pem --deny-list deny-list.jwt --at 2026-11-27T00:00:00Z

Exit codes: 0 verified; 1 refused; 2 bad input or usage; 3 the service is unavailable.`

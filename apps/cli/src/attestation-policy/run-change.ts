import { hash } from 'node:crypto'
import { base64UrlOf, ok, textOf } from '@sealward/attestation/bytes'
import { policyHashOf } from '@sealward/attestation/policy'
import { plain } from '../attest/ask-service.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { badInput, type ExitCode, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import {
  type Administered,
  apiVersion,
  ask,
  claimsIn,
  malformed,
  openAdministered,
  type Request,
  type ServiceFlags,
} from './administer.ts'
import { openSigning, type SigningFlags } from './policy-jws.ts'
import { type Printed, printed } from './printed.ts'

export interface ChangeFlags extends ServiceFlags, SigningFlags {
  readonly type: string
  readonly ifMatch?: string
}

/** `sealward attestation policy set`. */
export function runSet(
  surroundings: Surroundings,
  file: string,
  flags: ChangeFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const bytes = await bytesIn(file, 'FILE')
    if (!bytes.ok) return bytes
    const text = textOf(bytes.value)
    if (text === undefined) return badInput('policy-unreadable', 'FILE', 'no UTF-8')
    return change(surroundings, flags, text)
  })
}

/** `sealward attestation policy reset`. */
export function runReset(surroundings: Surroundings, flags: ChangeFlags): Promise<ExitCode> {
  return printed(surroundings, flags, () => change(surroundings, flags, undefined))
}

async function change(
  surroundings: Surroundings,
  flags: ChangeFlags,
  text: string | undefined,
): Promise<Outcome<Printed>> {
  const administered = await openAdministered(surroundings, flags)
  if (!administered.ok) return administered
  const { effects, identity } = administered.value
  const { type } = flags
  const write = await openSigning(flags, {
    audience: `${identity.issuer}/policies/${type}`,
    at: effects.clock.now(),
  })
  if (!write.ok) return write
  const jws = write.value(
    text === undefined ? undefined : { AttestationPolicy: base64UrlOf(Buffer.from(text)) },
  )
  const request: Request = {
    method: text === undefined ? 'POST' : 'PUT',
    path: `/policies/${type}${text === undefined ? ':reset' : ''}?${apiVersion}`,
    body: jws,
    ...(flags.ifMatch === undefined ? {} : { ifMatch: flags.ifMatch }),
  }
  const answer = await ask(administered.value, request)
  if (!answer.ok) return answer
  const waiting = waitingIn(answer.value)
  if (waiting !== undefined) {
    return ok({
      json: { type, state: 'pending', approval: waiting },
      out: `The change waits for a second person: sealward attestation policy approve ${waiting}\n`,
    })
  }
  return text === undefined
    ? confirmedReset(administered.value, answer.value, type)
    : confirmedSet(administered.value, answer.value, { type, text, jws })
}

/** The service signed for exactly this. */
async function confirmedSet(
  administered: Administered,
  answer: Readonly<Record<string, unknown>>,
  { type, text, jws }: { readonly type: string; readonly text: string; readonly jws: string },
): Promise<Outcome<Printed>> {
  const claims = await claimsIn(administered, answer)
  if (!claims.ok) return claims
  const { 'x-ms-policy-result': result, 'x-ms-policy-token-hash': tokenHash } = claims.value
  if (result !== 'Updated' || tokenHash !== base64UrlOf(hash('sha256', jws, 'buffer'))) {
    return malformed('it confirms another change than was asked for')
  }
  const policyHash = await policyHashOf(text)
  return ok({
    json: { type, state: 'set', hash: policyHash, tokenHash },
    out: `The policy of ${type} is set. Its hash: ${policyHash}\n`,
  })
}

async function confirmedReset(
  administered: Administered,
  answer: Readonly<Record<string, unknown>>,
  type: string,
): Promise<Outcome<Printed>> {
  const claims = await claimsIn(administered, answer)
  if (!claims.ok) return claims
  return claims.value['x-ms-policy-result'] === 'Removed'
    ? ok({ json: { type, state: 'reset' }, out: `The policy of ${type} is the default again.\n` })
    : malformed('it confirms another change than was asked for')
}

function waitingIn({ approval }: Readonly<Record<string, unknown>>): string | undefined {
  const { id } = Object(approval) as { readonly id?: unknown }
  return plain(id)
}

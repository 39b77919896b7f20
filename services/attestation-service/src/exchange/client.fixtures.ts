import { utf8Of } from '@sealward/attestation/bytes'
import type { Identity } from '@sealward/enclave/identity'
import type { Answer } from '../answer.ts'
import { type Attester, attestBodyOf, attestSgx, issuer } from '../testing/attester.fixtures.ts'
import { exchangeToken } from './exchange.ts'

let made = 0

/** A client assertion by a workload's identity key. */
export function assertionOf(
  { clock }: Attester,
  by: Identity,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const now = clock.now()
  const jti = `assertion-${++made}`
  const audience = `${issuer}/token`
  return by.signJws(
    { iss: by.kid, sub: by.kid, aud: audience, iat: now, exp: now + 60, jti, ...claims },
    'JWT',
  )
}

/** A workload's attestation token. */
export async function attestationOf(attester: Attester, workload: Identity): Promise<string> {
  const body = utf8Of(JSON.stringify(await attestBodyOf(workload)))
  const answer = await attestSgx(attester.deps, body)
  return (answer.body as { readonly token: string }).token
}

export type FormChanges = Readonly<Record<string, string | undefined>>

/** A form as it is posted; what is `undefined` is left out. */
export function formOf(parameters: FormChanges): Uint8Array {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return utf8Of(new URLSearchParams(given).toString())
}

/** Asks for an access token as a workload does that was attested. */
export async function exchangeFor(
  attester: Attester,
  workload: Identity,
  change: FormChanges,
): Promise<Answer> {
  const parameters = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: change['subject_token'] ?? (await attestationOf(attester, workload)),
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: change['client_assertion'] ?? (await assertionOf(attester, workload)),
    audience: `${workload.deployment}:cache-gateway`,
    purpose: 'cache',
    ...change,
  }
  return exchangeToken(attester.deps, formOf(parameters))
}

/** The access token in an answer. */
export function accessTokenIn({ body }: Answer): string {
  return String(Object(body).access_token)
}

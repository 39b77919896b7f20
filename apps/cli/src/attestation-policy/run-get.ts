import { bytesOfBase64Url, jsonOf, ok, textOf } from '@sealward/attestation/bytes'
import { policyHashOf } from '@sealward/attestation/policy'
import { plain } from '../attest/ask-service.ts'
import { limits } from '../limits.ts'
import type { ExitCode, Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import {
  apiVersion,
  ask,
  claimsIn,
  malformed,
  openAdministered,
  type ServiceFlags,
} from './administer.ts'
import { type Printed, printed } from './printed.ts'

export interface GetFlags extends ServiceFlags {
  readonly type: string
  readonly atVersion?: number
}

/** `sealward attestation policy get`: the text itself, and on standard error what is said of it. */
export function runGet(surroundings: Surroundings, flags: GetFlags): Promise<ExitCode> {
  return printed(surroundings, flags, () => get(surroundings, flags))
}

async function get(surroundings: Surroundings, flags: GetFlags): Promise<Outcome<Printed>> {
  const administered = await openAdministered(surroundings, flags)
  if (!administered.ok) return administered
  const { type, atVersion: version } = flags
  if (version !== undefined) {
    const path = `/policies/${type}/versions/${version}`
    const answer = await ask(administered.value, { method: 'GET', path })
    if (!answer.ok) return answer
    const { policy } = answer.value
    return ok({
      json: answer.value,
      out: typeof policy === 'string' ? policy : '',
      err: typeof policy === 'string' ? '' : `Version ${version} reset the policy.\n`,
    })
  }
  const answer = await ask(administered.value, {
    method: 'GET',
    path: `/policies/${type}?${apiVersion}`,
  })
  if (!answer.ok) return answer
  const claims = await claimsIn(administered.value, answer.value)
  if (!claims.ok) return claims
  const jws = claims.value['x-ms-policy']
  if (typeof jws !== 'string') return malformed('its answer holds no policy')
  const [header = '', payload = ''] = jws.split('.')
  const { AttestationPolicy: encoded } = objectIn(payload)
  const bytes = typeof encoded === 'string' ? bytesOfBase64Url(encoded) : undefined
  const policy = bytes && textOf(bytes)
  const { alg } = objectIn(header)
  if (policy === undefined) {
    return ok({ json: { type, policy: null, jws }, out: '', err: `No policy of ${type} is set.\n` })
  }
  const hash = await policyHashOf(policy)
  const signature = alg === 'none' ? 'not signed' : `signed with ${plain(alg) ?? '?'}`
  return ok({
    json: { type, policy, hash, algorithm: alg, jws },
    out: policy,
    err: `${type}, hash ${hash}, ${signature}\n`,
  })
}

function objectIn(part: string): Readonly<Record<string, unknown>> {
  const bytes = bytesOfBase64Url(part)
  const json =
    bytes && jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  return Object(json?.ok === true ? json.value : undefined)
}

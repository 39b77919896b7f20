/**
 * What an EAT Attestation Result says of whoever asks for a resource.
 *
 * @see docs/spec/ear.md
 * @module
 */

import { type Problem, type Result, reading, refuse, type Shape } from '@sealward/attestation/bytes'
import { earProfile, earSubmodule } from '@sealward/attestation/token'
import { limits } from './limits.ts'
import { readTeePublicKey, type TeePublicKey } from './tee-public-key.ts'

export interface AppraisedRuntimeData {
  readonly nonce: string
  readonly teePublicKey: TeePublicKey
}

/**
 * The key that the evidence was bound to, where Trustee looks for it.
 *
 * @param claims - of a verified token.
 * @returns it; `kbs-token-without-key`, for a token of another kind, or about something that speaks no KBS.
 */
export function runtimeDataIn(
  claims: Readonly<Record<string, unknown>>,
): Result<AppraisedRuntimeData, Problem<'kbs-token-without-key'>> {
  const read = reading(claims, 'token', (top) =>
    top.object('ignored', ({ required }) => {
      required('eat_profile').oneOf([earProfile])
      return inside(required('submods'), [
        earSubmodule,
        'ear.veraison.annotated-evidence',
        'runtime_data_claims',
      ])
    }),
  )
  if (read.ok) return read
  return refuse(
    'kbs-token-without-key',
    read.problem.at,
    'The token is no EAT Attestation Result about a key that resources can be encrypted to.',
  )
}

function inside(shape: Shape, path: readonly string[]): AppraisedRuntimeData {
  const [name, ...more] = path
  return shape.object('ignored', ({ required }) =>
    name === undefined
      ? {
          nonce: required('nonce').string(limits.extraParameterCharactersMax),
          teePublicKey: readTeePublicKey(required('tee-pubkey')),
        }
      : inside(required(name), more),
  )
}

import type { Clock, Random } from '@sealward/enclave/server'
import type { Answer } from '../answer.ts'
import type { Instance } from '../instance.ts'

/** What a route of administration is given. */
export interface AdministrationRequest {
  /** From the path. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly authorization: string | undefined
  readonly ifMatch: string | undefined
  /** As it came. */
  readonly body: Uint8Array
}

export interface AdministrationDeps {
  readonly instance: Instance
  readonly clock: Clock
  readonly random: Random
}

export type AdministrationHandler = (
  deps: AdministrationDeps,
  request: AdministrationRequest,
) => Promise<Answer>

import { type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type Bearer,
  type BearerCode,
  createProviderKeys,
  type IdentityProviderSettings,
  verifyBearer,
} from '@sealward/enclave/identity-provider'
import type { Clock } from '@sealward/enclave/server'

/**
 * What somebody may do, as the identity provider says.
 *
 * `reader`: sees which keys there are. `user`: encrypts, signs and the like. `releaser`: asks for a release on behalf of
 * an attested workload. `officer`: makes, changes, backs up, deletes and purges keys. `auditor`: reads the audit log.
 * `custodian`: asks for, or approves, that a key is given to a person without attestation.
 */
export const brokerRoles = [
  'reader',
  'user',
  'releaser',
  'officer',
  'auditor',
  'custodian',
] as const

export type BrokerRole = (typeof brokerRoles)[number]

export type Person = Bearer<BrokerRole>

export type PersonCode = BearerCode | 'role-insufficient'

/** Those who may ask, and for what. */
export interface People {
  /** @returns who it is, if one of `roles` is among theirs. */
  verify(
    authorization: string | undefined,
    roles: readonly BrokerRole[],
  ): Promise<Result<Person, Problem<PersonCode>>>
  /** RFC 6750, section 3: where a token is to be had, and for what. */
  readonly challenge: string
}

/** @param options.resource - what tokens are asked for; Key Vault's clients ask for `<resource>/.default`. */
export function createPeople(options: {
  readonly identityProvider: IdentityProviderSettings
  readonly resource: string
  readonly development: boolean
  readonly clock: Clock
}): People {
  const { identityProvider, development, clock, resource } = options
  const { issuer, url = issuer } = identityProvider
  const keys = createProviderKeys({ issuer, url, development, now: () => clock.now(), fetch })
  const expectation = { ...identityProvider, roles: brokerRoles }
  return {
    challenge: `Bearer authorization="${issuer}", resource="${resource}"`,
    async verify(authorization, roles) {
      const person = await verifyBearer(authorization, expectation, keys, clock.now())
      if (!person.ok || person.value.roles.some((role) => roles.includes(role))) return person
      return refuse(
        'role-insufficient',
        identityProvider.roleClaim,
        `This takes one of the roles ${roles.join(', ')}.`,
      )
    },
  }
}

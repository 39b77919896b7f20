import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import type { BrokerConfig } from './config.ts'

/**
 * In a TEE, whoever starts the broker chooses its configuration, and workloads see only what was measured:
 * the configuration may trust nobody beyond that.
 *
 * @returns `configuration-not-measured` where it believes tokens, or people, that the init-time data does not name.
 */
export function heldToMeasured(
  { authorities, breakGlass, development, identityProvider }: BrokerConfig,
  measured: InitTimeData,
): Result<true, Problem<'configuration-not-measured'>> {
  if (measured.role !== 'key-broker') return notMeasured('role', 'another role was measured')
  if (development && !measured.development) {
    return notMeasured('development', 'production was measured')
  }
  // Whoever trusts it by its measurement trusts that keys go to nobody but attested workloads.
  if (breakGlass !== undefined) return notMeasured('breakGlass', 'in a TEE there is none')
  const { issuer, signers, policyHashes } = measured.attestation
  for (const [index, one] of authorities.entries()) {
    const at = `authorities[${index}]`
    if (one.issuer !== issuer) return notMeasured(`${at}.issuer`, 'another issuer was measured')
    if (!one.signers.every((signer) => signers.includes(signer))) {
      return notMeasured(`${at}.signers`, 'a signer was not measured')
    }
    if (!one.policyHashes.every((hash) => policyHashes.includes(hash))) {
      return notMeasured(`${at}.policyHashes`, 'a policy was not measured')
    }
  }
  if (identityProvider !== undefined) {
    const { identity } = measured
    for (const name of ['issuer', 'audience', 'roleClaim'] as const) {
      if (identityProvider[name] !== identity?.[name]) {
        return notMeasured(`identityProvider.${name}`, 'another identity provider was measured')
      }
    }
  }
  return ok(true)
}

function notMeasured(
  at: string,
  detail: string,
): Result<never, Problem<'configuration-not-measured'>> {
  return refuse(
    'configuration-not-measured',
    at,
    `The configuration is not the measured one: ${detail}.`,
  )
}

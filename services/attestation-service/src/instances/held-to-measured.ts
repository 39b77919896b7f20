import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import { type AttestationConfig, rootsOf } from '../config.ts'

/**
 * In a TEE, whoever starts the service chooses its configuration, and relying parties see only what was
 * measured: the configuration may say no more than that.
 *
 * @returns `configuration-not-measured` where it trusts a root, an issuer or simulated evidence that the
 *   init-time data does not name.
 */
export function heldToMeasured(
  { instances }: Pick<AttestationConfig, 'instances'>,
  { role, attestation, roots, development }: InitTimeData,
): Result<true, Problem<'configuration-not-measured'>> {
  const [first] = instances
  if (role !== 'attestation-service') return notMeasured('role', 'another role was measured')
  if (first.issuer !== attestation.issuer) {
    return notMeasured('instances[0].issuer', 'another issuer was measured')
  }
  for (const [index, instance] of instances.entries()) {
    if (instance.development && !development) {
      return notMeasured(`instances[${index}].development`, 'production was measured')
    }
    if (!rootsOf(instance).every((root) => roots.includes(root))) {
      return notMeasured(`instances[${index}].roots`, 'a root was not measured')
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

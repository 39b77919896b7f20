/**
 * What an appraisal concluded, in the words that any relying party understands.
 *
 * @see draft-ietf-rats-ar4si, sections 2.3.2 to 2.3.5
 * @module
 */

import type { Warnings } from '../claims/index.ts'
import { warningsOf } from '../claims/index.ts'
import type { AttestedEvidence } from './attestation-claims.ts'
import { isSimulated } from './simulated.ts'

export const trustAspects = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const

export type TrustAspect = (typeof trustAspects)[number]

/** A whole number from -128 to 127 for each aspect; 0: nothing is said of it. */
export type TrustVector = Readonly<Record<TrustAspect, number>>

/** The better first. `none` is not worse than `affirming`: nothing is said. */
export const trustTiers = ['none', 'affirming', 'warning', 'contraindicated'] as const

export type TrustTier = (typeof trustTiers)[number]

/** The tier that a number of a vector is of. */
export function tierOf(value: number): TrustTier {
  if (value >= -1 && value <= 1) return 'none'
  if (value >= -32 && value <= 31) return 'affirming'
  if (value >= -96 && value <= 95) return 'warning'
  return 'contraindicated'
}

/** The worst tier of all that a vector says something of. */
export function statusOf(vector: TrustVector): TrustTier {
  const worst = Math.max(
    ...trustAspects.map((aspect) => trustTiers.indexOf(tierOf(vector[aspect]))),
  )
  return trustTiers[worst] ?? 'contraindicated'
}

/**
 * What the service itself concludes from verified evidence.
 *
 * Which software is the right one is the policy's to say, and until it does, no executables are recognised: 33.
 *
 * @param hasEndorsedBoot - whether Microsoft endorsed the utility VM that was measured.
 */
export function trustVectorOf(evidence: AttestedEvidence, hasEndorsedBoot: boolean): TrustVector {
  const warnings = warningsOf(evidence)
  const simulated = isSimulated(evidence)
  const canBeRead = simulated || warnings.debug
  return {
    'instance-identity': 0,
    configuration: configurationOf(evidence, warnings),
    executables: hasEndorsedBoot ? value.approvedBoot : value.unrecognisedExecutables,
    'file-system': 0,
    hardware: simulated ? value.unrecognisedHardware : hardwareOf(warnings),
    'runtime-opaque': canBeRead ? value.visibleMemory : value.encryptedMemory,
    'storage-opaque': 0,
    'sourced-data': 0,
  }
}

/** The worse of two numbers about one aspect; of two of one tier the second. */
export function worseOf(one: number, other: number): number {
  return trustTiers.indexOf(tierOf(one)) > trustTiers.indexOf(tierOf(other)) ? one : other
}

function configurationOf(evidence: AttestedEvidence, { debug }: Warnings): number {
  if (debug) return value.unsupportableConfiguration
  const isNeeded = evidence.kind !== 'snp' && evidence.tcbStatus.includes('Configuration')
  return isNeeded ? value.vulnerableConfiguration : value.soundConfiguration
}

function hardwareOf({ tcb, revocation }: Warnings): number {
  if (tcb) return value.vulnerableHardware
  return revocation ? value.revocationUnchecked : value.genuineHardware
}

/** Section 2.3.4; one of our own is negative. */
const value = {
  soundConfiguration: 3,
  vulnerableConfiguration: 32,
  unsupportableConfiguration: 96,
  approvedBoot: 3,
  unrecognisedExecutables: 33,
  genuineHardware: 2,
  vulnerableHardware: 32,
  revocationUnchecked: -33,
  unrecognisedHardware: 97,
  encryptedMemory: 2,
  visibleMemory: 96,
} as const

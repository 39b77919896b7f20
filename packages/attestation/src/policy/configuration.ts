/**
 * What the configuration rules of a policy set.
 *
 * @see Azure Attestation, "Attestation policy version 1.1", "Custom TCB baseline enforcement", "Claim sets"
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import type { Meter } from './meter.ts'
import type { Policy, PolicyEvaluationCode, PolicyValue } from './policy.ts'
import { type EvaluationLimits, running } from './run.ts'

export interface PolicyConfiguration {
  /** `x-ms-sgx-tcbidentifier`: the TCB evaluation data number that evidence is held to. */
  readonly tcbIdentifier: 'azuredefault' | number
  readonly requireValidAikCert: boolean
  /** Bit 0 is PCR 0. */
  readonly requiredPcrMask: number
  /** `report_validity_in_minutes`, where it is set: how long a token is good. */
  readonly reportValidityMinutes: number | undefined
  readonly omitX5c: boolean
  /** Properties that are set and that nothing here knows. They change nothing. */
  readonly unknown: readonly string[]
}

/**
 * The configuration that a policy sets, by its configuration rules; of what it does not set, the default.
 *
 * @returns the configuration; `policy-configuration` for a property whose value is of another kind or range than
 *   it has, or that is set to two values; or another {@link PolicyEvaluationCode}.
 */
export function configurationOf(
  policy: Policy,
  limits: EvaluationLimits,
): Result<PolicyConfiguration, Problem<PolicyEvaluationCode>> {
  return running([], limits, ({ fire }, meter) => {
    const set = new Map<string, PolicyValue>()
    for (const rule of policy.configuration) {
      for (const { type, value } of fire(rule).made) assign(set, type, value, meter)
    }
    return read(set)
  })
}

/** Why a known property cannot have a value; `unknown-property` for one that is not known; otherwise `undefined`. */
export function propertyProblem(name: string, value: PolicyValue): string | undefined {
  if (!Object.hasOwn(properties, name)) return 'unknown-property'
  const property = properties[name as PropertyName]
  return property.accepts(value) ? undefined : `${name}: ${property.expected} expected`
}

type PropertyName =
  | 'x-ms-sgx-tcbidentifier'
  | 'require_valid_aik_cert'
  | 'required_pcr_mask'
  | 'report_validity_in_minutes'
  | 'omit_x5c'

interface Property {
  readonly expected: string
  readonly accepts: (value: PolicyValue) => boolean
}

const yearMinutes = 525_600

const properties: Readonly<Record<PropertyName, Property>> = {
  'x-ms-sgx-tcbidentifier': {
    expected: '"azuredefault" or a TCB evaluation data number',
    accepts: (value) => tcbIdentifierOf(value) !== undefined,
  },
  require_valid_aik_cert: boolean(),
  required_pcr_mask: {
    expected: 'a mask of 24 bits',
    accepts: (value) => isInteger(value, 0, 0xff_ffff),
  },
  report_validity_in_minutes: {
    expected: 'minutes up to a year',
    accepts: (value) => isInteger(value, 1, yearMinutes),
  },
  omit_x5c: boolean(),
}

function boolean(): Property {
  return { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }
}

function isInteger(value: PolicyValue, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max
}

/** Published policies write the number as text. */
function tcbIdentifierOf(value: PolicyValue | undefined): 'azuredefault' | number | undefined {
  if (value === 'azuredefault') return value
  if (typeof value === 'string') return /^\d{1,9}$/.test(value) ? Number(value) : undefined
  return typeof value === 'number' && value >= 0 ? value : undefined
}

function assign(
  set: Map<string, PolicyValue>,
  name: string,
  value: PolicyValue,
  meter: Meter,
): void {
  const problem = propertyProblem(name, value)
  if (problem !== undefined && problem !== 'unknown-property') {
    meter.fail('policy-configuration', problem)
  }
  const before = set.get(name)
  if (before !== undefined && before !== value) {
    meter.fail('policy-configuration', 'a property that is set to two values')
  }
  set.set(name, value)
}

function read(set: ReadonlyMap<string, PolicyValue>): PolicyConfiguration {
  const get = (name: PropertyName): PolicyValue | undefined => set.get(name)
  const minutes = get('report_validity_in_minutes')
  return {
    tcbIdentifier: tcbIdentifierOf(get('x-ms-sgx-tcbidentifier')) ?? 'azuredefault',
    requireValidAikCert: get('require_valid_aik_cert') !== false,
    requiredPcrMask: Number(get('required_pcr_mask') ?? 0xff_ffff),
    reportValidityMinutes: minutes === undefined ? undefined : Number(minutes),
    omitX5c: get('omit_x5c') === true,
    unknown: [...set.keys()].filter((name) => !Object.hasOwn(properties, name)),
  }
}

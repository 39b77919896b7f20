import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'

/** What `/config.json` says: whom this portal talks to, and what it accepts of them. */
export interface Configuration {
  readonly deployment: string
  /** True only where a simulated TEE is accepted. */
  readonly development: boolean
  readonly platform: string
  readonly attestation: {
    readonly issuer: string
    readonly url: string
    readonly signers: readonly string[]
    /** Accepted appraisal policies, as `x-ms-policy-hash` has them. */
    readonly policyHashes: readonly string[]
  }
  readonly identity: {
    readonly issuer: string
    readonly clientId: string
    readonly scope: string
    readonly audience: string
  }
  /** Hex SHA-256 of the SPKI of accepted evidence roots. */
  readonly roots: readonly string[]
  readonly expectation: PeerExpectation
}

export type ConfigurationCode = 'configuration-malformed'

/**
 * Reads the configuration document. It comes from where the portal's own code comes from, and is
 * trusted as much; this finds mistakes, not attacks.
 *
 * @returns the fields, or `configuration-malformed` at the first one that is missing or of another type.
 */
export function parseConfiguration(
  document: unknown,
): Result<Configuration, Problem<ConfigurationCode>> {
  const missing = Object.entries(fields).find(([path, is]) => !is(valueAt(document, path)))
  return missing === undefined
    ? ok(document as Configuration)
    : refuse('configuration-malformed', missing[0], 'the field is missing or of another type')
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isNumber = (value: unknown): boolean => typeof value === 'number'
/** An empty list would accept nothing, and be taken for "anything". */
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isText)

/** Everything that the portal reads, and what it must be. */
const fields: Readonly<Record<string, (value: unknown) => boolean>> = {
  deployment: isText,
  development: (value) => typeof value === 'boolean',
  platform: isText,
  'attestation.issuer': isText,
  'attestation.url': isText,
  'attestation.signers': isTexts,
  'attestation.policyHashes': isTexts,
  'identity.issuer': isText,
  'identity.clientId': isText,
  'identity.scope': isText,
  'identity.audience': isText,
  roots: isTexts,
  'expectation.role': (value) => value === 'platform',
  'expectation.mrEnclave': isTexts,
  'expectation.mrSigner': isTexts,
  'expectation.isvProdId': isNumber,
  'expectation.isvSvnMin': isNumber,
  'expectation.debug': (value) => value === 'refused' || value === 'dangerously-allowed',
  'expectation.tcbStatuses': isTexts,
  'expectation.configId': isTexts,
}

function valueAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null
          ? (value as Readonly<Record<string, unknown>>)[name]
          : undefined,
      document,
    )
}

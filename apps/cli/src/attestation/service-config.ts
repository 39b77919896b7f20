import { ok, utf8Of } from '@sealward/attestation/bytes'
import { type AttestationConfig, attestationConfig } from '@sealward/attestation-service/config'
import { parseConfig } from '@sealward/enclave/config'
import { readConfigFile } from '../config-file.ts'
import { badInput, type Outcome } from '../problem.ts'

/** Where the state of a service is, and what is said of it. */
export interface StateFlags {
  readonly config?: string
  readonly state?: string
  readonly database?: string
}

export const defaultPort = 4480
const defaultState = '.sealward-attestation'

/** What a command line adds to a configuration, or puts in its place. */
export interface ConfigChanges extends StateFlags {
  readonly port?: number
  readonly address?: string
  readonly issuer?: string
}

/**
 * The configuration that a command line means: its file, or one instance for production; options stand
 * above it.
 *
 * @returns it, `file-unreadable`, `option-conflict`, or `config-malformed` with a sentence that says where.
 */
export async function readServiceConfig(
  changes: ConfigChanges,
): Promise<Outcome<AttestationConfig>> {
  const { config: file, state, database, port, address, issuer } = changes
  const written = file === undefined ? ok({}) : await readConfigFile(file)
  if (!written.ok) return written
  if (file !== undefined && issuer !== undefined) {
    return badInput(
      'option-conflict',
      '--issuer',
      'A configuration names the issuer of each instance.',
    )
  }
  const listensAt = port ?? defaultPort
  const assumed = {
    stateFolder: defaultState,
    port: defaultPort,
    ...(file === undefined
      ? { instances: [{ name: 'default', issuer: issuer ?? `http://localhost:${listensAt}` }] }
      : {}),
  }
  const whole = {
    ...assumed,
    ...written.value,
    ...(state === undefined ? {} : { stateFolder: state }),
    ...(database === undefined ? {} : { databaseUrl: database }),
    ...(port === undefined ? {} : { port }),
    ...(address === undefined ? {} : { address }),
  }
  const config = parseConfig(attestationConfig, utf8Of(JSON.stringify(whole)))
  return config.ok
    ? config
    : badInput(config.problem.code, config.problem.at, config.problem.detail)
}

/** A configuration to start from: two instances, everything said that has a default. */
export function exampleConfig(): string {
  const keys = {
    algorithm: 'RS256',
    rsaBits: 2048,
    signsForSeconds: 7_776_000,
    publishedAheadSeconds: 3600,
  }
  const config = {
    address: '127.0.0.1',
    port: defaultPort,
    databaseUrl: 'postgres://attestation@127.0.0.1:5432/attestation',
    stateFolder: '/var/lib/sealward-attestation',
    pcsUrl: 'https://api.trustedservices.intel.com',
    kdsUrl: 'https://kdsintf.amd.com',
    trustedProxies: ['10.0.0.0/8'],
    refreshSeconds: 10,
    instances: [
      {
        name: 'default',
        issuer: 'https://attest.example',
        host: 'attest.example',
        development: false,
        mode: 'entra',
        identityProvider: {
          issuer: 'https://login.example/tenant',
          audience: 'https://attest.example',
          roleClaim: 'roles',
        },
        approvalSeconds: 86_400,
        attestationLifetimeSeconds: 3600,
        keys,
        limits: { requestsPerSecond: 20, burst: 100, attestBodyBytesMax: 262_144 },
      },
      {
        name: 'hospital',
        issuer: 'https://attest.example/instances/hospital',
        mode: 'isolated',
        policySignersFile: '/etc/sealward-attestation/first-signers.pem',
        keys: { ...keys, algorithm: 'ES256' },
      },
    ],
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

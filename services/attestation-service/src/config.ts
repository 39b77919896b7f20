/**
 * What an operator says of a service and of its instances.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import { networkAddress, webAddress } from '@sealward/enclave/config'
import { amdKds, intelPcs } from '@sealward/enclave/endorsements'
import type { SealingPolicy } from '@sealward/enclave/evidence'
import {
  type IdentityProviderSettings,
  identityProviderSettings,
} from '@sealward/enclave/identity-provider'
import * as z from 'zod'
import { limits as administrationLimits } from './administration/limits.ts'
import type { InstanceLimits } from './instance.ts'
import type { KeyKind } from './keys/signing-key.ts'
import { limits } from './limits.ts'

/** A service, as its operator describes it. */
export interface AttestationConfig {
  /** Where it listens; behind a proxy that speaks TLS, unless it is for this machine alone. */
  readonly address: string
  /** 0 for any free port. */
  readonly port: number
  /** Of PostgreSQL; otherwise the environment's DATABASE_URL. */
  readonly databaseUrl?: string | undefined
  /** Holds the key-encryption key, or in a TEE the local secret, and nothing else. */
  readonly stateFolder: string
  /** In a TEE: which code opens the local secret, every version of one publisher's or this very one. */
  readonly sealingPolicy: SealingPolicy
  /** Address of Intel's provisioning certification service, or of a cache of it. */
  readonly pcsUrl: string
  /** Address of AMD's key distribution service, or of what stands for it. */
  readonly kdsUrl: string
  /** Proxies whose `X-Forwarded-For` is believed: addresses, or networks as `10.0.0.0/8`. */
  readonly trustedProxies: readonly string[]
  /** How often keys and policies are read again: what one replica changes, the others know after that. */
  readonly refreshSeconds: number
  /** The first answers at the root; each at `/instances/<name>` as well. */
  readonly instances: readonly [InstanceConfig, ...InstanceConfig[]]
}

/** One tenant. */
export interface InstanceConfig {
  readonly name: string
  /** As tokens name it; `/certs` and `/token` are below it. */
  readonly issuer: string
  /** A value of the header `Host` by which it is found without its name in the path. */
  readonly host?: string | undefined
  /** Whether simulated evidence may be let in. */
  readonly development: boolean
  /** Hex SHA-256 of the SPKI of evidence roots; Intel's and AMD's, where none is given. */
  readonly roots?: readonly string[] | undefined
  /** Who may change policies: `shared`, nobody; `entra`, whoever has the role; `isolated`, only registered signers. */
  readonly mode: 'shared' | 'entra' | 'isolated'
  /** Who names the people that administer it; there must be one in mode `entra`. */
  readonly identityProvider?: IdentityProviderSettings | undefined
  /** PEM file of the first policy signers; there must be one in mode `isolated`. Later ones are added over HTTP. */
  readonly policySignersFile?: string | undefined
  /** How long a change waits for a second person; without it, one is enough. */
  readonly approvalSeconds?: number | undefined
  readonly attestationLifetimeSeconds: number
  readonly keys: KeySettings
  readonly limits: InstanceLimits
}

export interface KeySettings extends KeyKind {
  /** How long a key signs before the next takes its place; `never`: until it is rotated by hand. */
  readonly signsForSeconds: number | 'never'
  /** How long a key is published before it signs. */
  readonly publishedAheadSeconds: number
}

const instanceLimits: z.ZodType<InstanceLimits, object> = z.strictObject({
  requestsPerSecond: z.number().min(0.01).max(100_000).default(20),
  burst: z.int().min(1).max(100_000).default(100),
  attestBodyBytesMax: z
    .int()
    .min(1024)
    .max(limits.attestBodyBytesMax)
    .default(limits.attestBodyBytesMax),
})

const keySettings: z.ZodType<KeySettings, object> = z.strictObject({
  algorithm: z.enum(['RS256', 'ES256']).default('RS256'),
  rsaBits: z.literal([2048, 3072]).default(2048),
  signsForSeconds: z
    .union([z.literal('never'), z.int().min(1).max(limits.signsForSecondsMax)])
    .default(90 * 24 * 3600),
  publishedAheadSeconds: z.int().min(2).max(limits.publishedAheadSecondsMax).default(3600),
})

const instanceConfig: z.ZodType<InstanceConfig> = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower case, digits and hyphens'),
    issuer: webAddress,
    host: z
      .string()
      .regex(/^[a-z0-9.[\]-]+(:[0-9]+)?$/, 'a host, lower case')
      .optional(),
    development: z.boolean().default(false),
    roots: z
      .array(z.string().regex(/^[0-9a-f]{64}$/, 'hex SHA-256 of a root expected'))
      .min(1)
      .optional(),
    mode: z.enum(['shared', 'entra', 'isolated']).default('shared'),
    identityProvider: identityProviderSettings.optional(),
    policySignersFile: z.string().min(1).optional(),
    approvalSeconds: z.int().min(60).max(administrationLimits.approvalSecondsMax).optional(),
    attestationLifetimeSeconds: z
      .int()
      .min(60)
      .max(limits.attestationLifetimeSecondsMax)
      .default(limits.attestationLifetimeSeconds),
    keys: keySettings.prefault({}),
    limits: instanceLimits.prefault({}),
  })
  .refine(({ development, roots }) => development || rootsOf({ roots }).every(isVendors), {
    path: ['roots'],
    message: "only a development instance may accept a root that is not a hardware vendor's",
  })
  .superRefine(administrationFits)

/**
 * The configuration of a service. An instance that is not for development and names any root but
 * Intel's and AMD's is refused: it would let in what protects nothing.
 */
export const attestationConfig: z.ZodType<AttestationConfig> = z
  .strictObject({
    address: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(0),
    databaseUrl: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    stateFolder: z.string().min(1),
    sealingPolicy: z.enum(['mrsigner', 'mrenclave']).default('mrsigner'),
    pcsUrl: webAddress.default(intelPcs.baseUrl),
    kdsUrl: webAddress.default(amdKds.baseUrl),
    trustedProxies: z.array(networkAddress).max(limits.trustedProxiesMax).default([]),
    refreshSeconds: z.int().min(1).max(30).default(10),
    instances: z.tuple([instanceConfig], instanceConfig),
  })
  .superRefine(({ instances, refreshSeconds }, context) => {
    for (const name of ['name', 'issuer', 'host'] as const) {
      const seen = new Set<string>()
      for (const [index, { [name]: value }] of instances.entries()) {
        if (value === undefined) continue
        if (seen.has(value)) refuseAt(context, ['instances', index, name], 'used twice')
        seen.add(value)
      }
    }
    for (const [index, { keys, attestationLifetimeSeconds }] of instances.entries()) {
      const { signsForSeconds, publishedAheadSeconds } = keys
      const publishedSeconds = publishedAheadSeconds + attestationLifetimeSeconds
      if (
        signsForSeconds !== 'never' &&
        signsForSeconds * limits.retiredKeysMax < publishedSeconds
      ) {
        refuseAt(
          context,
          ['instances', index, 'keys', 'signsForSeconds'],
          `so long that no more than ${limits.retiredKeysMax} retired keys are published`,
        )
      }
      if (publishedAheadSeconds < 2 * refreshSeconds) {
        refuseAt(
          context,
          ['instances', index, 'keys', 'publishedAheadSeconds'],
          'at least twice refreshSeconds, so that every replica has published a key before one signs with it',
        )
      }
    }
    if (instances.length > limits.instancesMax) {
      refuseAt(context, ['instances'], `at most ${limits.instancesMax}`)
    }
  })

/** Every mode has what it needs, and nothing that would have no effect in it. */
function administrationFits(config: InstanceConfig, context: z.RefinementCtx): void {
  const { mode, identityProvider: provider, policySignersFile, approvalSeconds } = config
  const says = (path: string, message: string): void => refuseAt(context, [path], message)
  if (mode === 'entra' && provider === undefined) {
    says('identityProvider', 'mode entra needs one: nobody could administer the instance')
  }
  if ((mode === 'isolated') !== (policySignersFile !== undefined)) {
    says('policySignersFile', 'mode isolated needs one, and no other mode has any')
  }
  if (mode === 'shared' && provider !== undefined) {
    says('identityProvider', 'nobody administers an instance of mode shared')
  }
  if (approvalSeconds !== undefined && (mode === 'shared' || provider === undefined)) {
    says('approvalSeconds', 'who approves is named by an identityProvider, and there is none')
  }
  if (provider?.url !== undefined && !config.development) {
    says('identityProvider', 'only a development instance reaches its provider elsewhere')
  }
}

/** The evidence roots of an instance. */
export function rootsOf(config: Pick<InstanceConfig, 'roots'>): readonly string[] {
  return config.roots ?? vendorRoots
}

const vendorRoots: readonly string[] = [intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)]

function isVendors(root: string): boolean {
  return vendorRoots.includes(root)
}

function refuseAt(context: z.RefinementCtx, path: (string | number)[], message: string): void {
  context.addIssue({ code: 'custom', path, message })
}

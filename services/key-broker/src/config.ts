/**
 * What an operator says of a key broker.
 *
 * @see docs/spec/key-broker.md
 * @module
 */

import { networkAddress, webAddress } from '@sealward/enclave/config'
import { intelPcs } from '@sealward/enclave/endorsements'
import {
  type IdentityProviderSettings,
  identityProviderSettings,
} from '@sealward/enclave/identity-provider'
import * as z from 'zod'
import { type BreakGlassSettings, breakGlassSettings } from './custody/break-glass-settings.ts'
import {
  type KeyEncryptionSettings,
  keyEncryptionSettings,
} from './custody/key-encryption-settings.ts'
import { limits as kbsLimits } from './kbs/limits.ts'
import { limits } from './limits.ts'
import type { AuthoritySettings } from './release/authorities.ts'
import type { ReleaseCertificateFiles } from './release/open-release-signer.ts'

/** A key broker, as its operator describes it. */
export interface BrokerConfig {
  /** Where people and their tools reach it: plain HTTP, behind what speaks TLS. */
  readonly address: string
  /** 0 for any free port. */
  readonly port: number
  /** Where workloads reach it: attested TLS. Only in a TEE. */
  readonly attestedAddress: string
  readonly attestedPort: number
  /** What its keys are called: `<publicUrl>/keys/<name>/<version>`. */
  readonly publicUrl: string
  /** Of PostgreSQL; otherwise the environment's DATABASE_URL. */
  readonly databaseUrl?: string | undefined
  /** Holds the key-encryption key, where that is a file, or the local secret of a TEE, and nothing else. */
  readonly stateFolder: string
  /** In a TEE its own, otherwise that of a file, unless said. */
  readonly keyEncryption?: KeyEncryptionSettings | undefined
  /** Address of Intel's provisioning certification service, or of a cache of it: for evidence about the broker itself. */
  readonly pcsUrl: string
  /** Proxies whose `X-Forwarded-For` is believed: addresses, or networks as `10.0.0.0/8`. */
  readonly trustedProxies: readonly string[]
  /** Whether simulated evidence may be released to, and an identity provider reached over plain HTTP. */
  readonly development: boolean
  /** Who names the people; without one nobody but workloads is served. */
  readonly identityProvider?: IdentityProviderSettings | undefined
  /** What people's tools ask a token for; `publicUrl`, unless said. */
  readonly resource?: string | undefined
  /** Attestation services whose tokens keys are released for. */
  readonly authorities: readonly AuthoritySettings[]
  /** What releases to people's tools are signed with; one of the broker's own, unless said. */
  readonly releaseCertificate?: ReleaseCertificateFiles | undefined
  /** Trustee's protocol; not spoken unless named. */
  readonly kbs?: KbsSettings | undefined
  /** What is counted, on a listener of its own; nowhere, unless a port is named. */
  readonly metricsPort?: number | undefined
  /** Which keys may be given to people without attestation; none, unless said. Not in a TEE. */
  readonly breakGlass?: BreakGlassSettings | undefined
  /** For how many days a deleted key can be recovered, before it is purged. */
  readonly recoverableDays: number
  /** How often keys are looked through for what is due: rotation, and purging. */
  readonly sweepSeconds: number
  readonly limits: BrokerRates
}

export interface KbsSettings {
  /** Issuer of the attestation service that appraises evidence: one of `authorities`. */
  readonly authority: string
  /** How long a handshake, and what it got, lasts. */
  readonly sessionSeconds: number
}

/** How often one client may ask. */
export interface BrokerRates {
  readonly requestsPerSecond: number
  readonly burst: number
}

const base64UrlSha256 = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'base64url SHA-256 expected')

const authority: z.ZodType<AuthoritySettings, object> = z.strictObject({
  issuer: webAddress,
  url: webAddress.optional(),
  signers: z.array(base64UrlSha256).min(1).max(16),
  policyHashes: z.array(base64UrlSha256).min(1).max(64),
  development: z.boolean().default(false),
})

const kbs: z.ZodType<KbsSettings, object> = z.strictObject({
  authority: webAddress,
  sessionSeconds: z.int().min(10).max(3600).default(kbsLimits.sessionSeconds),
})

const rates: z.ZodType<BrokerRates, object> = z.strictObject({
  requestsPerSecond: z.number().min(0.01).max(100_000).default(50),
  burst: z.int().min(1).max(100_000).default(200),
})

/** The configuration of a key broker. What is not for development names nothing that is. */
export const brokerConfig: z.ZodType<BrokerConfig> = z
  .strictObject({
    address: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(0),
    attestedAddress: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
    attestedPort: z.int().min(0).max(65_535).default(0),
    publicUrl: webAddress,
    databaseUrl: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    stateFolder: z.string().min(1),
    keyEncryption: keyEncryptionSettings.optional(),
    pcsUrl: webAddress.default(intelPcs.baseUrl),
    trustedProxies: z.array(networkAddress).max(limits.trustedProxiesMax).default([]),
    development: z.boolean().default(false),
    identityProvider: identityProviderSettings.optional(),
    resource: webAddress.optional(),
    authorities: z.array(authority).max(limits.authoritiesMax).default([]),
    releaseCertificate: z
      .strictObject({ certificateFile: z.string().min(1), keyFile: z.string().min(1) })
      .optional(),
    kbs: kbs.optional(),
    metricsPort: z.int().min(0).max(65_535).optional(),
    breakGlass: breakGlassSettings.optional(),
    recoverableDays: z.int().min(7).max(90).default(limits.recoverableDays),
    sweepSeconds: z.int().min(1).max(3600).default(60),
    limits: rates.prefault({}),
  })
  .superRefine(({ authorities, development, identityProvider, kbs: protocol }, context) => {
    if (
      protocol !== undefined &&
      !authorities.some(({ issuer }) => issuer === protocol.authority)
    ) {
      context.addIssue({
        code: 'custom',
        path: ['kbs', 'authority'],
        message: 'one of the authorities expected',
      })
    }
    const seen = new Set<string>()
    for (const [index, one] of authorities.entries()) {
      const says = (field: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['authorities', index, field], message })
      if (seen.has(one.issuer)) says('issuer', 'used twice')
      seen.add(one.issuer)
      if (one.development && !development) says('development', 'the broker is not for development')
    }
    if (!development && identityProvider?.url !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['identityProvider', 'url'],
        message: 'only a broker for development may be told',
      })
    }
  })

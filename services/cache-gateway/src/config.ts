import * as z from 'zod'

/** What an operator says of the place that the gateway runs in. Whom it trusts is in the measured init-time data. */
export interface GatewayConfig {
  /** 0 for any free port. */
  readonly port: number
  /** Address of the provisioning certification service, or of a cache of it. */
  readonly pcsUrl: string
  /** Where the attestation service is reached; its issuer, where it is not given. */
  readonly attestationUrl?: string | undefined
  /** The Redis server behind the gateway; without one, values are kept in the gateway's own memory. */
  readonly redisUrl?: string | undefined
}

export const gatewayConfig: z.ZodType<GatewayConfig> = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  pcsUrl: z.url({ protocol: /^https?$/ }),
  attestationUrl: z.url({ protocol: /^https?$/ }).optional(),
  redisUrl: z.url({ protocol: /^rediss?$/ }).optional(),
})

import * as z from 'zod'

/** What an operator says of the place that the provider runs in. Whom it trusts is in the measured init-time data. */
export interface DiagnosticsConfig {
  /** 0 for any free port. */
  readonly port: number
  /** Address of the provisioning certification service, or of a cache of it. */
  readonly pcsUrl: string
  /** Where the attestation service is reached; its issuer, where it is not given. */
  readonly attestationUrl?: string | undefined
  /** Threads that run the model. */
  readonly workers: number
}

export const diagnosticsConfig: z.ZodType<DiagnosticsConfig> = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  pcsUrl: z.url({ protocol: /^https?$/ }),
  attestationUrl: z.url({ protocol: /^https?$/ }).optional(),
  workers: z.int().min(1).max(64).default(1),
})

import * as z from 'zod'

/** What an operator says of the place that the provider runs in. Whom it trusts is in the measured init-time data. */
export interface DiagnosticsConfig {
  /** 0 for any free port. */
  readonly port: number
  /** Address of the provisioning certification service, or of a cache of it. */
  readonly pcsUrl: string
  /** Where the attestation service is reached; its issuer, where it is not given. */
  readonly attestationUrl?: string | undefined
  /** The model, encrypted. */
  readonly modelFile: string
  /** Where the key broker's attested listener is; the broker itself is named in the measured init-time data. */
  readonly keyBroker?: { readonly url: string } | undefined
  /** Whether a model that is not encrypted is served; in a development deployment only. */
  readonly plainModel: boolean
  /** Threads that run the model. */
  readonly workers: number
}

export const diagnosticsConfig: z.ZodType<DiagnosticsConfig> = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  pcsUrl: z.url({ protocol: /^https?$/ }),
  attestationUrl: z.url({ protocol: /^https?$/ }).optional(),
  modelFile: z.string().min(1),
  keyBroker: z.strictObject({ url: z.url({ protocol: /^https$/ }) }).optional(),
  plainModel: z.boolean().default(false),
  workers: z.int().min(1).max(64).default(1),
})

import * as z from 'zod'

const Port = z.number().int().min(0).max(65_535)

/** What the operator says. None of it is trusted: what is, comes in the measured init-time data. */
export interface PlatformConfig {
  /** Of the public listener; 0 for any free one. */
  readonly port: number
  readonly databaseUrl: string
  /** Intel's PCS, or a cache of it. */
  readonly pcsUrl: string
  /** Where the attestation service is reached; its issuer and signers are pinned elsewhere. */
  readonly attestationUrl: string
  readonly cacheGateway: { readonly host: string; readonly port: number }
  readonly diagnostics: { readonly url: string }
  /** Where the secret is kept that data is sealed under, if no broker keeps the key: it outlives updates of machine and code. */
  readonly secretFile?: string | undefined
  /** A folder outside the database that remembers how far it has come, where no broker does. */
  readonly anchorFolder?: string | undefined
  /** What an administrator signed so that a database which was put back is gone on with. */
  readonly restoreStatement?: string | undefined
  /** Where the key broker's attested listener is; the broker itself is named in the measured init-time data. */
  readonly keyBroker?:
    | {
        readonly url: string
        /** How often it is asked for newer versions of the keys. */
        readonly pollSeconds: number
        /** How long after it was replaced a master key that nothing needs any more is taken out of use. */
        readonly retireAfterDays: number
      }
    | undefined
  /** Where the pinned identity provider is reached in a development deployment; ignored in others. */
  readonly identityUrl?: string | undefined
}

export const platformConfig: z.ZodType<PlatformConfig> = z.strictObject({
  port: Port.default(0),
  databaseUrl: z.url({ protocol: /^postgres(ql)?$/ }),
  pcsUrl: z.url(),
  attestationUrl: z.url(),
  cacheGateway: z.strictObject({ host: z.string().min(1), port: Port }),
  diagnostics: z.strictObject({ url: z.url({ protocol: /^https$/ }) }),
  secretFile: z.string().min(1).optional(),
  anchorFolder: z.string().min(1).optional(),
  restoreStatement: z.string().min(1).optional(),
  keyBroker: z
    .strictObject({
      url: z.url({ protocol: /^https$/ }),
      pollSeconds: z.number().min(1).max(86_400).default(300),
      retireAfterDays: z.number().min(0).max(3650).default(30),
    })
    .optional(),
  identityUrl: z.url().optional(),
})

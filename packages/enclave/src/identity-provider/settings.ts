import * as z from 'zod'
import { webAddress } from '../config/index.ts'

/** An OpenID Connect provider. */
export interface IdentityProviderSettings {
  readonly issuer: string
  /** As tokens for this service name it. */
  readonly audience: string
  /** Claim with the roles; a dot leads into an object. */
  readonly roleClaim: string
  /** Where the issuer is reached, if not at itself. Only a service for development may be told. */
  readonly url?: string | undefined
}

/** As an operator writes it. */
export const identityProviderSettings: z.ZodType<IdentityProviderSettings, object> = z.strictObject(
  {
    issuer: webAddress,
    audience: z.string().min(1).max(512),
    roleClaim: z.string().min(1).max(256).default('roles'),
    url: webAddress.optional(),
  },
)

/**
 * People, as an OpenID Connect provider names them: its keys, and the access tokens that it signed.
 *
 * @module
 */

export {
  type Bearer,
  type BearerCode,
  type BearerExpectation,
  verifyBearer,
} from './bearer-token.ts'
export { createProviderKeys, type ProviderKeys } from './provider-keys.ts'
export { type IdentityProviderSettings, identityProviderSettings } from './settings.ts'

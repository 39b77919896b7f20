import { claimNames, snpClaimNames, tdxClaimNames } from '@sealward/attestation/token'
import type { Answer } from './answer.ts'
import type { Instance } from './instance.ts'

/** `GET /.well-known/openid-configuration`: where keys are, and which claims tokens have. */
export function openIdConfiguration({ issuer, keys }: Pick<Instance, 'issuer' | 'keys'>): Answer {
  return {
    status: 200,
    body: {
      issuer,
      jwks_uri: `${issuer}/certs`,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      introspection_endpoint: `${issuer}/introspect`,
      deny_list_uri: `${issuer}/deny-list`,
      challenge_endpoint: `${issuer}/challenge`,
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      tls_client_certificate_bound_access_tokens: true,
      response_types_supported: ['token', 'none'],
      id_token_signing_alg_values_supported: [
        ...new Set(keys.published().map(({ algorithm }) => algorithm)),
      ],
      claims_supported: [claimNames, snpClaimNames, tdxClaimNames].flatMap((names) =>
        Object.values(names),
      ),
    },
  }
}

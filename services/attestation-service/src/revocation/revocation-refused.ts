import { type Answer, oauthRefusal } from '../answer.ts'

/**
 * `POST /revoke`: the metadata of Azure Attestation names it, and no token is taken back by whoever holds it.
 *
 * @see RFC 7009, section 2.2.1
 */
export const revocationRefused: Answer = oauthRefusal('unsupported_token_type', {
  code: 'revocation-unsupported',
  at: 'token',
  detail:
    'tokens are denied by administrators, on the deny list; they end by themselves within hours',
})

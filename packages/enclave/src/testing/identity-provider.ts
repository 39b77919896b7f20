/**
 * An OpenID Connect provider for tests, on loopback: publishes its key, and makes access tokens of whomever a test names.
 *
 * @module
 */

import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import type { Clock } from '../effects/index.ts'
import type { IdentityProviderSettings } from '../identity-provider/index.ts'

export interface TestIdentityProvider {
  /** As a service of it is configured; only one for development takes the address. */
  readonly settings: IdentityProviderSettings & { readonly url: string }
  /** An access token of somebody with these roles. */
  tokenOf(
    roles: readonly string[],
    subject?: string,
    changes?: Readonly<Record<string, unknown>>,
  ): Promise<string>
  /** Answers nothing from now on. */
  failing: boolean
  close(): Promise<void>
}

export async function startIdentityProvider(clock: Clock): Promise<TestIdentityProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'https://identity.example'
  const audience = 'urn:sealward:test'
  const answers: Readonly<Record<string, object>> = {
    '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
    '/keys': { keys: [{ ...(await exportJWK(publicKey)), kid: 'people' }] },
  }
  const state = { failing: false }
  const server = createServer((request, response) => {
    const answer = state.failing ? undefined : answers[request.url ?? '']
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(state, {
    settings: { issuer, audience, roleClaim: 'roles', url },
    tokenOf: (
      roles: readonly string[],
      subject = `somebody-${roles.join('-')}`,
      changes: Readonly<Record<string, unknown>> = {},
    ) => {
      const at = clock.now()
      const claims = { iss: issuer, aud: audience, sub: subject, roles, iat: at, exp: at + 3600 }
      return new SignJWT({ ...claims, ...changes })
        .setProtectedHeader({ alg: 'ES256', kid: 'people', typ: 'at+jwt' })
        .sign(privateKey)
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
}

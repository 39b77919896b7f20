import { readFile } from 'node:fs/promises'
import { jsonOf, ok, reading } from '@sealward/attestation/bytes'
import {
  allowInsecureRequests,
  ClientSecretBasic,
  clientCredentialsGrantRequest,
  customFetch,
  discoveryRequest,
  OperationProcessingError,
  processClientCredentialsResponse,
  processDiscoveryResponse,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi'
import type { Configuration } from './configuration.ts'
import type { Effects } from './http.ts'
import { limits } from './limits.ts'
import { badInput, type Outcome, unavailable } from './problem.ts'

/** What the command line signs in with. */
export interface Credentials {
  /** Origin of the stack that they are for. They are shown to no other origin. */
  readonly stack: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Reads a credentials file, as `npm start` leaves one in the state folder. */
export async function readCredentials(file: string): Promise<Outcome<Credentials>> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch {
    return badInput(
      'credentials-unreadable',
      '--credentials',
      `${file} cannot be read; a running stack writes it into its state folder`,
    )
  }
  const json = jsonOf(bytes, { bytesMax: 65_536, depthMax: 4 })
  const parsed = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', (fields) => ({
          stack: fields.required('stack').string(1024),
          clientId: fields.required('clientId').string(256),
          clientSecret: fields.required('clientSecret').string(1024),
        })),
      )
    : json
  if (!parsed.ok) {
    return badInput('credentials-malformed', '--credentials', `${file} holds no credentials`)
  }
  return parsed
}

/** Refuses credentials that would be shown to somebody else than they are for, with `credentials-foreign`. */
export function addressedTo(
  credentials: Credentials,
  { identity }: Configuration,
): Outcome<Credentials> {
  const { origin } = new URL(identity.issuer)
  return credentials.stack === origin
    ? ok(credentials)
    : badInput(
        'credentials-foreign',
        '--credentials',
        `they are for ${credentials.stack}, and would be shown to ${origin}`,
      )
}

/** An access token of the hospital's identity provider, and when it ends. */
export interface StaffToken {
  readonly token: string
  readonly expiresAt: number
}

/** Signs in at the hospital's identity provider (RFC 6749, section 4.4; RFC 8707). */
export async function signIn(
  effects: Effects,
  { identity }: Configuration,
  credentials: Credentials,
): Promise<Outcome<StaffToken>> {
  const issuer = new URL(identity.issuer)
  const options = {
    [customFetch]: effects.fetch as never,
    // Only an address of this machine gets here without HTTPS: the configuration is parsed so.
    [allowInsecureRequests]: issuer.protocol === 'http:',
    signal: () => AbortSignal.timeout(limits.answerMsMax),
  }
  const client = { client_id: credentials.clientId }
  try {
    const discovery = await discoveryRequest(issuer, options)
    const server = await processDiscoveryResponse(issuer, discovery)
    const response = await clientCredentialsGrantRequest(
      server,
      client,
      ClientSecretBasic(credentials.clientSecret),
      { resource: identity.audience },
      options,
    )
    const token = await processClientCredentialsResponse(server, client, response)
    const lifetime = token.expires_in ?? 60
    return ok({ token: token.access_token, expiresAt: effects.clock.now() + lifetime })
  } catch (error) {
    if (error instanceof ResponseBodyError || error instanceof WWWAuthenticateChallengeError) {
      return badInput('sign-in-refused', '--credentials', 'the identity provider refused them')
    }
    if (
      error instanceof OperationProcessingError ||
      error instanceof TypeError ||
      error instanceof DOMException
    ) {
      return unavailable(
        'identity-unavailable',
        'identity',
        'the identity provider does not answer',
      )
    }
    throw error
  }
}

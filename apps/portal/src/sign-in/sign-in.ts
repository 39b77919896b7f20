import {
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import * as oauth from 'oauth4webapi'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'
import { keepPending, type TabStorage, takePending } from './pending.ts'

/** What the identity provider gave. It lives in this page's memory and nowhere else. */
export interface Tokens {
  readonly accessToken: string
  readonly idToken: string | undefined
  readonly expiresAt: UnixSeconds
}

export type SignInCode =
  | 'identity-provider-unavailable'
  | 'sign-in-cancelled'
  | 'sign-in-answer-unexpected'
  | 'sign-in-refused'

type Identity = Configuration['identity']

/** An access token is taken to live this long where the provider does not say. */
const lifetimeSecondsDefault = 300

/**
 * Where to send the browser to sign in: authorization code with PKCE (RFC 7636), with state and
 * nonce, which are kept in the tab's storage until the answer comes.
 *
 * @returns the address, or `identity-provider-unavailable`.
 */
export async function beginSignIn(
  identity: Identity,
  effects: Effects,
  storage: TabStorage,
  options: {
    readonly redirectUri: string
    readonly returnTo: string
    /** The answer comes to a window that was opened for it, and is handed over to this page. */
    readonly inWindow?: boolean
  },
): Promise<Result<URL, Problem<SignInCode>>> {
  const server = await discover(identity, effects)
  if (!server.ok) return server
  const endpoint = server.value.authorization_endpoint
  if (endpoint === undefined) return unavailable('authorization_endpoint')
  const state = `${options.inWindow === true ? windowPrefix : ''}${oauth.generateRandomState()}`
  const nonce = oauth.generateRandomNonce()
  const codeVerifier = oauth.generateRandomCodeVerifier()
  keepPending(storage, { state, nonce, codeVerifier, returnTo: options.returnTo })
  const address = new URL(endpoint)
  const parameters = {
    client_id: identity.clientId,
    redirect_uri: options.redirectUri,
    response_type: 'code',
    scope: identity.scope,
    resource: identity.audience,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  }
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value)
  return ok(address)
}

/** Whether an address is the answer of an identity provider. */
export function isSignInAnswer(address: URL): boolean {
  const names = address.searchParams
  return names.has('state') && (names.has('code') || names.has('error'))
}

/** How the state of a sign-in in a window of its own begins; no random one does. */
const windowPrefix = 'window.'

/** Whether an answer is for a page that waits for it elsewhere. */
export function isAnswerInWindow(address: URL): boolean {
  return (
    isSignInAnswer(address) && address.searchParams.get('state')?.startsWith(windowPrefix) === true
  )
}

/** Who signed in, as the provider names them. Empty where it does not say. */
export function subjectOf({ idToken }: Tokens): string {
  try {
    const payload = bytesOfBase64Url(idToken?.split('.')[1] ?? '') ?? new Uint8Array()
    const { sub } = Object(JSON.parse(textOf(payload) ?? '')) as { readonly sub?: unknown }
    return typeof sub === 'string' ? sub : ''
  } catch {
    return ''
  }
}

/**
 * Exchanges the provider's answer for tokens.
 *
 * @param address with the answer in its query.
 * @returns tokens and where to go, or why not: `sign-in-answer-unexpected` for an answer to a
 * question that this tab did not ask.
 */
export async function completeSignIn(
  identity: Identity,
  effects: Effects,
  storage: TabStorage,
  options: { readonly address: URL; readonly redirectUri: string },
): Promise<Result<{ tokens: Tokens; returnTo: string }, Problem<SignInCode>>> {
  const pending = takePending(storage)
  if (pending === undefined) {
    return refuse('sign-in-answer-unexpected', 'state', 'this tab has not asked to sign in')
  }
  const server = await discover(identity, effects)
  if (!server.ok) return server
  const client: oauth.Client = { client_id: identity.clientId }
  try {
    const answer = oauth.validateAuthResponse(server.value, client, options.address, pending.state)
    const response = await oauth.authorizationCodeGrantRequest(
      server.value,
      client,
      oauth.None(),
      answer,
      options.redirectUri,
      pending.codeVerifier,
      { ...httpOptions(identity, effects), additionalParameters: { resource: identity.audience } },
    )
    const granted = await oauth.processAuthorizationCodeResponse(server.value, client, response, {
      expectedNonce: pending.nonce,
      requireIdToken: true,
    })
    return ok({
      tokens: {
        accessToken: granted.access_token,
        idToken: granted.id_token,
        expiresAt: effects.now() + (granted.expires_in ?? lifetimeSecondsDefault),
      },
      returnTo: pending.returnTo,
    })
  } catch (error) {
    return { ok: false, problem: problemOf(error) }
  }
}

/** Where to send the browser so that the session at the provider ends too, where it offers that. */
export async function signOutAddress(
  identity: Identity,
  effects: Effects,
  options: { readonly idToken: string | undefined; readonly redirectUri: string },
): Promise<URL | undefined> {
  const server = await discover(identity, effects)
  if (!server.ok || server.value.end_session_endpoint === undefined) return undefined
  const address = new URL(server.value.end_session_endpoint)
  address.searchParams.set('client_id', identity.clientId)
  address.searchParams.set('post_logout_redirect_uri', options.redirectUri)
  if (options.idToken !== undefined) address.searchParams.set('id_token_hint', options.idToken)
  return address
}

async function discover(
  identity: Identity,
  effects: Effects,
): Promise<Result<oauth.AuthorizationServer, Problem<SignInCode>>> {
  try {
    const issuer = new URL(identity.issuer)
    const response = await oauth.discoveryRequest(issuer, httpOptions(identity, effects))
    return ok(await oauth.processDiscoveryResponse(issuer, response))
  } catch {
    return unavailable('.well-known/openid-configuration')
  }
}

function unavailable(at: string): Result<never, Problem<SignInCode>> {
  return refuse('identity-provider-unavailable', at, 'the identity provider did not answer')
}

/** Without TLS only to this same machine, where the development stack runs. */
function httpOptions(
  identity: Identity,
  effects: Effects,
): {
  readonly [oauth.allowInsecureRequests]: boolean
  readonly [oauth.customFetch]: (
    url: string,
    options: oauth.CustomFetchOptions<string, URLSearchParams | undefined>,
  ) => Promise<Response>
} {
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(identity.issuer).hostname)
  return {
    [oauth.allowInsecureRequests]: loopback,
    [oauth.customFetch]: (url, { body, ...rest }) =>
      effects.fetch(url, body === undefined ? rest : { ...rest, body }),
  }
}

function problemOf(error: unknown): Problem<SignInCode> {
  if (error instanceof oauth.AuthorizationResponseError) {
    return error.error === 'access_denied'
      ? { code: 'sign-in-cancelled', at: 'error', detail: 'the sign-in was cancelled' }
      : { code: 'sign-in-refused', at: 'error', detail: error.error }
  }
  if (error instanceof oauth.ResponseBodyError) {
    return { code: 'sign-in-refused', at: 'token', detail: error.error }
  }
  if (error instanceof oauth.OperationProcessingError) {
    return { code: 'sign-in-answer-unexpected', at: error.code ?? 'answer', detail: error.message }
  }
  return { code: 'identity-provider-unavailable', at: 'token', detail: 'no answer' }
}

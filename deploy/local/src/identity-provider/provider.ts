import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Configuration, JWKS, Provider } from 'oidc-provider'
import { accountOf, signIn } from './accounts.ts'
import { signInPage, signInStyle } from './sign-in-page.ts'

/** The API for which access tokens are issued (RFC 8707), and its audience (RFC 9068). */
export const platformResource = 'urn:sealward:platform'

/** The key broker's API, for whoever administers keys. */
export const keyBrokerResource = 'urn:sealward:key-broker'

/** How the portal and the command line are known to the provider. */
export const portalClientId = 'sealward-portal'
export const cliClientId = 'sealward-cli'

/** Whoever administers the deployment's keys, and what they may do at the key broker. */
export const operatorClientId = 'sealward-operator'
const operatorRoles = ['reader', 'user', 'releaser', 'officer', 'auditor']

/** Answers what is below the provider's path, for example `/identity`. */
export type IdentityProvider = (request: IncomingMessage, response: ServerResponse) => void

/**
 * The hospital's OpenID provider of the development stack: authorization code with PKCE for the
 * portal, client credentials for the command line and for the operator, JWT access tokens with `roles` and `name`.
 *
 * @param issuer with the path it is mounted at.
 * @param origin of the portal.
 * @param jwks private signing keys; kept in the state folder, so that sessions outlive a restart.
 */
export async function createIdentityProvider(options: {
  readonly issuer: string
  readonly origin: string
  readonly jwks: JWKS
  readonly cookieKey: string
  readonly cliSecret: string
  readonly operatorSecret: string
}): Promise<IdentityProvider> {
  const mount = new URL(options.issuer).pathname
  const provider = await quietly(async () => {
    const library = await import('oidc-provider')
    return new library.Provider(options.issuer, configurationOf(options, mount))
  })
  const callback = provider.callback()
  return (request, response) => {
    const path = (request.url ?? '/').slice(mount.length) || '/'
    if (path === '/sign-in.css') {
      response.writeHead(200, { 'content-type': 'text/css; charset=utf-8' }).end(signInStyle)
    } else if (path.startsWith('/sign-in/')) {
      interact(provider, mount, request, response).catch(() => {
        response.writeHead(400, { 'content-type': 'text/plain' })
        response.end('This sign-in has expired. Go back to the portal and start again.')
      })
    } else {
      Object.assign(request, { originalUrl: request.url })
      request.url = path
      void callback(request, response)
    }
  }
}

/** The library warns on the console that it keeps sessions in memory: here, that is what is wanted. */
async function quietly<T>(make: () => Promise<T>): Promise<T> {
  const { warn, info } = console
  Object.assign(console, { warn: () => {}, info: () => {} })
  try {
    return await make()
  } finally {
    Object.assign(console, { warn, info })
  }
}

/** Of clients that act for themselves. Each service knows its own roles, and takes its own audience. */
const clientRoles: Readonly<Record<string, readonly string[]>> = {
  [cliClientId]: ['clerk'],
  [operatorClientId]: operatorRoles,
}

function configurationOf(
  options: Parameters<typeof createIdentityProvider>[0],
  mount: string,
): Configuration {
  const rolesOf = (clientId: string, accountId: string | undefined): readonly string[] => {
    if (accountId !== undefined) return accountOf(accountId)?.roles ?? []
    return clientRoles[clientId] ?? []
  }
  return {
    clients: [
      {
        client_id: portalClientId,
        token_endpoint_auth_method: 'none',
        application_type: 'web',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [`${options.origin}/`, `${options.origin}/signed-in`],
        post_logout_redirect_uris: [`${options.origin}/`],
      },
      {
        client_id: cliClientId,
        client_secret: options.cliSecret,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
      {
        client_id: operatorClientId,
        client_secret: options.operatorSecret,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    responseTypes: ['code'],
    jwks: options.jwks,
    cookies: { keys: [options.cookieKey] },
    pkce: { required: () => true },
    // No page but the portal's may ask.
    clientBasedCORS: (_ctx, origin) => origin === options.origin,
    scopes: ['openid', 'profile'],
    claims: { openid: ['sub'], profile: ['name', 'roles'] },
    conformIdTokenClaims: false,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      ClientCredentials: 3600,
      Grant: 8 * 3600,
      IdToken: 3600,
      Interaction: 600,
      Session: 8 * 3600,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = logoutPage(form)
        },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => platformResource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          audience: resource === keyBrokerResource ? keyBrokerResource : platformResource,
          scope: '',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    interactions: { url: (_ctx, interaction) => `${mount}/sign-in/${interaction.uid}` },
    findAccount: (_ctx, id) => {
      const account = accountOf(id)
      return (
        account && {
          accountId: id,
          claims: () => ({ sub: id, name: account.name, roles: account.roles }),
        }
      )
    },
    extraTokenClaims: (_ctx, token) => {
      const accountId = 'accountId' in token ? token.accountId : undefined
      return {
        roles: rolesOf(token.clientId ?? '', accountId),
        name: accountId === undefined ? 'Command line' : (accountOf(accountId)?.name ?? accountId),
      }
    },
    loadExistingGrant: async (ctx) => {
      const { client, session, provider } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid profile')
      await grant.save()
      return grant
    },
    renderError: (ctx, out) => {
      ctx.type = 'text/plain'
      ctx.body = `Sign-in failed: ${out.error}. ${out.error_description ?? ''}`
    },
  }
}

/** Shows the sign-in page, and takes what was typed there. */
async function interact(
  provider: Provider,
  mount: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { uid } = await provider.interactionDetails(request, response)
  const page = (status: number, error?: string): void => {
    response.writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    })
    response.end(signInPage(`${mount}/sign-in/${uid}`, error))
  }
  if (request.method !== 'POST') return page(200)
  const form = new URLSearchParams(await bodyOf(request))
  const account = signIn(form.get('account') ?? '', form.get('password') ?? '')
  if (account === undefined) return page(401, 'User name or password is wrong. 用户名或密码错误。')
  await provider.interactionFinished(
    request,
    response,
    { login: { accountId: account.id } },
    { mergeWithLastSubmission: false },
  )
}

const formBytesMax = 4096

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > formBytesMax) throw new Error('the form is too long')
  }
  return body
}

/** Asks once more before the session at the provider ends. */
function logoutPage(form: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign out</title>
<link rel="stylesheet" href="/identity/sign-in.css"><main><h1>Sign out 退出登录</h1>${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out 退出登录</button></main></html>`
}

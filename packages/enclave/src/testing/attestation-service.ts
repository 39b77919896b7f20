/**
 * An attestation service for tests, on loopback: appraises evidence by the real verifier, signs tokens
 * with a key of its own.
 *
 * @module
 */

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { parseRuntimeData } from '@sealward/attestation/evidence'
import type { SampleVendor } from '@sealward/attestation/sample'
import {
  attestationClaimsOf,
  type DenyKind,
  deniedOf,
  denyListType,
  digestOf,
  encodeDenyList,
  type SigningJwk,
} from '@sealward/attestation/token'
import { verifyRuntimeDataBinding, verifySgxEvidence } from '@sealward/attestation/verification'
import { importJWK, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../effects/index.ts'

export interface TestAttestationService {
  readonly issuer: string
  /** Base64url SHA-256 of the SPKI of the key that it signs with. */
  readonly signer: string
  /** The policy that its tokens name. */
  readonly policyHash: string
  /** What was asked of it: `POST /token`. */
  readonly asked: string[]
  /** Answers with this status instead. */
  failing: number | undefined
  /** Seconds that an attestation token lives. */
  tokenSeconds: number
  /** On its deny list. */
  denied: readonly { readonly kind: DenyKind; readonly value: string }[]
  /** Of its deny list. */
  sequence: number
  /** An attestation token with these claims and no others but issuer, id and times. */
  issue(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** Signs with a new key from now on, and forgets the old one. */
  rotate(): void
  close(): Promise<void>
}

/** Starts one that knows `vendor`'s root. */
export async function startAttestationService(
  vendor: SampleVendor,
  clock: Clock,
): Promise<TestAttestationService> {
  const first = newKey()
  let key = first
  const state: Pick<TestAttestationService, 'failing' | 'tokenSeconds' | 'denied' | 'sequence'> = {
    failing: undefined,
    tokenSeconds: 3600,
    denied: [],
    sequence: 1,
  }
  const asked: string[] = []
  let issuer = ''

  const sign = (typ: string, claims: Record<string, unknown>, seconds: number): Promise<string> =>
    new SignJWT({ iss: issuer, jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'RS256', typ, kid: key.jwk.kid ?? '' })
      .setIssuedAt(clock.now())
      .setNotBefore(clock.now())
      .setExpirationTime(clock.now() + seconds)
      .sign(key.privateKey)

  const attest = async (body: string): Promise<object> => {
    const request = JSON.parse(body)
    const bytesOf = (text: string): Uint8Array => bytesOfBase64Url(text) ?? new Uint8Array()
    const evidence = await verifySgxEvidence({
      quote: bytesOf(request.quote),
      endorsements: await vendor.endorsements({ at: clock.now(), lifetimeSeconds: 3600 }),
      roots: [vendor.rootSpkiSha256],
      at: clock.now(),
    })
    if (!evidence.ok) throw new Refused(evidence.problem.code)
    const data = bytesOf(request.runtimeData.data)
    const bound = await verifyRuntimeDataBinding(evidence.value, data)
    const { dataType } = request.runtimeData
    const readable = dataType === 'Binary' || parseRuntimeData(data).ok
    if (!bound.ok || !readable) throw new Refused('InvalidParameter')
    const { mrEnclave, mrSigner, isvProdId, isvSvn, debug, tcbStatus, configId } = evidence.value
    const platforms = [evidence.value.fmspc]
    const claims = await attestationClaimsOf({
      evidence: evidence.value,
      runtimeData: { data, dataType },
      initTimeData: { data: bytesOf(request.initTimeData.data), dataType: 'JSON' },
    })
    if (!claims.ok) throw new Refused(claims.problem.code)
    return {
      token: await sign(
        'JWT',
        {
          ...claims.value,
          'x-ms-policy-hash': policyHash,
          appraised: {
            mrEnclave,
            mrSigner,
            isvProdId,
            isvSvn,
            debug,
            tcbStatus,
            configId,
            platforms,
          },
        },
        state.tokenSeconds,
      ),
    }
  }

  const exchange = async (body: string): Promise<object> => {
    const form = new URLSearchParams(body)
    const subject = form.get('subject_token') ?? ''
    const { payload } = await jwtVerify(subject, key.publicKey, {
      issuer,
      currentDate: new Date(clock.now() * 1000),
    }).catch(() => {
      throw new Refused('invalid_grant')
    })
    const runtime = payload['x-ms-runtime'] as {
      role: string
      deployment: string
      keys: [Parameters<typeof importJWK>[0]]
      tls: Record<string, string>
    }
    await jwtVerify(form.get('client_assertion') ?? '', await importJWK(runtime.keys[0]), {
      audience: `${issuer}/token`,
      currentDate: new Date(clock.now() * 1000),
    }).catch(() => {
      throw new Refused('invalid_client')
    })
    const { role, deployment, tls } = runtime
    return {
      access_token: await sign(
        'at+jwt',
        {
          aud: form.get('audience'),
          sub: role,
          cnf: { 'x5t#S256': tls['x5t#S256'] },
          purpose: form.get('purpose'),
          sealward: {
            ...(payload['appraised'] as object),
            role,
            deployment,
            simulated: true,
            policyHash,
            attestationToken: await digestOf(subject),
            attestationTokenId: payload.jti,
          },
        },
        300,
      ),
      token_type: 'N_A',
      expires_in: 300,
    }
  }

  const denyList = async (): Promise<object> => {
    const at = clock.now()
    const list = encodeDenyList({
      issuer,
      sequence: state.sequence,
      issuedAt: at,
      expiresAt: at + 600,
      denied: deniedOf(state.denied),
    })
    return { token: await sign(denyListType, list, 600) }
  }

  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const body = await bodyOf(request)
    asked.push(`${request.method} ${path}`)
    try {
      if (state.failing !== undefined) answer(response, state.failing, {})
      else if (path === '/certs') answer(response, 200, { keys: [key.jwk] })
      else if (path === '/deny-list') answer(response, 200, await denyList())
      else if (path === '/attest/SgxEnclave') answer(response, 200, await attest(body))
      else if (path === '/token') answer(response, 200, await exchange(body))
      else answer(response, 404, {})
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      answer(response, 400, { error: error.message })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(state, {
    issuer,
    signer: first.signer,
    policyHash,
    asked,
    issue: (claims: Readonly<Record<string, unknown>>) => sign('JWT', claims, state.tokenSeconds),
    rotate: () => {
      key = newKey()
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
}

const policyHash = createHash('sha256').update('a policy for tests').digest('base64url')

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const signer = createHash('sha256').update(spki).digest('base64url')
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: signer, alg: 'RS256' } as SigningJwk
  return { publicKey, privateKey, signer, jwk }
}

class Refused extends Error {}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

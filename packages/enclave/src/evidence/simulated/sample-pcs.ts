/**
 * A provisioning certification service over a sample vendor, answering as Intel's does.
 *
 * @see docs/spec/simulated-tee.md
 * @see Intel SGX and TDX Provisioning Certification Service API, version 4
 * @module
 */

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hexOf } from '@sealward/attestation/bytes'
import type {
  SampleEndorsementOptions,
  SamplePcsResponses,
  SampleVendor,
} from '@sealward/attestation/sample'
import type { Clock } from '../../effects/index.ts'

type SampleIssue = Omit<SampleEndorsementOptions, 'at' | 'lifetimeSeconds'>

export interface SamplePcsOptions {
  readonly vendor: SampleVendor
  readonly clock: Clock
  /** 0 for any free one, unless said. */
  readonly port?: number
  /** How long what it issues lasts; 7 days unless said. */
  readonly lifetimeSeconds?: number
  /** Changes what is issued: a TCB status, revoked certificates. A function is asked for each request. */
  readonly issue?: SampleIssue | (() => SampleIssue)
}

export interface SamplePcs {
  /** `http://127.0.0.1:<port>`: the base to hand to `createPcsClient`. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves a sample vendor's endorsements at the addresses, with the headers and with the refusals of
 * Intel's provisioning certification service, version 4. On 127.0.0.1.
 *
 * @see docs/spec/simulated-tee.md
 */
export async function startSamplePcs(options: SamplePcsOptions): Promise<SamplePcs> {
  const { vendor, clock, lifetimeSeconds = 7 * 24 * 3600, issue = {} } = options
  const issued = (): Promise<SamplePcsResponses> =>
    vendor.pcsResponses({
      ...(typeof issue === 'function' ? issue() : issue),
      at: clock.now(),
      lifetimeSeconds,
    })

  const server = createServer(
    { headersTimeout: 5000, requestTimeout: 5000 },
    (request, response) => {
      request.resume()
      answer(request.method ?? '', request.url ?? '/', vendor.fmspc, issued).then(
        (reply) => send(response, reply),
        () => send(response, { status: 500 }),
      )
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Reply {
  readonly status: number
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

async function answer(
  method: string,
  target: string,
  fmspc: string,
  issued: () => Promise<SamplePcsResponses>,
): Promise<Reply> {
  const { pathname, searchParams } = new URL(target, 'http://pcs.invalid')
  if (method !== 'GET') return { status: 405 }
  switch (pathname) {
    case '/sgx/certification/v4/tcb': {
      const asked = searchParams.get('fmspc')
      if (asked === null || !/^[0-9a-f]{12}$/i.test(asked)) return { status: 400 }
      if (asked.toLowerCase() !== fmspc.toLowerCase()) return { status: 404 }
      const { tcbInfo } = await issued()
      return json(tcbInfo.body, 'TCB-Info-Issuer-Chain', tcbInfo.issuerChain)
    }
    case '/sgx/certification/v4/qe/identity': {
      const { qeIdentity } = await issued()
      return json(qeIdentity.body, 'SGX-Enclave-Identity-Issuer-Chain', qeIdentity.issuerChain)
    }
    case '/sgx/certification/v4/pckcrl': {
      const ca = searchParams.get('ca')
      const encoding = searchParams.get('encoding') ?? 'pem'
      if (ca !== 'platform' && ca !== 'processor') return { status: 400 }
      if (encoding !== 'pem' && encoding !== 'der') return { status: 400 }
      // The sample vendor's one platform is certified by its platform CA.
      if (ca === 'processor') return { status: 404 }
      const { pckCrl } = await issued()
      return {
        status: 200,
        body: encoding === 'der' ? pckCrl.der : pemOf(pckCrl.der),
        headers: {
          'content-type': encoding === 'der' ? 'application/pkix-crl' : 'application/x-pem-file',
          'SGX-PCK-CRL-Issuer-Chain': encodeURIComponent(pckCrl.issuerChain),
        },
      }
    }
    // Of a PCCS: Intel publishes this list at the address that the root certificate names.
    case '/sgx/certification/v4/rootcacrl': {
      const { rootCaCrl } = await issued()
      return {
        status: 200,
        body: hexOf(rootCaCrl),
        headers: { 'content-type': 'application/pkix-crl' },
      }
    }
    default:
      return { status: 404 }
  }
}

function json(body: string, chainHeader: string, chain: string): Reply {
  return {
    status: 200,
    body,
    headers: { 'content-type': 'application/json', [chainHeader]: encodeURIComponent(chain) },
  }
}

/** Intel's refusals have no body. */
function send(response: ServerResponse, reply: Reply): void {
  const requestId = crypto.randomUUID().replaceAll('-', '')
  response.writeHead(reply.status, { 'Request-ID': requestId, ...reply.headers })
  response.end(reply.body)
}

function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})(?=.)/g, '$1\n')
  return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`
}

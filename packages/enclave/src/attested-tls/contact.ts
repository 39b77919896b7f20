import {
  base64UrlOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { Client } from 'undici'
import { causeOf } from '../http/http-client.ts'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import { connectUnverified } from './connect.ts'
import { ConnectFailure } from './dispatcher.ts'
import { attestedTlsLimits } from './limits.ts'

export interface ContactOptions {
  readonly tls: TlsIdentity
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  /** 32 bytes. */
  readonly nonce: Uint8Array
}

export interface Contact {
  /** The evidence document as JSON gave it. Believed by nobody yet. */
  readonly document: unknown
  /** Base64url SHA-256 of the certificate on the connection that it came over. */
  readonly certificateSha256: string
}

/** Asks a peer for its evidence: `POST /evidence` over one connection to whoever answers. */
export async function contactPeer(
  options: ContactOptions,
): Promise<Result<Contact, Problem<'peer-unreachable' | 'peer-malformed'>>> {
  let certificateSha256: string | undefined
  const client = new Client(options.origin, {
    maxResponseSize: attestedTlsLimits.evidenceBytesMax,
    connect: (target, answer) => {
      connectUnverified({
        tls: options.tls,
        host: target.hostname,
        port: Number(target.port),
      }).then(
        (connection) => {
          if (!connection.ok || certificateSha256 !== undefined) {
            // A second connection could be with somebody else.
            answer(new ConnectFailure('peer-unreachable', 'no connection'), null)
            return
          }
          certificateSha256 = connection.value.certificateSha256
          answer(null, connection.value.socket)
        },
        (error: unknown) => answer(error as Error, null),
      )
    },
  })
  try {
    const response = await client.request({
      method: 'POST',
      path: '/evidence',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ nonce: base64UrlOf(options.nonce) }),
      signal: AbortSignal.timeout(attestedTlsLimits.requestSecondsMax * 1000),
    })
    const body = new Uint8Array(await response.body.arrayBuffer())
    if (response.statusCode !== 200) {
      return refuse('peer-unreachable', '/evidence', `answered ${response.statusCode}`)
    }
    const document = jsonOf(body, {
      bytesMax: attestedTlsLimits.evidenceBytesMax,
      depthMax: attestedTlsLimits.evidenceDepthMax,
    })
    if (!document.ok || certificateSha256 === undefined) {
      return refuse('peer-malformed', '/evidence', 'not an evidence document')
    }
    return ok({ document: document.value, certificateSha256 })
  } catch (error) {
    return refuse('peer-unreachable', '/evidence', `no answer (${causeOf(error)})`)
  } finally {
    await client.destroy()
  }
}

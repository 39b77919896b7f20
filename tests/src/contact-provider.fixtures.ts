import { request } from 'node:https'
import type { Identity } from '@sealward/enclave/identity'

/** Asks the provider about its model, as whoever holds `tls`, on a connection of its own. */
export function contactProvider(
  port: number,
  { tls }: Pick<Identity, 'tls'>,
  token: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: '127.0.0.1',
        port,
        path: '/v2',
        key: tls.privateKeyPem,
        cert: tls.certificatePem,
        rejectUnauthorized: false,
        agent: false,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    asking.on('error', reject)
    asking.end()
  })
}

import { webcrypto } from 'node:crypto'
import { type AddressInfo, connect } from 'node:net'
import { createServer } from 'node:tls'
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** What speaks TLS before the service: every byte goes on to `target`. */
export interface TlsEdge {
  readonly port: number
  /** PEM of the authority that vouches for it. */
  readonly authority: string
  /** Where connections go; until then they end. */
  target: number | undefined
  close(): Promise<void>
}

/** On 127.0.0.1, for `localhost`. */
export async function startTlsEdge(): Promise<TlsEdge> {
  const crypto = webcrypto as Crypto
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const [authorityKeys, keys] = [await newKeys(), await newKeys()]
  const times = {
    notBefore: new Date(Date.now() - 3600e3),
    notAfter: new Date(Date.now() + 3600e3),
  }
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '41',
      name: 'CN=conformance authority',
      ...times,
      signingAlgorithm: algorithm,
      keys: authorityKeys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    },
    crypto,
  )
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: '42',
      subject: 'CN=localhost',
      issuer: authority.subject,
      ...times,
      signingAlgorithm: algorithm,
      signingKey: authorityKeys.privateKey,
      publicKey: keys.publicKey,
      extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    },
    crypto,
  )
  const privateKey = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = `-----BEGIN PRIVATE KEY-----\n${privateKey.toString('base64')}\n-----END PRIVATE KEY-----\n`
  let target: number | undefined
  const server = createServer({ key, cert: certificate.toString('pem') }, (socket) => {
    if (target === undefined) {
      socket.destroy()
      return
    }
    const service = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [socket, service],
      [service, socket],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    authority: authority.toString('pem'),
    get target() {
      return target
    },
    set target(port) {
      target = port
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
      }),
  }
}

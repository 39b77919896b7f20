import 'reflect-metadata'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { X509CertificateGenerator, X509CrlGenerator } from '@peculiar/x509'
import type { UnixSeconds } from '@sealward/attestation/bytes'

/** A certificate service as AMD's answers, over bytes that look like AMD's and are signed by nobody of note. */
export interface SampleKds {
  readonly url: string
  readonly targets: string[]
  readonly bytes: KdsBytes
  /** Requests that are still answered; the others get 429 and `Retry-After: 2`. */
  allowance: number
  close(): Promise<void>
}

export interface KdsBytes {
  readonly vcek: Uint8Array
  readonly intermediate: Uint8Array
  readonly root: Uint8Array
  readonly crl: Uint8Array
}

/** The chip that the service knows, and its TCB. */
export interface KdsChip {
  readonly product: 'Milan' | 'Genoa' | 'Turin'
  readonly chipId: string
  /** In any order. */
  readonly query: string
}

export async function startSampleKds(chip: KdsChip, bytes: KdsBytes): Promise<SampleKds> {
  const server = createServer((request, response) => {
    const target = request.url ?? ''
    kds.targets.push(target)
    if (kds.allowance <= 0) {
      response.writeHead(429, { 'retry-after': '2' }).end()
      return
    }
    kds.allowance -= 1
    const { pathname, search } = new URL(target, 'http://kds.invalid')
    const [, key, version, product, what = ''] = pathname.split('/')
    const isKnown =
      (key === 'vcek' || key === 'vlek') && version === 'v1' && product === chip.product
    if (isKnown && what === 'cert_chain') {
      const chain = pemOf(bytes.intermediate) + pemOf(bytes.root)
      response.writeHead(200, { 'content-type': 'application/x-pem-file' }).end(chain)
    } else if (isKnown && what === 'crl') {
      response.writeHead(200, { 'content-type': 'application/pkix-crl' }).end(bytes.crl)
    } else if (
      isKnown &&
      key === 'vcek' &&
      what.toLowerCase() === chip.chipId &&
      sorted(search.slice(1)) === sorted(chip.query)
    ) {
      response.writeHead(200, { 'content-type': 'application/pkix-cert' }).end(bytes.vcek)
    } else {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kds: SampleKds = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets: [],
    bytes,
    allowance: Number.POSITIVE_INFINITY,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return kds
}

/** Certificates and a revocation list, the list for one month. */
export async function generateKdsBytes(at: UnixSeconds): Promise<KdsBytes> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificateOf = async (subject: string, years: number): Promise<Uint8Array> => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: '01',
      subject: `CN=${subject}`,
      issuer: 'CN=ARK-Sample',
      notBefore: new Date(1000 * (at - 3600)),
      notAfter: new Date(1000 * (at + years * 365 * 24 * 3600)),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
    })
    return new Uint8Array(certificate.rawData)
  }
  const crl = await X509CrlGenerator.create({
    issuer: 'CN=ARK-Sample',
    thisUpdate: new Date(1000 * at),
    nextUpdate: new Date(1000 * (at + 30 * 24 * 3600)),
    entries: [],
    signingAlgorithm: algorithm,
    signingKey: keys.privateKey,
  })
  return {
    vcek: await certificateOf('SEV-VCEK', 7),
    intermediate: await certificateOf('SEV-Sample', 25),
    root: await certificateOf('ARK-Sample', 25),
    crl: new Uint8Array(crl.rawData),
  }
}

/** A report that names a chip and nothing more; signed by nobody. */
export function reportOf(changes: {
  readonly version?: number
  readonly cpuId?: readonly [family: number, model: number]
  readonly tcb?: string
  readonly chipId?: string
  readonly signingKey?: number
}): Uint8Array {
  const { version = 3, cpuId = [0x19, 0x01], signingKey = 0 } = changes
  const report = new Uint8Array(1184)
  report[0] = version
  report[0x34] = 1
  report[0x48] = signingKey << 2
  report.set(Buffer.from(changes.tcb ?? '04000000000018db', 'hex'), 0x180)
  if (version > 2) report.set(cpuId, 0x188)
  report.set(Buffer.from(changes.chipId ?? 'ab'.repeat(64), 'hex'), 0x1a0)
  return report
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function sorted(query: string): string {
  return query.split('&').toSorted().join('&')
}

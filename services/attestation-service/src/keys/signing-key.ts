/**
 * The key that signs tokens: made once, kept in the state folder.
 *
 * @module
 */

import 'reflect-metadata'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
  webcrypto,
  X509Certificate,
} from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { base64UrlOf, sha256, type UnixSeconds, utf8Of } from '@sealward/attestation/bytes'
import type { SigningJwk } from '@sealward/attestation/token'
import type { Random } from '@sealward/enclave/server'
import { calculateJwkThumbprint } from 'jose'

export interface SigningKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string
  /** Public, with the self-signed certificate as `x5c`. */
  readonly jwk: SigningJwk
  /** Base64url SHA-256 of the SPKI: what relying parties pin. */
  readonly signer: string
  /** RS256 over ASCII text; base64url. */
  sign(text: string): Promise<string>
}

/**
 * Reads the signing key of the state folder, or makes it: RSA 2048, file mode 0600, with a certificate
 * that it signs itself.
 *
 * @param issuer - becomes the certificate's common name.
 * @throws when the folder cannot be written, or holds something else under these names.
 */
export async function openSigningKey(options: {
  readonly folder: string
  readonly issuer: string
  readonly at: UnixSeconds
  readonly random: Random
}): Promise<SigningKey> {
  const keyFile = join(options.folder, 'signing-key.pem')
  const certificateFile = join(options.folder, 'signing-certificate.pem')
  await mkdir(options.folder, { recursive: true, mode: 0o700 })

  const keyPem = (await readIfThere(keyFile)) ?? (await keep(keyFile, await generateKeyPem()))
  const privateKey = createPrivateKey(keyPem)
  const certificatePem =
    (await readIfThere(certificateFile)) ??
    (await keep(certificateFile, await certify(privateKey, options)))
  const certificate = new X509Certificate(certificatePem)
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`${certificateFile} is not the certificate of the key beside it`)
  }

  const publicKey = createPublicKey(privateKey)
  const { n, e } = publicKey.export({ format: 'jwk' })
  if (n === undefined || e === undefined) throw new Error(`${keyFile} is not an RSA key`)
  const kid = await calculateJwkThumbprint({ kty: 'RSA', n, e })
  const signing = promisify(sign)
  return {
    kid,
    jwk: {
      kty: 'RSA',
      n,
      e,
      kid,
      use: 'sig',
      alg: 'RS256',
      x5c: [certificate.raw.toString('base64')],
    },
    signer: base64UrlOf(await sha256(publicKey.export({ format: 'der', type: 'spki' }))),
    sign: async (text) => base64UrlOf(await signing('sha256', utf8Of(text), privateKey)),
  }
}

async function generateKeyPem(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** A certificate by the key for itself, because Azure's clients read keys from `x5c` only. */
async function certify(
  privateKey: KeyObject,
  options: { readonly issuer: string; readonly at: UnixSeconds; readonly random: Random },
): Promise<string> {
  cryptoProvider.set(webcrypto as Crypto)
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const serial = options.random.bytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(serial).toString('hex'),
    name: [{ CN: [options.issuer] }],
    notBefore: new Date((options.at - 3600) * 1000),
    notAfter: new Date((options.at + certificateLifetimeSeconds) * 1000),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']) as CryptoKey,
      publicKey: createPublicKey(privateKey).toCryptoKey(algorithm, true, ['verify']) as CryptoKey,
    },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  })
  return certificate.toString('pem')
}

/** Ten years. The certificate carries the key; that it is trusted is said by whoever pins it. */
const certificateLifetimeSeconds = 10 * 365 * 24 * 3600

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes a file that is whole or is not there, readable by its owner only. */
async function keep(file: string, content: string): Promise<string> {
  const unfinished = `${file}.${process.pid}`
  const handle = await open(unfinished, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(unfinished, file)
  return content
}

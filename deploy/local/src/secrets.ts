import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  createSampleVendor,
  importSampleVendor,
  type SampleVendor,
  type SampleVendorState,
} from '@sealward/attestation/sample'
import { systemClock } from '@sealward/enclave/effects'
import type { Home } from './home.ts'

/** The throwaway vendor whose root this state folder trusts; made the first time. */
export async function openVendor(home: Home): Promise<SampleVendor> {
  const state = await home.secret('vendor.json', async () => {
    const vendor = await createSampleVendor({ at: systemClock.now() })
    return JSON.stringify(await vendor.export())
  })
  return importSampleVendor(JSON.parse(state) as SampleVendorState)
}

/**
 * The public key, SPKI DER, with which a software publisher signs its builds; its SHA-256 is MRSIGNER.
 * Nothing here signs with it: the simulated launcher takes the publisher's word.
 */
export async function publisherKey(home: Home, publisher: string): Promise<Uint8Array> {
  const pem = await home.secret(
    `${publisher}-publisher.pem`,
    () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }) as string,
  )
  return new Uint8Array(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
}

/** Signing keys of the demonstration identity provider, as a private JWK set. */
export function identityKeys(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = privateKey.export({ format: 'jwk' })
  return JSON.stringify({ keys: [{ ...jwk, alg: 'ES256', use: 'sig', kid: 'staff-1' }] })
}

export const secretText = (): string => randomBytes(32).toString('base64url')

export const sha256Hex = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

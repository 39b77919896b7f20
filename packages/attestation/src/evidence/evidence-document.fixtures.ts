import { base64UrlOf, sha256, utf8Of } from '../bytes/index.ts'
import { generateSampleKey } from '../sample/keys.ts'
import type { InitTimeData, RuntimeData } from './index.ts'

const deployment = 'urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff'

/** Runtime data of a platform with a fresh identity key. */
export async function runtimeDataOf(): Promise<RuntimeData> {
  const { coordinates } = await generateSampleKey()
  const x = base64UrlOf(coordinates.subarray(0, 32))
  const y = base64UrlOf(coordinates.subarray(32))
  const thumbprint = await sha256(utf8Of(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`))
  return {
    version: 1,
    nonce: base64UrlOf(new Uint8Array(32).fill(7)),
    deployment,
    role: 'platform',
    keys: [
      { kty: 'EC', crv: 'P-256', x, y, use: 'sig', alg: 'ES256', kid: base64UrlOf(thumbprint) },
    ],
  }
}

/** Init-time data of the same platform. */
export function initTimeDataOf(): InitTimeData {
  return {
    version: 1,
    deployment,
    role: 'platform',
    attestation: {
      issuer: 'http://localhost:4400/attestation',
      signers: [base64UrlOf(new Uint8Array(32))],
      policyHashes: [base64UrlOf(new Uint8Array(32).fill(6))],
    },
    peers: [
      {
        role: 'diagnostics',
        mrEnclave: ['01'.repeat(32)],
        mrSigner: ['02'.repeat(32)],
        isvProdId: 3,
        isvSvnMin: 1,
        debug: 'refused',
        tcbStatuses: ['UpToDate'],
        model: { sha256: '03'.repeat(32) },
        configId: ['04'.repeat(32)],
      },
    ],
    development: true,
    roots: ['05'.repeat(32)],
    identity: {
      issuer: 'http://localhost:4400/identity',
      audience: 'urn:sealward:platform',
      roleClaim: 'roles',
    },
  }
}

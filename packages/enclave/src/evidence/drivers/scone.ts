/**
 * Evidence of a SCONE enclave: what its configuration and attestation service (CAS) gave it.
 *
 * SCONE documents no way for a program to get a quote over data of its own: the runtime is attested by CAS
 * before the program starts, and what the program has of that is what the session description injects. So
 * this is a certificate that CAS issued, and a signature by its key.
 *
 * @see SCONE session language, version 0.3: secrets of kind `x509`, and `injection_files`
 * @see docs/spec/evidence-drivers.md
 * @module
 */

import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { type Bytes, concat, ok, refuse, textOf, utf8Of } from '@sealward/attestation/bytes'
import { type DeviceFiles, deviceFiles, type FileSystem, systemFiles } from './device-files.ts'
import type { Driven, EvidenceSource, SconeEvidence } from './evidence-source.ts'
import { driverLimits } from './limits.ts'

export interface SconeSourceOptions {
  /** PEM, leaf first: where the session injects `$$SCONE::NAME:chain$$`. */
  readonly certificatesFile: string
  /** PEM, PKCS #8: where the session injects `$$SCONE::NAME:privatekey:pkcs8:pem$$`. */
  readonly privateKeyFile: string
  readonly files?: FileSystem
}

export interface SconeSource extends EvidenceSource<SconeEvidence> {
  readonly driver: 'scone'
}

/** Evidence of the SCONE enclave that this process runs in. The key stays here; each request signs anew. */
export function createSconeSource(options: SconeSourceOptions): SconeSource {
  const device = deviceFiles(options.files ?? systemFiles)
  return {
    driver: 'scone',
    async evidence(reportData) {
      const chain = await textIn(device, options.certificatesFile)
      if (!chain.ok) return chain
      const certificates = certificatesIn(chain.value)
      if (!certificates.ok) return certificates
      const pem = await textIn(device, options.privateKeyFile)
      if (!pem.ok) return pem
      const key = keyIn(pem.value)
      if (!key.ok) return key
      const [leaf] = certificates.value
      if (!leaf.checkPrivateKey(key.value)) {
        return refuse('evidence-malformed', 'certificates', 'the leaf is about another key')
      }
      return ok({
        kind: 'scone-cas',
        certificates: certificates.value.map((certificate) => new Uint8Array(certificate.raw)),
        signature: signed(key.value, reportData),
      })
    },
  }
}

/** What a signature is over: a label that no other signature of that key begins with, and report data. */
const label = utf8Of('sealward scone evidence 1\0')

/** P1363, so that a signature has one form. */
function signed(key: KeyObject, reportData: Bytes<64>): Uint8Array {
  const hash = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256'
  const message = concat(label, reportData)
  return new Uint8Array(sign(hash, message, { key, dsaEncoding: 'ieee-p1363' }))
}

async function textIn(device: DeviceFiles, path: string): Promise<Driven<string>> {
  const bytes = await device.read(path, { bytesMin: 1, bytesMax: driverLimits.pemBytesMax })
  if (!bytes.ok) return bytes
  const text = textOf(bytes.value)
  if (text === undefined) return refuse('evidence-malformed', 'pem', 'not text')
  // Outside SCONE, or with a name that the session does not know, the variable stands there as it was written.
  return text.includes('$$SCONE::')
    ? refuse('attestation-type-unsupported', 'pem', 'CAS put nothing in place of the variable')
    : ok(text)
}

function certificatesIn(text: string): Driven<readonly [X509Certificate, ...X509Certificate[]]> {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length > driverLimits.certificatesMax) {
    return refuse('read-oversize', 'certificates', `more than ${driverLimits.certificatesMax}`)
  }
  try {
    const [leaf, ...rest] = blocks.map((block) => new X509Certificate(block))
    return leaf === undefined
      ? refuse('evidence-malformed', 'certificates', 'no certificate')
      : ok([leaf, ...rest])
  } catch {
    return refuse('evidence-malformed', 'certificates', 'not X.509')
  }
}

function keyIn(text: string): Driven<KeyObject> {
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch {
    return refuse('evidence-malformed', 'privatekey', 'not a private key')
  }
  const curve = key.asymmetricKeyDetails?.namedCurve ?? ''
  return ['prime256v1', 'secp384r1'].includes(curve)
    ? ok(key)
    : refuse('attestation-type-unsupported', 'privatekey', 'a key on P-256 or P-384 is needed')
}

/**
 * HCL reports and TPM quotes by a small encoder, signed with keys that are drawn here.
 *
 * @module
 */

import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { concat, utf8Of } from '../bytes/index.ts'

export interface HclWorld {
  readonly hclReport: Uint8Array
  /** Hex, 128 digits. */
  readonly reportData: string
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly pcrs: readonly Uint8Array[]
  readonly nonce: Uint8Array
}

export interface HclWorldChanges {
  readonly reportType?: number
  readonly hashType?: number
  readonly variableData?: (data: Record<string, unknown>) => unknown
}

const hashNames = ['sha1', 'sha256', 'sha384', 'sha512'] as const
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = publicKey.export({ format: 'jwk' })

/** A paravisor's report, and a quote of its virtual TPM over registers 0, 1 and 9. */
export function hclWorld(changes: HclWorldChanges = {}): HclWorld {
  const { reportType = 2, hashType = 1, variableData = (data) => data } = changes
  const data = utf8Of(
    JSON.stringify(
      variableData({
        keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e: jwk.e, n: jwk.n }],
        'vm-configuration': {
          'console-enabled': false,
          'secure-boot': true,
          'tpm-enabled': true,
          vmUniqueId: 'A',
        },
        'user-data': '07'.repeat(64),
      }),
    ),
  )
  const header = concat(u32(0x414c4348, 2, 32 + 1184 + 20 + data.length, 2, 0), new Uint8Array(12))
  const request = u32(20 + data.length, 1, reportType, hashType, data.length)
  const digest = createHash(hashNames[hashType] ?? 'sha256')
    .update(data)
    .digest()
  const nonce = utf8Of('a nonce')
  const pcrs = Array.from({ length: 24 }, (_, pcr) => new Uint8Array(32).fill(pcr + 1))
  const message = tpmQuoteOf(nonce, pcrs, [0, 1, 9])
  return {
    hclReport: concat(header, new Uint8Array(1184).fill(5), request, data, new Uint8Array(40)),
    reportData: digest.toString('hex').padEnd(128, '0'),
    message,
    signature: new Uint8Array(sign('sha256', message, privateKey)),
    pcrs,
    nonce,
  }
}

/** TPMT_SIGNATURE of RSASSA or RSAPSS with SHA-256. */
export function tpmtSignatureOf(signature: Uint8Array, scheme = 0x0014): Uint8Array {
  return concat(u16(scheme), u16(0x000b), u16(signature.length), signature)
}

function tpmQuoteOf(
  nonce: Uint8Array,
  pcrs: readonly Uint8Array[],
  selected: readonly number[],
): Uint8Array {
  const mask = new Uint8Array(3)
  const hash = createHash('sha256')
  for (const pcr of selected) {
    mask[pcr >> 3] = (mask[pcr >> 3] ?? 0) | (1 << (pcr & 7))
    hash.update(pcrs[pcr] ?? new Uint8Array())
  }
  return concat(
    Uint8Array.of(0xff, 0x54, 0x43, 0x47, 0x80, 0x18),
    sized(Uint8Array.of(0, 0x0b, 1, 2)),
    sized(nonce),
    Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 4, 1),
    Uint8Array.of(0x20, 0x20, 0x03, 0x12, 0, 0x12, 0, 3),
    Uint8Array.of(0, 0, 0, 1, 0, 0x0b, 3),
    mask,
    sized(new Uint8Array(hash.digest())),
  )
}

function sized(bytes: Uint8Array): Uint8Array {
  return concat(u16(bytes.length), bytes)
}

/** Big-endian. */
function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

/** Little-endian. */
function u32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

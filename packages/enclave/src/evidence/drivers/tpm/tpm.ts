import { createHash } from 'node:crypto'
import { type Bytes, bytesOf, concat, equalBytes, ok, refuse } from '@sealward/attestation/bytes'
import type { Driven, TpmQuoteEvidence } from '../evidence-source.ts'
import { driverLimits } from '../limits.ts'
import { sized, type Transmit, transact, u8, u16, u32 } from './transact.ts'

/** What is asked of a TPM 2.0 whose owner has an empty password. */
export interface Tpm {
  /** Size of the data of an NV index; `device-missing` when nobody defined it. */
  nvSize(index: number): Promise<Driven<number>>
  /** Defines an index of `size` bytes that its owner may read and write. */
  nvDefine(index: number, size: number): Promise<Driven<void>>
  nvWrite(index: number, bytes: Uint8Array): Promise<Driven<void>>
  /** All data of an index, of at most `bytesMax` bytes, in parts from the first to the last. */
  nvRead(index: number, bytesMax: number): Promise<Driven<Uint8Array>>
  /**
   * The SHA-256 bank, all 24 registers, and the key's signature over it and over `qualifyingData`.
   * `pcr-conflict` when a register was extended each time that it was read.
   */
  quote(key: number, qualifyingData: Uint8Array): Promise<Driven<TpmQuoteEvidence>>
}

/** The TPM behind `transmit`. */
export function createTpm(transmit: Transmit): Tpm {
  const nvSize: Tpm['nvSize'] = (index) =>
    transact(
      transmit,
      {
        name: 'TPM2_NV_ReadPublic',
        code: 0x169,
        handles: [index],
        authorized: false,
        parameters: new Uint8Array(0),
      },
      (reader) => {
        // TPMS_NV_PUBLIC ends in the data size.
        const area = reader.sized()
        return ((area.at(-2) ?? 0) << 8) | (area.at(-1) ?? 0)
      },
    )

  const attempt = async (key: number, nonce: Uint8Array): Promise<Driven<TpmQuoteEvidence>> => {
    const signed = await signedQuote(transmit, key, nonce)
    if (!signed.ok) return signed
    const pcrs = await readPcrs(transmit)
    if (!pcrs.ok) return pcrs
    // TPMS_QUOTE_INFO, and with it TPMS_ATTEST, ends in the digest of what was selected.
    const digest = createHash('sha256')
      .update(concat(...pcrs.value))
      .digest()
    return equalBytes(signed.value.message.subarray(-32), digest)
      ? ok({ ...signed.value, pcrs: pcrs.value })
      : refuse('pcr-conflict', 'TPM2_PCR_Read', 'a register was extended meanwhile')
  }

  return {
    nvSize,
    nvDefine: (index, size) =>
      transact(
        transmit,
        {
          name: 'TPM2_NV_DefineSpace',
          code: 0x12a,
          handles: [owner],
          authorized: true,
          parameters: concat(
            sized(new Uint8Array(0)),
            sized(
              concat(
                u32(index),
                u16(sha256),
                // TPMA_NV_OWNERWRITE, TPMA_NV_OWNERREAD
                u32(0x0002_0002),
                sized(new Uint8Array(0)),
                u16(size),
              ),
            ),
          ),
        },
        () => {},
      ),
    nvWrite: (index, bytes) =>
      transact(
        transmit,
        {
          name: 'TPM2_NV_Write',
          code: 0x137,
          handles: [owner, index],
          authorized: true,
          parameters: concat(sized(bytes), u16(0)),
        },
        () => {},
      ),
    async nvRead(index, bytesMax) {
      const size = await nvSize(index)
      if (!size.ok) return size
      if (size.value > bytesMax) {
        return refuse('read-oversize', 'TPM2_NV_ReadPublic', `more than ${bytesMax} bytes`)
      }
      const parts: Uint8Array[] = []
      for (let offset = 0; offset < size.value; offset += driverLimits.nvChunkBytes) {
        const length = Math.min(driverLimits.nvChunkBytes, size.value - offset)
        const part = await transact(
          transmit,
          {
            name: 'TPM2_NV_Read',
            code: 0x14e,
            handles: [owner, index],
            authorized: true,
            parameters: concat(u16(length), u16(offset)),
          },
          (reader) => reader.sized(),
        )
        if (!part.ok) return part
        if (part.value.length !== length) {
          return refuse('read-short', 'TPM2_NV_Read', `${part.value.length} of ${length} bytes`)
        }
        parts.push(part.value)
      }
      return ok(concat(...parts))
    },
    async quote(key, qualifyingData) {
      let outcome = await attempt(key, qualifyingData)
      for (let count = 1; count < driverLimits.attemptsMax; count++) {
        if (outcome.ok || outcome.problem.code !== 'pcr-conflict') break
        outcome = await attempt(key, qualifyingData)
      }
      return outcome
    },
  }
}

/** TPM_RH_OWNER */
const owner = 0x4000_0001

/** TPM_ALG_SHA256 */
const sha256 = 0x000b

/** TPM_ALG_RSASSA */
const rsaSsa = 0x0014

const pcrCount = 24

/** TPML_PCR_SELECTION of one bank. */
const selectionOf = (mask: number): Uint8Array =>
  concat(u32(1), u16(sha256), u8(3), Uint8Array.of(mask, mask >>> 8, mask >>> 16))

async function signedQuote(
  transmit: Transmit,
  key: number,
  qualifyingData: Uint8Array,
): Promise<Driven<{ readonly message: Uint8Array; readonly signature: Uint8Array }>> {
  const name = 'TPM2_Quote'
  const quoted = await transact(
    transmit,
    {
      name,
      code: 0x158,
      handles: [key],
      authorized: true,
      // The scheme is the key's own: TPM_ALG_NULL.
      parameters: concat(sized(qualifyingData), u16(0x0010), selectionOf(0xff_ffff)),
    },
    (reader) => ({
      message: reader.sized(),
      scheme: reader.u16(),
      hash: reader.u16(),
      signature: reader.sized(),
    }),
  )
  if (!quoted.ok) return quoted
  const { message, scheme, hash, signature } = quoted.value
  if (message.length + signature.length > driverLimits.tpmQuoteBytesMax) {
    return refuse('read-oversize', name, `more than ${driverLimits.tpmQuoteBytesMax} bytes`)
  }
  if (scheme !== rsaSsa || hash !== sha256) {
    return refuse('evidence-malformed', name, 'not RSASSA with SHA-256')
  }
  // TPMS_ATTEST: magic, TPM_ST_ATTEST_QUOTE, the signer's name, and what was asked for.
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const nonceAt = message.length < 8 ? message.length : 8 + view.getUint16(6)
  const nonce = message.subarray(nonceAt + 2, nonceAt + 2 + qualifyingData.length)
  if (message.length < nonceAt + 2 + qualifyingData.length + 32) {
    return refuse('evidence-malformed', name, 'too short')
  }
  if (view.getUint32(0) !== 0xff54_4347 || view.getUint16(4) !== 0x8018) {
    return refuse('evidence-malformed', name, 'not a quote')
  }
  return view.getUint16(nonceAt) === qualifyingData.length && equalBytes(nonce, qualifyingData)
    ? ok({ message, signature })
    : refuse('evidence-stale', name, 'the quote is over other data')
}

/** PCR 0 to 23, in as many parts as the TPM wants, all of one state. */
async function readPcrs(transmit: Transmit): Promise<Driven<readonly Bytes<32>[]>> {
  const name = 'TPM2_PCR_Read'
  const values: Bytes<32>[] = []
  let state: number | undefined
  while (values.length < pcrCount) {
    const from = values.length
    const part = await transact(
      transmit,
      {
        name,
        code: 0x17e,
        handles: [],
        authorized: false,
        parameters: selectionOf(0xff_ffff & ~((1 << from) - 1)),
      },
      (reader) => {
        const updates = reader.u32()
        const banks = reader.u32()
        if (banks !== 1) return { updates, mask: 0, digests: [] }
        reader.u16()
        const mask = reader.take(reader.u8()).reduceRight((sum, byte) => sum * 256 + byte, 0)
        const count = Math.min(reader.u32(), pcrCount)
        return { updates, mask, digests: Array.from({ length: count }, () => reader.sized()) }
      },
    )
    if (!part.ok) return part
    const { updates, mask, digests } = part.value
    if (state !== undefined && updates !== state) {
      return refuse('pcr-conflict', name, 'a register was extended meanwhile')
    }
    state = updates
    const next = digests
      .map((digest) => bytesOf(32, digest))
      .filter((digest) => digest !== undefined)
    // The next ones in order and nothing else; none at all when the TPM has no such bank.
    if (next.length === 0 || mask !== ((1 << next.length) - 1) << from) {
      return refuse('device-failed', name, 'the TPM has no SHA-256 bank of 24 registers')
    }
    values.push(...next)
  }
  return ok(values)
}

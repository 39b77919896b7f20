import { base64UrlOf, utf8Of } from '../bytes/index.ts'
import {
  type Receipt,
  type ReceiptAttachments,
  type ReceiptPayload,
  receiptJwsType,
} from './receipt.ts'

/**
 * Issues a receipt.
 *
 * @param input - `kid` is the platform identity key's; `sign` makes an ES256 signature with that key: r ‖ s, 64
 *   bytes. Whether the parts fit together is the caller's business; {@link verifyReceipt} tells.
 * @see RFC 7515, section 7.2.2
 */
export async function issueReceipt(input: {
  readonly payload: ReceiptPayload
  readonly attachments: ReceiptAttachments
  readonly kid: string
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
}): Promise<Receipt> {
  const payload = encoded(input.payload)
  const header = encoded({ alg: 'ES256', kid: input.kid, typ: receiptJwsType })
  const signature = await input.sign(utf8Of(`${header}.${payload}`))
  if (signature.length !== 64) throw new RangeError('signature: 64 bytes, r ‖ s')
  return {
    payload,
    protected: header,
    signature: base64UrlOf(signature),
    header: input.attachments,
  }
}

function encoded(value: unknown): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}

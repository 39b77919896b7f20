import { base64UrlOf, sha256, utf8Of } from '../bytes/index.ts'

/**
 * The value of the `x-ms-policy-hash` claim for a policy.
 *
 * @param text - the policy's text, exactly as it was set.
 * @returns BASE64URL(SHA-256(UTF8(BASE64URL(UTF8(text))))).
 * @see Azure Attestation, claim `x-ms-policy-hash`
 */
export async function policyHashOf(text: string): Promise<string> {
  return base64UrlOf(await sha256(utf8Of(base64UrlOf(utf8Of(text)))))
}

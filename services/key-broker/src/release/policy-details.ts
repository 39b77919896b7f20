import { base64UrlOf, sha256, utf8Of } from '@sealward/attestation/bytes'
import type { AuditCondition, AuditDetails } from '../audit/audit.ts'
import type { PolicyVersion } from '../keys/key-record.ts'
import type { Explanation, PolicyVerdict } from './evaluate-policy.ts'

/** Which policy it was, for the audit log. */
export async function policyDetailsOf({ number, text }: PolicyVersion): Promise<AuditDetails> {
  return { policyVersion: number, policyDigest: base64UrlOf(await sha256(utf8Of(text))) }
}

/** Every condition that was asked of a token, where it stands in the policy, and how it ended. */
export function auditConditionsOf({ authorities }: PolicyVerdict): readonly AuditCondition[] {
  const below = (explanation: Explanation, at: string): readonly AuditCondition[] => {
    if (explanation.kind !== 'claim') {
      const { kind, conditions } = explanation
      return conditions.flatMap((one, index) => below(one, `${at}.${kind}[${index}]`))
    }
    const { claim, operator, expected, met, because } = explanation
    return [{ at, claim, operator, expected, met, because }]
  }
  return authorities.flatMap(({ condition }, index) =>
    condition === undefined ? [] : below(condition, `anyOf[${index}]`),
  )
}

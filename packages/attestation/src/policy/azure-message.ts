import type { Problem } from '../bytes/index.ts'

/**
 * What Azure Attestation says of a policy's refusal: the sentences that its clients know, where it was seen to say one.
 *
 * @param problem - of `parsePolicy` or `evaluatePolicy`.
 * @see Azure Attestation, troubleshooting guide; recorded answers of the service
 */
export function azureMessageOf({ code, at, detail }: Problem): string {
  switch (code) {
    case 'denied':
      return 'Policy Engine Exception: A Deny claim was issued, authorization failed.'
    case 'not-permitted':
      return 'Policy Engine Exception: No Permit claim was issued in the authorizationrules section, authorization failed.'
    case 'policy-steps':
    case 'policy-type-mismatch':
    case 'policy-too-many-claims':
    case 'policy-argument':
    case 'policy-query':
    case 'policy-value-too-long':
    case 'policy-configuration':
      return `Policy Engine Exception: ${detail} (${at}).`
    default:
      return policyParserMessage(at, detail)
  }
}

function policyParserMessage(at: string, detail: string): string {
  const [line = '1', column = '1'] = at.split(':')
  return `Policy Parser Exception Thrown: Line: '${line}', Column: '${column}' Failure message: '${detail}'`
}

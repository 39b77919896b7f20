import { type Answer, azureRefusal } from '../answer.ts'
import type { Outcome } from './change.ts'

/**
 * A change that waits. Azure knows no such thing: its released clients take no success but 200, and so are told of an
 * error that says what it waits for.
 */
export function pendingAnswer({
  approval,
  expiresAt,
}: Extract<Outcome, { readonly kind: 'pending' }>): Answer {
  const detail = `The change waits for a second person. Its approval is ${approval}.`
  const problem = { code: 'approval-pending', at: approval, detail }
  const answer = azureRefusal(202, 'ApprovalPending', detail, problem)
  return { ...answer, body: { ...(answer.body as object), approval: { id: approval, expiresAt } } }
}

import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import { json } from '../answer.ts'
import { erasureReasonCharactersMax } from '../limits.ts'
import { leftOfAnswer } from '../once.ts'
import { type Handler, instantNow } from '../platform.ts'
import type { PlatformProblem } from '../problems.ts'
import { writeAudit } from './audit.ts'
import { jsonBody } from './body.ts'
import { idPattern } from './references.ts'

/**
 * `POST /fhir/Patient/{id}/$erase` `{"reason": "…"}`: destroys the patient's data key and all that it
 * sealed. Answered when the anchor has moved past it; asked again for a patient who is erased already,
 * it answers the same.
 */
export const erasePatient: Handler = async (platform, { parameters, body, staff }) => {
  const reason = reasonIn(body)
  if (!reason.ok) return reason
  const patient = parameters['id'] ?? ''
  if (!idPattern.test(patient)) return refuse('not-found', 'id', 'There is no such patient.')
  const at = instantNow(platform)
  const erased = await platform.store.transaction(async (transaction) => {
    const note = { at, by: staff.subject, reason: reason.value }
    const gone = await transaction.erase(patient, note, leftOfAnswer)
    if (!gone.ok) return gone
    // The patient's own audit events went with the patient; this one is the tenant's.
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'delete',
      entities: [`Patient/${patient}`],
      patient: undefined,
    })
    return gone
  })
  if (!erased.ok) return erased
  const settled = await platform.store.settled()
  return settled.ok ? ok(json({ erased: `Patient/${patient}` })) : settled
}

function reasonIn(body: Uint8Array): Result<string, PlatformProblem> {
  const read = jsonBody(body)
  if (!read.ok) return read
  const { value } = read
  const reason: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'reason') : undefined
  return typeof reason === 'string' &&
    reason.trim() !== '' &&
    reason.length <= erasureReasonCharactersMax
    ? ok(reason)
    : refuse(
        'reason-missing',
        'reason',
        `Say why: text of at most ${erasureReasonCharactersMax} characters.`,
      )
}

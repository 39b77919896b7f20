import type { ImagingStudy, Patient, ServiceRequest, Task } from '@medplum/fhirtypes'
import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import { fhir } from '../answer.ts'
import { writeAudit } from '../fhir/audit.ts'
import { resourceBody, withoutOurs } from '../fhir/body.ts'
import { idIn, referenceTo } from '../fhir/references.ts'
import { type Handler, instantNow, newId, type Platform } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import { createResource, readResource } from '../store/resources.ts'

/** `POST /fhir/ServiceRequest`: orders the interpretation of one film of one patient. */
export const createOrder: Handler = async (platform, { body, staff }) => {
  const parsed = resourceBody('ServiceRequest', body, (given) => ({
    status: 'active',
    intent: 'order',
    ...withoutOurs(given),
  }))
  if (!parsed.ok) return parsed
  const subject = await subjectOf(platform, parsed.value)
  if (!subject.ok) return subject
  const { patient, study } = subject.value
  const instant = instantNow(platform)
  const request: ServiceRequest & { readonly id: string } = {
    ...parsed.value,
    id: newId(platform),
    authoredOn: instant,
    requester: {
      identifier: { system: platform.identityIssuer, value: staff.subject },
      display: staff.name,
    },
  }
  const task: Task & { readonly id: string } = {
    resourceType: 'Task',
    id: newId(platform),
    status: 'requested',
    intent: 'order',
    code: { text: 'Interpret the film' },
    focus: referenceTo<ServiceRequest>('ServiceRequest', request.id),
    for: referenceTo<Patient>('Patient', patient),
    authoredOn: instant,
    lastModified: instant,
    input: [
      { type: { text: 'film' }, valueReference: referenceTo<ImagingStudy>('ImagingStudy', study) },
    ],
  }
  return platform.store.transaction(async (transaction) => {
    const written = await createResource<ServiceRequest>(transaction, request, { patient, instant })
    await createResource<Task>(transaction, task, { patient, instant })
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'create',
      entities: [`Patient/${patient}`, `ServiceRequest/${request.id}`],
      patient,
    })
    await platform.queue.add(transaction, task.id)
    return ok(
      fhir(written, 201, {
        location: `/fhir/ServiceRequest/${request.id}`,
        'sealward-task': `Task/${task.id}`,
      }),
    )
  })
}

/** The patient and the one study that an order is about, which must belong together. */
async function subjectOf(
  platform: Platform,
  order: ServiceRequest,
): Promise<Result<{ readonly patient: string; readonly study: string }, ApiProblem>> {
  if (order.status !== 'active' || order.intent !== 'order') {
    return refuse('order-incomplete', 'ServiceRequest.status', 'An order is active, and an order.')
  }
  const patientId = idIn('Patient', order.subject)
  const studyIds = (order.supportingInfo ?? [])
    .map((one) => idIn('ImagingStudy', one))
    .filter((id) => id !== undefined)
  const [studyId] = studyIds
  if (patientId === undefined || studyId === undefined || studyIds.length !== 1) {
    return refuse(
      'order-incomplete',
      'ServiceRequest.supportingInfo',
      'An order names one patient, and one imaging study of this service.',
    )
  }
  const study = await readResource(platform.store, 'ImagingStudy', studyId)
  if (!study.ok) return study
  if (study.value === undefined || study.value.patient !== patientId) {
    return refuse(
      'reference-unknown',
      'ServiceRequest.supportingInfo',
      'The patient has no such study.',
    )
  }
  return ok({ patient: patientId, study: studyId })
}

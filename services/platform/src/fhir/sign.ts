import type { DiagnosticReport, Observation, Provenance, ServiceRequest } from '@medplum/fhirtypes'
import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import { fhir } from '../answer.ts'
import { conclusionCharactersMax } from '../limits.ts'
import { type Handler, instantNow, newId } from '../platform.ts'
import type { PlatformProblem } from '../problems.ts'
import { createResource, readResource, updateResource } from '../store/resources.ts'
import { writeAudit } from './audit.ts'
import { jsonBody } from './body.ts'
import { idIn, referenceTo } from './references.ts'
import { matches } from './versions.ts'

/** `POST /fhir/DiagnosticReport/{id}/$sign`: a radiologist answers for the report, which is final then. */
export const signReport: Handler = async (platform, { parameters, body, headers, staff }) => {
  const conclusion = conclusionIn(body)
  if (!conclusion.ok) return conclusion
  const id = parameters['id'] ?? ''
  return platform.store.transaction(async (transaction) => {
    const read = await readResource(transaction, 'DiagnosticReport', id)
    if (!read.ok) return read
    const report = read.value
    if (report === undefined) return refuse('not-found', 'id', 'There is no such report.')
    if (report.resource.status !== 'preliminary') {
      return refuse(
        'already-final',
        'DiagnosticReport.status',
        'The report has been signed before.',
      )
    }
    if (!matches(headers['if-match'], report.version)) {
      return refuse('version-conflict', 'if-match', 'The report has changed since it was read.')
    }
    const instant = instantNow(platform)
    const who = {
      identifier: { system: platform.identityIssuer, value: staff.subject },
      display: staff.name,
    }
    const final: DiagnosticReport = {
      ...(conclusion.value === undefined
        ? report.resource
        : concluded(report.resource, conclusion.value)),
      status: 'final',
      issued: instant,
      resultsInterpreter: [who],
    }
    const signed = await updateResource<DiagnosticReport>(transaction, report, final, instant)
    // Somebody else has signed between our look and our write.
    if (!signed.ok && signed.problem.code === 'version-conflict') {
      return refuse(
        'already-final',
        'DiagnosticReport.status',
        'The report has been signed before.',
      )
    }
    if (!signed.ok) return signed

    const observationId = idIn('Observation', report.resource.result?.[0])
    if (observationId !== undefined) {
      const observation = await readResource(transaction, 'Observation', observationId)
      if (!observation.ok) return observation
      if (observation.value !== undefined) {
        const next: Observation = {
          ...observation.value.resource,
          status: 'final',
          issued: instant,
        }
        const written = await updateResource<Observation>(
          transaction,
          observation.value,
          next,
          instant,
        )
        if (!written.ok) return written
      }
    }
    const orderId = idIn('ServiceRequest', report.resource.basedOn?.[0])
    if (orderId !== undefined) {
      const order = await readResource(transaction, 'ServiceRequest', orderId)
      if (!order.ok) return order
      if (order.value !== undefined) {
        const next: ServiceRequest = { ...order.value.resource, status: 'completed' }
        const written = await updateResource<ServiceRequest>(
          transaction,
          order.value,
          next,
          instant,
        )
        if (!written.ok) return written
      }
    }
    const provenance: Provenance & { readonly id: string } = {
      resourceType: 'Provenance',
      id: newId(platform),
      target: [referenceTo<DiagnosticReport>('DiagnosticReport', id)],
      occurredDateTime: instant,
      recorded: instant,
      activity: {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion',
            code: 'LA',
            display: 'legally authenticated',
          },
        ],
      },
      agent: [
        {
          type: {
            coding: [
              {
                system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type',
                code: 'legal',
              },
            ],
          },
          who,
        },
      ],
    }
    await createResource(transaction, provenance, { patient: report.patient, instant })
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'operation',
      entities: [
        ...(report.patient === undefined ? [] : [`Patient/${report.patient}`]),
        `DiagnosticReport/${id}`,
      ],
      patient: report.patient,
    })
    return ok(fhir(signed.value))
  })
}

/** A clinician's conclusion takes the place of the model's, and of the model's code. */
function concluded(report: DiagnosticReport, conclusion: string): DiagnosticReport {
  const { conclusionCode: _, ...rest } = report
  return { ...rest, conclusion }
}

/** `{"conclusion": "…"}`, or a FHIR Parameters resource with it, or nothing. */
function conclusionIn(body: Uint8Array): Result<string | undefined, PlatformProblem> {
  if (body.length === 0) return ok(undefined)
  const json = jsonBody(body)
  if (!json.ok) return json
  const { value } = json
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('conclusion-invalid', 'body', 'A conclusion comes in an object.')
  }
  const given: unknown =
    'parameter' in value && Array.isArray(value.parameter)
      ? value.parameter.find((one) => one?.name === 'conclusion')?.valueString
      : Reflect.get(value, 'conclusion')
  if (given === undefined) return ok(undefined)
  if (typeof given !== 'string' || given.trim() === '' || given.length > conclusionCharactersMax) {
    return refuse(
      'conclusion-invalid',
      'conclusion',
      `A conclusion is text of at most ${conclusionCharactersMax} characters.`,
    )
  }
  return ok(given)
}

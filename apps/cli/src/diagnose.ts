/**
 * One film's way: patient, upload, order, result, receipt.
 *
 * @module
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bundle, Patient, Task } from '@medplum/fhirtypes'
import { jsonOf, ok, utf8Of } from '@sealward/attestation/bytes'
import { identityOf, mediaTypeOf, type PatientIdentity } from './film-identity.ts'
import type { Hospital, HospitalAnswer, HospitalRequest } from './hospital-client.ts'
import type { Effects } from './http.ts'
import { limits } from './limits.ts'
import { badInput, type Outcome, unavailable } from './problem.ts'

export interface Diagnosis {
  readonly probability: number
  readonly logit: number
  readonly evidenceMap: readonly (readonly number[])[]
  readonly operatingPoint: { readonly threshold: number }
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string }
  readonly simulated: boolean
  readonly receiptPath: string
}

export interface DiagnoseOptions {
  /** `system|value`, in two. */
  readonly patientIdentifier?: readonly [system: string, value: string]
  readonly receiptFolder: string
  readonly timeoutSeconds: number
  readonly signal?: AbortSignal
  readonly onProgress?: (step: 'uploading' | 'waiting', share: number) => void
}

/** Has a film interpreted, and writes its receipt. */
export async function diagnose(
  effects: Effects,
  hospital: Hospital,
  film: Uint8Array,
  options: DiagnoseOptions,
): Promise<Outcome<Diagnosis>> {
  const mediaType = mediaTypeOf(film)
  if (mediaType === undefined) return notAFilm
  const signal = deadlineOf(options)
  const ask = (request: HospitalRequest, onUploadProgress?: (sent: number, all: number) => void) =>
    hospital.ask(request, {
      signal,
      ...(onUploadProgress === undefined ? {} : { onUploadProgress }),
    })
  try {
    const patient = await patientOf(ask, await identityOf(film, options.patientIdentifier))
    if (!patient.ok) return patient
    const study = await upload(ask, patient.value, film, mediaType, options)
    if (!study.ok) return study
    const task = await order(ask, patient.value, study.value)
    if (!task.ok) return task
    const report = await reportOf(effects, ask, task.value, signal, options)
    if (!report.ok) return report
    const result = await resultOf(ask, report.value)
    if (!result.ok) return result
    const receiptPath = await writeReceipt(ask, report.value, options.receiptFolder)
    return receiptPath.ok ? ok({ ...result.value, receiptPath: receiptPath.value }) : receiptPath
  } catch (error) {
    if (options.signal?.aborted === true || !signal.aborted) throw error
    return unavailable('timed-out', '--timeout', `no result within ${options.timeoutSeconds} s`)
  }
}

/** A file of none of the kinds that are read. */
export const notAFilm: Outcome<never> = badInput(
  'film-unknown',
  'FILE',
  'DICOM, PNG or JPEG expected',
)

type Ask = (
  request: HospitalRequest,
  onUploadProgress?: (sent: number, all: number) => void,
) => Promise<Outcome<HospitalAnswer>>

function deadlineOf({ timeoutSeconds, signal }: DiagnoseOptions): AbortSignal {
  const deadline = AbortSignal.timeout(1000 * timeoutSeconds)
  return signal === undefined ? deadline : AbortSignal.any([deadline, signal])
}

/** The patient's id: who has the identifier already, or is registered now. */
async function patientOf(ask: Ask, identity: PatientIdentity): Promise<Outcome<string>> {
  const token = `${encodeURIComponent(identity.system)}%7C${encodeURIComponent(identity.value)}`
  const query = `identifier=${token}`
  const found = await askJson<Bundle<Patient>>(ask, {
    method: 'GET',
    path: `/fhir/Patient?${query}`,
  })
  if (!found.ok) return found
  const known = found.value.entry?.[0]?.resource?.id
  if (known !== undefined) return ok(known)
  const registered = await askJson<Patient>(ask, {
    method: 'POST',
    path: '/fhir/Patient',
    // Two that register the same patient at once get the same one.
    headers: { 'content-type': 'application/fhir+json', 'if-none-exist': query },
    body: utf8Of(JSON.stringify(identity.resource)),
  })
  return registered.ok ? idOf(registered.value.id, 'Patient') : registered
}

/** The reference of the imaging study that the film became. */
async function upload(
  ask: Ask,
  patient: string,
  film: Uint8Array,
  mediaType: string,
  { onProgress }: DiagnoseOptions,
): Promise<Outcome<string>> {
  const summary = await askJson<{ readonly imagingStudy?: string }>(
    ask,
    {
      method: 'POST',
      path: `/films?patient=${encodeURIComponent(patient)}`,
      headers: { 'content-type': mediaType },
      body: film,
    },
    onProgress && ((sent, all) => onProgress('uploading', sent / all)),
  )
  return summary.ok ? idOf(summary.value.imagingStudy, 'ImagingStudy') : summary
}

/** The reference of the task that stands for the order. */
async function order(ask: Ask, patient: string, study: string): Promise<Outcome<string>> {
  const answer = await askChecked(ask, {
    method: 'POST',
    path: '/fhir/ServiceRequest',
    headers: { 'content-type': 'application/fhir+json' },
    body: utf8Of(
      JSON.stringify({
        resourceType: 'ServiceRequest',
        status: 'active',
        intent: 'order',
        subject: { reference: `Patient/${patient}` },
        supportingInfo: [{ reference: study }],
      }),
    ),
  })
  return answer.ok ? idOf(answer.value.headers['sealward-task'], 'Task') : answer
}

/** Waits for the task, and gives the id of its report. */
async function reportOf(
  effects: Effects,
  ask: Ask,
  task: string,
  signal: AbortSignal,
  { onProgress, timeoutSeconds }: DiagnoseOptions,
): Promise<Outcome<string>> {
  const started = effects.clock.now()
  for (
    let pauseMs: number = limits.pollMsMin;
    ;
    pauseMs = Math.min(2 * pauseMs, limits.pollMsMax)
  ) {
    const answer = await askJson<Task>(ask, { method: 'GET', path: `/fhir/${task}` })
    if (!answer.ok) return answer
    const { status, output, statusReason } = answer.value
    if (status === 'completed') {
      const reference = output?.[0]?.valueReference?.reference
      return idOf(reference?.replace(/^DiagnosticReport\//, ''), 'DiagnosticReport')
    }
    if (status === 'failed' || status === 'rejected' || status === 'cancelled') {
      return failedTask(statusReason?.coding?.[0]?.code)
    }
    onProgress?.('waiting', (effects.clock.now() - started) / timeoutSeconds)
    await effects.sleep(pauseMs, signal)
  }
}

/** Codes by which a failed order is the film's fault; every other failure is a service's. */
const filmCodes: readonly string[] = ['not-a-chest-radiograph', 'too-small', 'more-than-one-frame']

function failedTask(code: string | undefined): Outcome<never> {
  if (code !== undefined && filmCodes.includes(code)) {
    return badInput(code, 'FILE', 'the film is not one that can be interpreted')
  }
  return unavailable(wordOf(code) ?? 'order-failed', 'Task', 'the film was not interpreted')
}

async function resultOf(
  ask: Ask,
  report: string,
): Promise<Outcome<Omit<Diagnosis, 'receiptPath'>>> {
  const answer = await askJson<unknown>(ask, { method: 'GET', path: `/results/${report}` })
  if (!answer.ok) return answer
  const result = parseResult(answer.value)
  return result === undefined ? unexpected('result') : ok(result)
}

/** The receipt's file, named after the report, as the platform sent it. */
async function writeReceipt(ask: Ask, report: string, folder: string): Promise<Outcome<string>> {
  const answer = await askChecked(ask, { method: 'GET', path: `/receipts/${report}` })
  if (!answer.ok) return answer
  const file = join(folder, `receipt-${report}.json`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(file, answer.value.body, { mode: 0o600 })
  } catch {
    return badInput('receipt-unwritable', '--receipt-dir', `${file} cannot be written`)
  }
  return ok(file)
}

async function askJson<T>(
  ask: Ask,
  request: HospitalRequest,
  onUploadProgress?: (sent: number, all: number) => void,
): Promise<Outcome<T>> {
  const answer = await askChecked(ask, request, onUploadProgress)
  if (!answer.ok) return answer
  const json = jsonOf(answer.value.body, answerLimits)
  return json.ok ? ok(json.value as T) : unexpected('json')
}

const answerLimits = { bytesMax: limits.sealedBytesMax, depthMax: limits.depthMax }

/** The answer if it is one of success; the platform's own code otherwise. */
async function askChecked(
  ask: Ask,
  request: HospitalRequest,
  onUploadProgress?: (sent: number, all: number) => void,
): Promise<Outcome<HospitalAnswer>> {
  const answer = await ask(request, onUploadProgress)
  if (!answer.ok) return answer
  const { status, body } = answer.value
  if (status < 300) return answer
  const json = jsonOf(body, answerLimits)
  const { code, detail } = refusalOf(json.ok ? json.value : undefined)
  return status >= 500 || status === 429
    ? unavailable(code, 'platform', detail)
    : badInput(code, 'platform', detail)
}

/** Code and sentence of a problem document (RFC 9457) or of an OperationOutcome. */
function refusalOf(json: unknown): { readonly code: string; readonly detail: string } {
  const said = (json ?? {}) as {
    readonly type?: unknown
    readonly detail?: unknown
    readonly issue?: readonly {
      readonly diagnostics?: unknown
      readonly details?: {
        readonly text?: unknown
        readonly coding?: readonly { readonly code?: unknown }[]
      }
    }[]
  }
  const issue = Array.isArray(said.issue) ? said.issue[0] : undefined
  const type =
    typeof said.type === 'string' ? said.type.replace(/^urn:sealward:problem:/, '') : undefined
  const code = wordOf(issue?.details?.coding?.[0]?.code ?? type) ?? 'platform-refused'
  const detail = [said.detail, issue?.diagnostics, issue?.details?.text].find(
    (text) => typeof text === 'string' && /^[ -~]{1,512}$/.test(text),
  )
  return { code, detail: typeof detail === 'string' ? detail : 'the platform refused' }
}

function parseResult(json: unknown): Omit<Diagnosis, 'receiptPath'> | undefined {
  const result = (json ?? {}) as Partial<Diagnosis>
  const { probability, logit, evidenceMap, operatingPoint, model, simulated } = result
  const isMap =
    Array.isArray(evidenceMap) &&
    evidenceMap.length === 8 &&
    evidenceMap.every((row) => Array.isArray(row) && row.length === 8 && row.every(Number.isFinite))
  if (
    !isMap ||
    !isNumber(probability) ||
    !isNumber(logit) ||
    !isNumber(operatingPoint?.threshold) ||
    typeof model?.name !== 'string' ||
    typeof model.version !== 'string' ||
    typeof model.sha256 !== 'string' ||
    typeof simulated !== 'boolean'
  ) {
    return undefined
  }
  const { name, version, sha256 } = model
  const { threshold } = operatingPoint
  return {
    probability,
    logit,
    evidenceMap,
    operatingPoint: { threshold },
    model: { name, version, sha256 },
    simulated,
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** An id or a reference that is safe in a path and in a file's name. */
function idOf(value: string | undefined, at: string): Outcome<string> {
  return value !== undefined && /^([A-Za-z]+\/)?[A-Za-z0-9.-]{1,64}$/.test(value)
    ? ok(value)
    : unexpected(at)
}

function wordOf(code: unknown): string | undefined {
  return typeof code === 'string' && /^[a-z0-9][a-z0-9-]{0,63}$/.test(code) ? code : undefined
}

function unexpected(at: string): Outcome<never> {
  return unavailable('answer-unexpected', at, 'the platform answered in a form that is not agreed')
}

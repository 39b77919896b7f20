import type { DiagnosticReport, Task } from '@medplum/fhirtypes'
import { ok, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import type { SigningKeys } from '@sealward/attestation/token'
import type { Identity } from '@sealward/enclave/identity'
import type { PeerFailure } from '@sealward/enclave/peers'
import type { Logger } from '@sealward/enclave/telemetry'
import { writeAudit } from '../fhir/audit.ts'
import { idIn, referenceTo } from '../fhir/references.ts'
import { filmIdOfStudy, modelInputOf } from '../films/routes.ts'
import type { Diagnostics, Interpretation, ModelCard } from '../peers/diagnostics.ts'
import { instantNow, newId, type Platform } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import type { OwnProof } from '../receipts/own-proof.ts'
import { makeReceipt, writeReceipt } from '../receipts/receipt.ts'
import { writeReading } from '../results/result.ts'
import { resultResources } from '../results/result-resources.ts'
import { createResource, type Kept, readResource, updateResource } from '../store/resources.ts'
import type { StoreTransaction } from '../store/store.ts'
import type { Attempt, OrderWork } from './queue.ts'

/** What the work on an order needs beyond {@link Platform}. */
export interface InterpretDeps {
  readonly platform: Platform
  readonly diagnostics: Diagnostics
  readonly identity: Pick<Identity, 'kid' | 'sign'>
  readonly ownProof: () => Promise<Result<OwnProof, PeerFailure>>
  readonly certs: () => Promise<
    Result<SigningKeys, { readonly code: string; readonly at: string; readonly detail: string }>
  >
  readonly log: Logger
}

/** Why an attempt led to nothing: `unavailable` passes by itself, `refused` does not. */
interface Setback {
  readonly kind: 'unavailable' | 'refused'
  readonly code: string
}

/** Works on one order, from the task that waits to the result, or to a task that says why not. */
export function createOrderWork(deps: InterpretDeps): OrderWork {
  return async (taskId, last) => {
    const outcome = await attempt(deps, taskId).catch((error: unknown) => {
      deps.log.thrown('order-broken', error, { job: 'orders' })
      return setback({ kind: 'unavailable', code: 'broken-program' })
    })
    if (outcome.ok) return 'done'
    const { code, kind } = outcome.problem
    if (kind === 'unavailable' && !last) {
      deps.log.warn('order-postponed', { code, job: 'orders' })
      return 'again'
    }
    deps.log.warn('order-failed', { code, job: 'orders' })
    return failTask(deps, taskId, code)
  }
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly problem: Setback }

const setback = (problem: Setback): Outcome => ({ ok: false, problem })

async function attempt(deps: InterpretDeps, taskId: string): Promise<Outcome> {
  const { platform, diagnostics } = deps
  const received = platform.clock.now()
  // 1. The task, unless somebody has finished it.
  const begun = await begin(platform, taskId)
  if (!begun.ok) return setback(ofStore(begun.problem))
  if (begun.value === undefined) return { ok: true }
  const { order, patient, study, task } = begun.value
  // 2. Pixels for the model, and nothing else.
  const image = await modelInputOf(platform.store, filmIdOfStudy(study))
  if (!image.ok) return setback(ofStore(image.problem))
  // 3. The provider, verified first, reads them and signs.
  const card = await diagnostics.card()
  if (!card.ok) return setback(card.problem)
  const interpretation = await diagnostics.interpret(newId(platform), image.value)
  if (!interpretation.ok) return setback(interpretation.problem)
  // 4. What proves it all.
  const own = await deps.ownProof()
  if (!own.ok) return setback(own.problem)
  const certs = await deps.certs()
  if (!certs.ok) return setback({ kind: 'unavailable', code: certs.problem.code })
  // 5. Result and receipt, or neither.
  const written = await platform.store.transaction((transaction) =>
    writeResult(deps, transaction, {
      task,
      patient,
      order,
      study,
      image: image.value,
      interpretation: interpretation.value,
      card: card.value,
      own: own.value,
      certs: certs.value,
      received,
    }),
  )
  return written.ok ? { ok: true } : setback(ofStore(written.problem))
}

interface Begun {
  readonly task: Kept<Task>
  readonly patient: string
  readonly order: string
  readonly study: string
}

/** Marks the task as in progress; `undefined` when there is nothing left to do. */
async function begin(
  platform: Platform,
  taskId: string,
): Promise<Result<Begun | undefined, ApiProblem>> {
  return platform.store.transaction<Begun | undefined>(async (transaction) => {
    const read = await readResource(transaction, 'Task', taskId)
    if (!read.ok) return read
    if (read.value === undefined) return ok(undefined)
    const { resource, patient } = read.value
    if (resource.status !== 'requested' && resource.status !== 'in-progress') return ok(undefined)
    const order = idIn('ServiceRequest', resource.focus)
    const study = idIn('ImagingStudy', resource.input?.[0]?.valueReference)
    if (patient === undefined || order === undefined || study === undefined) {
      return refuse('record-refused', 'task', 'A task of ours lacks something.')
    }
    if (resource.status === 'in-progress') return ok({ task: read.value, patient, order, study })
    const instant = instantNow(platform)
    const begun: Task = { ...resource, status: 'in-progress', lastModified: instant }
    const updated = await updateResource<Task>(transaction, read.value, begun, instant)
    if (!updated.ok) return updated
    const task: Kept<Task> = { resource: updated.value, version: read.value.version + 1, patient }
    return ok({ task, patient, order, study })
  })
}

interface ResultParts extends Begun {
  readonly image: Uint8Array
  readonly interpretation: Interpretation
  readonly card: ModelCard
  readonly own: OwnProof
  readonly certs: SigningKeys
  readonly received: number
}

/** Writes everything that an interpretation leads to. A result without a receipt cannot come out of this. */
async function writeResult(
  deps: InterpretDeps,
  transaction: StoreTransaction,
  parts: ResultParts,
): Promise<Result<true, ApiProblem>> {
  const { platform } = deps
  const { card, interpretation, order, patient, study, task } = parts
  const writtenAt = platform.clock.now()
  const instant = instantNow(platform)
  const ids = {
    report: newId(platform),
    observation: newId(platform),
    provenance: newId(platform),
    communication: newId(platform),
  }
  // Whoever finishes first writes: a second attempt at the same task meets a newer version here.
  const done: Task = {
    ...task.resource,
    status: 'completed',
    lastModified: instant,
    output: [
      {
        type: { text: 'report' },
        valueReference: referenceTo<DiagnosticReport>('DiagnosticReport', ids.report),
      },
    ],
  }
  const completed = await updateResource<Task>(transaction, task, done, instant)
  if (!completed.ok) return completed

  const resources = resultResources({
    ids,
    patient,
    order,
    study,
    interpretation,
    card,
    writtenAt,
    deployment: platform.deployment,
  })
  const own = { patient, instant }
  await transaction.lock(`Device/${resources.device.id}`)
  const device = await readResource(transaction, 'Device', resources.device.id)
  if (!device.ok) return device
  if (device.value === undefined) {
    await createResource(transaction, resources.device, { patient: undefined, instant })
  }
  await createResource(transaction, resources.observation, own)
  const report = await createResource(transaction, resources.report, own)
  await createResource(transaction, resources.provenance, own)
  await createResource(transaction, resources.communication, own)
  await writeReading(transaction, ids.report, patient, {
    probability: interpretation.probability,
    logit: interpretation.logit,
    evidenceMap: interpretation.evidenceMap,
    gate: interpretation.gate,
    operatingPoint: card.operatingPoint,
    model: interpretation.model,
    modelCard: card,
    simulated: interpretation.peer.simulated || parts.own.token.simulated,
    observation: ids.observation,
    film: filmIdOfStudy(study),
  })
  await writeAudit(platform, transaction, {
    actor: { service: 'Sealward platform' },
    interaction: 'create',
    entities: [`Patient/${patient}`, `DiagnosticReport/${ids.report}`, `ServiceRequest/${order}`],
    patient,
  })
  const made = await makeReceipt(
    { identity: deps.identity, random: platform.random },
    {
      id: ids.report,
      deployment: platform.deployment,
      interpretation,
      own: parts.own,
      certs: parts.certs,
      image: parts.image,
      reportBytes: utf8Of(JSON.stringify(report)),
      times: {
        received: parts.received,
        interpreted: interpretation.interpretedAt,
        written: writtenAt,
      },
    },
  )
  await writeReceipt(transaction, ids.report, patient, made)
  return ok(true)
}

/** Ends a task that will not be tried again, with the code of the reason. */
async function failTask(deps: InterpretDeps, taskId: string, code: string): Promise<Attempt> {
  const { platform } = deps
  const failed = await platform.store.transaction(async (transaction) => {
    const read = await readResource(transaction, 'Task', taskId)
    if (!read.ok) return read
    const task = read.value
    if (
      task === undefined ||
      (task.resource.status !== 'requested' && task.resource.status !== 'in-progress')
    ) {
      return ok(true)
    }
    const instant = instantNow(platform)
    const ended: Task = {
      ...task.resource,
      status: 'failed',
      statusReason: { coding: [{ system: 'urn:sealward:problem', code }] },
      lastModified: instant,
    }
    const updated = await updateResource<Task>(transaction, task, ended, instant)
    if (!updated.ok) return updated
    await writeAudit(platform, transaction, {
      actor: { service: 'Sealward platform' },
      interaction: 'update',
      entities: [task.resource.for?.reference, `Task/${taskId}`].filter((one) => one !== undefined),
      patient: task.patient,
    })
    return ok(true)
  })
  return failed.ok ? 'done' : 'again'
}

/** A database that is away passes; a record that was tampered with does not. */
function ofStore(problem: ApiProblem): Setback {
  const passing = problem.code === 'store-unavailable' || problem.code === 'version-conflict'
  return { kind: passing ? 'unavailable' : 'refused', code: problem.code }
}

import type {
  Communication,
  Device,
  DiagnosticReport,
  ImagingStudy,
  Observation,
  Patient,
  Provenance,
  ServiceRequest,
} from '@medplum/fhirtypes'
import { referenceTo } from '../fhir/references.ts'
import type { Interpretation, ModelCard } from '../peers/diagnostics.ts'
import { instantOf } from '../platform.ts'

type Identified<T> = T & { readonly id: string }

/** What one interpretation is about, and the ids that its resources get. */
export interface ResultInput {
  readonly ids: {
    readonly report: string
    readonly observation: string
    readonly provenance: string
    readonly communication: string
  }
  readonly patient: string
  readonly order: string
  readonly study: string
  readonly interpretation: Interpretation
  readonly card: ModelCard
  /** Unix seconds. */
  readonly writtenAt: number
  readonly deployment: string
}

/** The resources of one result but for the task: what the model said, and where it comes from. */
export interface ResultResources {
  readonly device: Identified<Device>
  readonly observation: Identified<Observation>
  readonly report: Identified<DiagnosticReport>
  readonly provenance: Identified<Provenance>
  readonly communication: Identified<Communication>
}

/** Code system of what this service itself names. */
const ourCodes = 'urn:sealward:codes'

/**
 * Writes an interpretation as FHIR R4 has it. The report is `preliminary`: a clinician makes it final.
 *
 * @see FHIR R4, 10.3 DiagnosticReport; 10.1 Observation; 6.3 Provenance; 8.8 Device
 */
export function resultResources(input: ResultInput): ResultResources {
  const { card, ids, interpretation, study, writtenAt } = input
  const { model } = interpretation
  const instant = instantOf(writtenAt)
  const subject = referenceTo<Patient>('Patient', input.patient)
  const order = referenceTo<ServiceRequest>('ServiceRequest', input.order)
  const film = referenceTo<ImagingStudy>('ImagingStudy', study)
  const device = deviceOf(model)
  const by = referenceTo<Device>('Device', device.id)
  const category = [
    {
      coding: [
        { system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'imaging' },
      ],
    },
  ]
  const code = {
    coding: [{ system: ourCodes, code: 'chest-pneumonia' }],
    text: 'Pneumonia, chest radiograph',
  }
  const positive = interpretation.probability >= card.operatingPoint.threshold

  const observation: Identified<Observation> = {
    resourceType: 'Observation',
    id: ids.observation,
    status: 'preliminary',
    category,
    code,
    subject,
    basedOn: [order],
    effectiveInstant: instantOf(interpretation.interpretedAt),
    issued: instant,
    device: by,
    derivedFrom: [film],
    valueQuantity: {
      value: interpretation.probability,
      unit: 'probability',
      system: 'http://unitsofmeasure.org',
      code: '1',
    },
    interpretation: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation',
            code: positive ? 'POS' : 'NEG',
          },
        ],
      },
    ],
    component: [
      component('logit', interpretation.logit),
      component('gate-distance', interpretation.gate),
      component('operating-point', card.operatingPoint.threshold),
      {
        code: ours('evidence-map'),
        valueSampledData: {
          origin: { value: 0 },
          period: 1,
          dimensions: 8,
          data: interpretation.evidenceMap.flat().map(decimal).join(' '),
        },
      },
    ],
  }
  const report: Identified<DiagnosticReport> = {
    resourceType: 'DiagnosticReport',
    id: ids.report,
    status: 'preliminary',
    category: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0074', code: 'RAD' }] },
    ],
    code: {
      coding: [
        { system: 'http://loinc.org', code: '18748-4', display: 'Diagnostic imaging study' },
      ],
      text: 'Chest radiograph, read by a model',
    },
    subject,
    basedOn: [order],
    imagingStudy: [film],
    effectiveDateTime: instantOf(interpretation.interpretedAt),
    issued: instant,
    result: [referenceTo<Observation>('Observation', ids.observation)],
    // True also once a clinician has signed; that nobody has yet is what `preliminary` says.
    conclusion: positive
      ? 'The model reads signs of pneumonia.'
      : 'The model reads no signs of pneumonia.',
    conclusionCode: [ours(positive ? 'model-positive' : 'model-negative')],
  }
  const provenance: Identified<Provenance> = {
    resourceType: 'Provenance',
    id: ids.provenance,
    target: [
      referenceTo<DiagnosticReport>('DiagnosticReport', ids.report),
      referenceTo<Observation>('Observation', ids.observation),
    ],
    occurredDateTime: instantOf(interpretation.interpretedAt),
    recorded: instant,
    activity: { text: 'interpretation by a model in a trusted execution environment' },
    agent: [
      { type: agentType('author'), who: by },
      {
        type: agentType('assembler'),
        who: { identifier: { value: input.deployment }, display: 'Sealward platform' },
      },
    ],
    entity: [
      { role: 'source', what: film },
      {
        role: 'derivation',
        what: {
          identifier: { system: 'urn:sealward:receipt', value: ids.report },
          display: 'receipt of this diagnosis',
        },
      },
    ],
    signature: [
      {
        type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.5' }],
        when: instantOf(interpretation.interpretedAt),
        who: by,
        sigFormat: 'application/jose',
        data: Buffer.from(interpretation.statement).toString('base64'),
      },
    ],
  }
  const communication: Identified<Communication> = {
    resourceType: 'Communication',
    id: ids.communication,
    status: 'completed',
    category: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/communication-category',
            code: 'notification',
          },
        ],
      },
    ],
    about: [referenceTo<DiagnosticReport>('DiagnosticReport', ids.report)],
    sent: instant,
    // No word about whom: whoever may know signs in and looks.
    payload: [{ contentString: 'A report is waiting to be read and signed.' }],
  }
  return { device, observation, report, provenance, communication }
}

/** The model as a device; the same model is the same device. */
function deviceOf(model: Interpretation['model']): Identified<Device> {
  return {
    resourceType: 'Device',
    id: `model-${model.sha256.slice(0, 32)}`,
    identifier: [{ system: 'urn:sealward:model-sha256', value: model.sha256 }],
    status: 'active',
    deviceName: [{ name: model.name, type: 'model-name' }],
    version: [{ value: model.version }],
    type: { text: 'neural network for chest radiographs' },
  }
}

function component(name: string, value: number): NonNullable<Observation['component']>[number] {
  return { code: ours(name), valueQuantity: { value } }
}

function ours(code: string): { coding: { system: string; code: string }[] } {
  return { coding: [{ system: ourCodes, code }] }
}

function agentType(code: string): { coding: { system: string; code: string }[] } {
  return {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code }],
  }
}

/** A number as SampledData has it: no exponent. */
function decimal(value: number): string {
  return Number(value.toPrecision(9)).toFixed(8)
}

import type { DiagnosticReport, Observation, Patient } from '@medplum/fhirtypes'
import type { FilmSummary } from '../upload/film.ts'
import type { EvidenceMap } from './evidence-map.ts'

/** Everything about one interpretation: `GET /results/{report}`. */
export interface Interpretation {
  readonly report: DiagnosticReport
  readonly observation: Observation
  readonly patient: Patient
  readonly film: FilmSummary
  readonly probability: number
  readonly logit: number
  readonly evidenceMap: EvidenceMap
  readonly operatingPoint: OperatingPoint
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string }
  readonly modelCard: unknown
  readonly simulated: boolean
  /** Path of the receipt, `/receipts/…`. */
  readonly receipt: string
}

/** Where the line between "above" and "below" was drawn, and how well it did on films it had not seen. */
export interface OperatingPoint {
  readonly threshold: number
  readonly sensitivity: number
  readonly specificity: number
}

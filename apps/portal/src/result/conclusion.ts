import type { DiagnosticReport } from '@medplum/fhirtypes'

/** What the model read, where its words stand as the report's conclusion: a clinician's have no code. */
export function modelsConclusionOf(report: DiagnosticReport): 'positive' | 'negative' | undefined {
  const codes = (report.conclusionCode ?? []).flatMap(({ coding }) => coding ?? [])
  for (const { system, code } of codes) {
    if (system !== 'urn:sealward:codes') continue
    if (code === 'model-positive') return 'positive'
    if (code === 'model-negative') return 'negative'
  }
  return undefined
}

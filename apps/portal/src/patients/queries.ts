import type { Bundle, DiagnosticReport, Patient } from '@medplum/fhirtypes'
import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query'
import { usePortal } from '../app/portal.ts'
import { listRefreshMs } from '../limits.ts'
import type { Platform } from '../sealed-channel/platform.ts'
import { patientNumberSystem } from './patient-form.ts'

/** What a patient is looked up by. Exact: names and numbers are sealed, so there is no part to match. */
export type PatientSearch =
  | { readonly by: 'identifier'; readonly identifier: string }
  | { readonly by: 'name'; readonly family: string; readonly birthDate: string }

export function queryOf(search: PatientSearch): string {
  const parameters =
    search.by === 'identifier'
      ? { identifier: `${patientNumberSystem}|${search.identifier.trim()}` }
      : { family: search.family.trim(), birthdate: search.birthDate }
  return `/fhir/Patient?${new URLSearchParams(parameters)}`
}

export async function searchPatients(
  platform: Platform,
  search: PatientSearch,
  signal?: AbortSignal,
): Promise<readonly Patient[]> {
  return resourcesOf(await platform.read<Bundle<Patient>>(queryOf(search), signal))
}

/** The resources of a search's answer. */
export function resourcesOf<T extends Patient | DiagnosticReport>(bundle: Bundle<T>): readonly T[] {
  return (bundle.entry ?? []).flatMap(({ resource }) => (resource === undefined ? [] : [resource]))
}

export function usePatient(id: string): UseQueryResult<Patient> {
  const { platform } = usePortal()
  return useQuery({
    queryKey: ['patient', id],
    queryFn: ({ signal }) => platform.read<Patient>(`/fhir/Patient/${id}`, signal),
  })
}

/**
 * A patient's reports, the newest first; looked for again while the page is open. Reports go only with the patient: where there are
 * fewer, the page looks whether the patient is still there.
 */
export function useReportsOf(patient: string): UseQueryResult<readonly DiagnosticReport[]> {
  const { platform } = usePortal()
  const queries = useQueryClient()
  const queryKey = ['reports', patient]
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const subject = encodeURIComponent(`Patient/${patient}`)
      const path = `/fhir/DiagnosticReport?subject=${subject}`
      const bundle = await platform.read<Bundle<DiagnosticReport>>(path, signal)
      const reports = newestFirst(resourcesOf(bundle))
      const before = queries.getQueryData<readonly DiagnosticReport[]>(queryKey) ?? []
      if (reports.length < before.length)
        void queries.invalidateQueries({ queryKey: ['patient', patient] })
      return reports
    },
    refetchInterval: listRefreshMs,
  })
}

export function newestFirst(reports: readonly DiagnosticReport[]): readonly DiagnosticReport[] {
  return reports.toSorted((a, b) => instantOf(b).localeCompare(instantOf(a)))
}

/** When a report was issued, in ISO form; the best that it says. */
export function instantOf(report: DiagnosticReport): string {
  return report.issued ?? report.effectiveDateTime ?? report.meta?.lastUpdated ?? ''
}

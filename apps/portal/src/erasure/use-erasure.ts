import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'
import { usePortal } from '../app/portal.ts'

/** Erases a patient for a reason; then nothing that was read of them is left in this page. */
export function useErasure(
  patient: string,
  onErased: () => void,
): UseMutationResult<void, Error, string> {
  const { platform, recentPatients } = usePortal()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (reason: string) => {
      await platform.write('POST', `/fhir/Patient/${patient}/$erase`, { reason })
    },
    onSuccess: () => {
      onErased()
      recentPatients.set(recentPatients.get().filter((other) => other !== patient))
      for (const queryKey of [
        ['patient', patient],
        ['reports', patient],
      ]) {
        queries.removeQueries({ queryKey })
      }
      // Films and reports are known by ids of their own: all goes that no page shows, and what one shows is read again.
      queries.removeQueries({ type: 'inactive' })
      void queries.invalidateQueries()
    },
  })
}

import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePortal } from '../app/portal.ts'
import { mayBeErased } from './erasure-outcome.ts'

export interface Erasure {
  /** Takes the reason. */
  readonly attempt: UseMutationResult<void, Error, string>
  /** Whether an attempt that failed may have erased the patient. */
  readonly isUncertain: boolean
}

/** Erases a patient for a reason; then nothing that was read of them is left in this page. */
export function useErasure(patient: string, onErased: () => void): Erasure {
  const { platform, recentPatients } = usePortal()
  const queries = useQueryClient()
  const [isUncertain, setIsUncertain] = useState(false)
  const attempt = useMutation({
    mutationFn: async (reason: string) => {
      await platform.write('POST', `/fhir/Patient/${patient}/$erase`, { reason })
    },
    onError: (error) => setIsUncertain((before) => mayBeErased(before, error)),
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
  return { attempt, isUncertain }
}

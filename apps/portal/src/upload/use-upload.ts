import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { usePortal } from '../app/portal.ts'
import { goTo } from '../app/use-route.ts'
import { bodyOf, PlatformError } from '../sealed-channel/platform.ts'
import type { FilmSummary } from './film.ts'
import { recogniseFilm } from './film-file.ts'
import { followOrder, type OrderStatus, placeOrder } from './order.ts'

/** Where a film is on its way from this page to a report. */
export type UploadState =
  | { readonly kind: 'choosing'; readonly error?: PlatformError }
  | { readonly kind: 'sending'; readonly sentBytes: number; readonly totalBytes: number }
  | { readonly kind: 'recognised'; readonly film: FilmSummary; readonly error?: PlatformError }
  | { readonly kind: 'ordering'; readonly film: FilmSummary }
  | { readonly kind: 'ordered'; readonly film: FilmSummary; readonly status: OrderStatus }

export interface Upload {
  readonly state: UploadState
  send(file: File): Promise<void>
  order(): Promise<void>
  /** Stops what is going on in this page. An order that was placed goes on. */
  cancel(): void
}

/** Takes a film of a patient from the file to the report, one step at a time. */
export function useUpload(patient: string): Upload {
  const { platform } = usePortal()
  const queries = useQueryClient()
  const [state, setState] = useState<UploadState>({ kind: 'choosing' })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const begin = (): AbortSignal => {
    running.current?.abort()
    running.current = new AbortController()
    return running.current.signal
  }

  return {
    state,
    async send(file) {
      const signal = begin()
      setState({ kind: 'sending', sentBytes: 0, totalBytes: file.size })
      try {
        const body = new Uint8Array(await file.arrayBuffer())
        const mediaType = recogniseFilm(body)
        if (!mediaType.ok) throw new PlatformError(mediaType.problem)
        const response = await platform.send({
          method: 'POST',
          path: `/films?patient=${patient}`,
          headers: { 'content-type': mediaType.value },
          body,
          signal,
          onUploadProgress: (sentBytes, totalBytes) => {
            if (!signal.aborted) setState({ kind: 'sending', sentBytes, totalBytes })
          },
        })
        if (!signal.aborted) setState({ kind: 'recognised', film: bodyOf<FilmSummary>(response) })
      } catch (error) {
        if (!signal.aborted) setState({ kind: 'choosing', error: problemIn(error) })
      }
    },
    async order() {
      if (state.kind !== 'recognised') return
      const signal = begin()
      const { film } = state
      setState({ kind: 'ordering', film })
      try {
        const task = await placeOrder(platform, patient, film)
        if (signal.aborted) return
        setState({ kind: 'ordered', film, status: 'requested' })
        const report = await followOrder(platform, task, {
          signal,
          wait: (milliseconds) => sleep(milliseconds, signal),
          onStatus: (status) => {
            if (!signal.aborted) setState({ kind: 'ordered', film, status })
          },
        })
        await queries.invalidateQueries({ queryKey: ['reports', patient] })
        if (!signal.aborted) goTo({ page: 'report', report })
      } catch (error) {
        if (signal.aborted) return
        const problem = problemIn(error)
        // The order goes on without this page, so it is not offered again.
        if (problem.problem.code === 'order-takes-long')
          setState({ kind: 'choosing', error: problem })
        else setState({ kind: 'recognised', film, error: problem })
      }
    },
    cancel() {
      running.current?.abort()
      setState({ kind: 'choosing' })
    },
  }
}

function problemIn(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error
  // A file that was moved or may not be read.
  if (error instanceof DOMException) {
    return new PlatformError({ code: 'film-unreadable', at: 'file', detail: error.name })
  }
  throw error
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

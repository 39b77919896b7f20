import { base64UrlOf } from '@sealward/attestation/bytes'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { usePortal } from '../app/portal.ts'
import { goTo } from '../app/use-route.ts'
import { isGone, PlatformError } from '../sealed-channel/platform.ts'
import type { FilmSummary } from './film.ts'
import { beginningBytes, recogniseFilm } from './film-file.ts'
import { followOrder, type OrderStatus, placeOrder } from './order.ts'
import { type ChosenFilm, hasBrokenOff, sendFilm } from './send-film.ts'

/** Where a film is on its way from this page to a report. */
export type UploadState =
  | { readonly kind: 'choosing'; readonly error?: PlatformError }
  | {
      readonly kind: 'sending'
      readonly sentBytes: number
      readonly totalBytes: number
      /** It broke off, and is sent again. */
      readonly again: boolean
    }
  /** It broke off, and nobody sends it again unless told to. The film is still here. */
  | { readonly kind: 'broken'; readonly chosen: ChosenFilm; readonly error: PlatformError }
  | { readonly kind: 'recognised'; readonly film: FilmSummary; readonly error?: PlatformError }
  | { readonly kind: 'ordering'; readonly film: FilmSummary }
  | { readonly kind: 'ordered'; readonly film: FilmSummary; readonly status: OrderStatus }

export interface Upload {
  readonly state: UploadState
  send(file: File): Promise<void>
  /** Sends the film that broke off. */
  sendAgain(): Promise<void>
  order(): Promise<void>
  /** Stops what is going on in this page. An order that was placed goes on. */
  cancel(): void
}

/** Takes a film of a patient from the file to the report, one step at a time. */
export function useUpload(patient: string): Upload {
  const { effects, platform } = usePortal()
  const queries = useQueryClient()
  const [state, setState] = useState<UploadState>({ kind: 'choosing' })
  const running = useRef<AbortController>(undefined)
  /** Of an order that was sent and not answered. */
  const orderKey = useRef<string>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const begin = (): AbortSignal => {
    running.current?.abort()
    running.current = new AbortController()
    return running.current.signal
  }

  /** Has the page look whether the patient is still there, where a film or an order had nobody to go to. */
  const lookWhetherGone = (error: PlatformError): void => {
    if (isGone(error) || error.problem.code === 'reference-unknown')
      void queries.invalidateQueries({ queryKey: ['patient', patient] })
  }

  const newKey = (): string => base64UrlOf(effects.random(16))

  const send = async (chosen: ChosenFilm, signal: AbortSignal): Promise<void> => {
    let again = false
    const progress = (sentBytes: number, totalBytes: number): void =>
      setState({ kind: 'sending', sentBytes, totalBytes, again })
    progress(0, chosen.file.size)
    try {
      const film = await sendFilm(platform, patient, chosen, {
        signal,
        onProgress: progress,
        onBroken: () => {
          again = true
          if (!signal.aborted) progress(0, chosen.file.size)
        },
        wait: (milliseconds) => sleep(milliseconds, signal),
      })
      if (!signal.aborted) setState({ kind: 'recognised', film })
    } catch (error) {
      if (signal.aborted) return
      const problem = problemIn(error)
      lookWhetherGone(problem)
      const isKept = hasBrokenOff(problem) || problem.problem.status === 401
      setState(
        isKept ? { kind: 'broken', chosen, error: problem } : { kind: 'choosing', error: problem },
      )
    }
  }

  return {
    state,
    async send(file) {
      const signal = begin()
      try {
        const beginning = new Uint8Array(await file.slice(0, beginningBytes).arrayBuffer())
        const mediaType = recogniseFilm(beginning, file.size)
        if (!mediaType.ok) throw new PlatformError(mediaType.problem)
        await send({ file, mediaType: mediaType.value, key: newKey() }, signal)
      } catch (error) {
        if (!signal.aborted) setState({ kind: 'choosing', error: problemIn(error) })
      }
    },
    async sendAgain() {
      if (state.kind === 'broken') await send(state.chosen, begin())
    },
    async order() {
      if (state.kind !== 'recognised') return
      const signal = begin()
      const { film } = state
      setState({ kind: 'ordering', film })
      try {
        orderKey.current ??= newKey()
        const task = await placeOrder(platform, patient, film, orderKey.current)
        orderKey.current = undefined
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
        lookWhetherGone(problem)
        // The order goes on without this page, so it is not offered again.
        if (problem.problem.code === 'order-takes-long')
          setState({ kind: 'choosing', error: problem })
        else setState({ kind: 'recognised', film, error: problem })
      }
    },
    cancel() {
      running.current?.abort()
      orderKey.current = undefined
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

import { filmRetryDelaysMs } from '../limits.ts'
import { bodyOf, type Platform, PlatformError } from '../sealed-channel/platform.ts'
import type { FilmSummary } from './film.ts'
import type { FilmMediaType } from './film-file.ts'

/** A film that a clerk has chosen, until the platform has it. */
export interface ChosenFilm {
  readonly file: Blob
  readonly mediaType: FilmMediaType
  /** Names this film to the platform however often it is sent, so that it is kept once. */
  readonly key: string
}

/**
 * Sends a film until the platform has it: what breaks off on its way is sent again, from the beginning and sealed anew,
 * after a while each time.
 *
 * @param wait resolves after so many milliseconds.
 * @returns what was recognised. Rejects with {@link PlatformError}: at once where sending it again is of no use, and after the
 * last of {@link filmRetryDelaysMs} otherwise. Nothing has been stored twice, then or later.
 */
export async function sendFilm(
  platform: Platform,
  patient: string,
  { file, key, mediaType }: ChosenFilm,
  options: {
    readonly signal: AbortSignal
    readonly onProgress: (sentBytes: number, totalBytes: number) => void
    /** The film broke off, and will be sent again. */
    readonly onBroken: () => void
    readonly wait: (milliseconds: number) => Promise<void>
  },
): Promise<FilmSummary> {
  const { onBroken, onProgress, signal, wait } = options
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await platform.send({
        method: 'POST',
        path: `/films?patient=${patient}`,
        headers: { 'content-type': mediaType, 'idempotency-key': key },
        body: file,
        signal,
        onUploadProgress: (sentBytes, totalBytes = file.size) => {
          if (!signal.aborted) onProgress(sentBytes, totalBytes)
        },
      })
      return bodyOf<FilmSummary>(response)
    } catch (error) {
      const delayMs = filmRetryDelaysMs[attempt]
      if (signal.aborted || delayMs === undefined || !hasBrokenOff(error)) throw error
      onBroken()
      await wait(delayMs)
      signal.throwIfAborted()
    }
  }
}

/** The film, or the answer to it, was lost on its way, or somebody is away for a while. */
export function hasBrokenOff(error: unknown): boolean {
  return (
    error instanceof PlatformError &&
    (error.problem.status === 503 || brokenOff.includes(error.problem.code))
  )
}

const brokenOff: readonly string[] = [
  'unavailable',
  'truncated',
  'not-opened',
  // Somebody in between has sent it again, and lost the answer to the first.
  'replayed',
  'stale-key',
  'not-verified',
]

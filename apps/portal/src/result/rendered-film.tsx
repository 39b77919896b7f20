import { useQuery } from '@tanstack/react-query'
import { type ReactElement, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { ProblemNotice } from '../ui/problem-notice.tsx'

/** The film in grey on a canvas. Its bytes came through the sealed channel; no address serves it. */
export function RenderedFilm({
  id,
  label,
}: {
  readonly id: string
  readonly label: string
}): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const canvas = useRef<HTMLCanvasElement>(null)
  const film = useQuery({
    queryKey: ['rendered', id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const path = `/films/${id}/rendered`
      const { body } = await platform.send({ method: 'GET', path, signal })
      return createImageBitmap(new Blob([body.slice()], { type: 'image/png' }))
    },
  })
  useEffect(() => {
    const element = canvas.current
    if (element === null || film.data === undefined) return
    element.width = film.data.width
    element.height = film.data.height
    element.getContext('2d')?.drawImage(film.data, 0, 0)
  }, [film.data])
  if (film.isError) return <ProblemNotice error={film.error} />
  return (
    <canvas
      ref={canvas}
      className="film-canvas"
      role="img"
      aria-label={film.isPending ? t('ui.loading') : label}
      data-testid="film"
      data-drawn={film.isSuccess}
      width={512}
      height={512}
    />
  )
}

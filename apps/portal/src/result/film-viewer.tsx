import { Switch } from 'radix-ui'
import { type ReactElement, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNumbers } from '../ui/format.ts'
import { type EvidenceMap, paint, scaleOf, upsample } from './evidence-map.ts'
import { RenderedFilm } from './rendered-film.tsx'

/** The map is enlarged to this many pixels a side; the browser smooths the rest of the way. */
const overlaySidePixels = 256

const opacityDefault = 0.55

/** The film with the evidence map over it, as a picture and as a table. */
export function FilmViewer({
  film,
  map,
}: {
  readonly film: string
  readonly map: EvidenceMap
}): ReactElement {
  const { t } = useTranslation()
  const { signed } = useNumbers()
  const [shown, setShown] = useState(true)
  const [opacity, setOpacity] = useState(opacityDefault)
  const scale = useMemo(() => scaleOf(map), [map])
  const id = useId()
  return (
    <section className="card viewer" aria-label={t('viewer.title')}>
      <div className="viewer-picture">
        <RenderedFilm id={film} label={t('viewer.film')} />
        <Overlay map={map} scale={scale} opacity={shown ? opacity : 0} />
      </div>
      <div className="viewer-tools">
        <div className="switch-field">
          <Switch.Root
            className="switch"
            id={`${id}-toggle`}
            checked={shown}
            onCheckedChange={setShown}
            data-testid="evidence-toggle"
          >
            <Switch.Thumb className="switch-thumb" />
          </Switch.Root>
          <label htmlFor={`${id}-toggle`}>{t('viewer.show')}</label>
        </div>
        <div className="slider-field">
          <label htmlFor={`${id}-opacity`}>{t('viewer.opacity')}</label>
          <input
            id={`${id}-opacity`}
            type="range"
            min="0"
            max="100"
            step="5"
            disabled={!shown}
            value={Math.round(opacity * 100)}
            aria-valuetext={`${Math.round(opacity * 100)} %`}
            data-testid="evidence-opacity"
            onChange={(event) => setOpacity(Number(event.target.value) / 100)}
          />
        </div>
        <div className="legend" aria-hidden="true">
          <span>
            {t('viewer.against')}
            <b>{signed(-scale, 1)}</b>
          </span>
          <i className="legend-bar" />
          <span>
            {t('viewer.for')}
            <b>{signed(scale, 1)}</b>
          </span>
        </div>
      </div>
      <p className="quiet">{t('viewer.explanation')}</p>
      <details className="details">
        <summary>{t('viewer.asTable')}</summary>
        <MapTable map={map} />
      </details>
    </section>
  )
}

function Overlay({
  map,
  scale,
  opacity,
}: {
  readonly map: EvidenceMap
  readonly scale: number
  readonly opacity: number
}): ReactElement {
  const { t } = useTranslation()
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const values = upsample(map, overlaySidePixels, overlaySidePixels)
    const picture = new ImageData(paint(values, scale), overlaySidePixels, overlaySidePixels)
    canvas.current?.getContext('2d')?.putImageData(picture, 0, 0)
  }, [map, scale])
  return (
    <canvas
      ref={canvas}
      className="overlay-canvas"
      width={overlaySidePixels}
      height={overlaySidePixels}
      role="img"
      aria-label={t('viewer.map')}
      data-testid="evidence-map"
      data-opacity={opacity}
      style={{ opacity }}
    />
  )
}

/** The same numbers for whoever does not see the picture. */
function MapTable({ map }: { readonly map: EvidenceMap }): ReactElement {
  const { t } = useTranslation()
  const { signed } = useNumbers()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="table-frame" tabIndex={0} aria-label={t('viewer.tableCaption')}>
      <table className="map-table" data-testid="evidence-table">
        <caption>{t('viewer.tableCaption')}</caption>
        <thead>
          <tr>
            <td />
            {map[0]?.map((_, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a column is known by nothing but its place
              <th key={column} scope="col">
                {column + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {map.map((cells, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row is known by nothing but its place
            <tr key={row}>
              <th scope="row">{row + 1}</th>
              {cells.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is known by nothing but its place
                <td key={column} className={cell > 0 ? 'cell-for' : 'cell-against'}>
                  {signed(cell, 2)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

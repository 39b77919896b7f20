import { type DragEvent, type ReactElement, useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { filmBytesMax } from '../limits.ts'
import type { PlatformError } from '../sealed-channel/platform.ts'
import { Button } from '../ui/button.tsx'
import { Tick } from '../ui/field.tsx'
import { useNumbers } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { type Step, Steps } from '../ui/steps.tsx'
import { FilmCard } from './film-card.tsx'
import { isDifference } from './film-words.ts'
import { type Upload, type UploadState, useUpload } from './use-upload.ts'

/** A new film of a patient: choose, upload, see what was recognised, order, wait. */
export function NewFilm({ patient }: { readonly patient: string }): ReactElement {
  const { t } = useTranslation()
  const upload = useUpload(patient)
  const { state } = upload
  return (
    <section className="card" aria-labelledby="new-film">
      <h2 id="new-film">{t('film.title')}</h2>
      {state.kind === 'choosing' && (
        <>
          {state.error !== undefined && (
            <ProblemNotice error={state.error} title={t('film.notUploaded')} />
          )}
          <Chooser onFile={(file) => void upload.send(file)} />
        </>
      )}
      {state.kind === 'sending' && <Sending state={state} onCancel={upload.cancel} />}
      {state.kind === 'broken' && <Broken upload={upload} state={state} />}
      {(state.kind === 'recognised' || state.kind === 'ordering') && (
        <Recognised upload={upload} state={state} />
      )}
      {state.kind === 'ordered' && <Waiting state={state} onLeave={upload.cancel} />}
    </section>
  )
}

function Chooser({ onFile }: { readonly onFile: (file: File) => void }): ReactElement {
  const { t } = useTranslation()
  const { size } = useNumbers()
  const [over, setOver] = useState(false)
  const id = useId()
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    setOver(false)
    const file = event.dataTransfer.files[0]
    if (file !== undefined) onFile(file)
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is an extra; the input below does the same */}
      <div
        className={over ? 'drop drop-over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Icon name="upload" />
        <p className="drop-words">{t('film.drop')}</p>
        <label className="button button-primary" htmlFor={id}>
          <Icon name="film" />
          <span>{t('film.choose')}</span>
        </label>
        <input
          id={id}
          className="visually-hidden"
          type="file"
          data-testid="film-input"
          onChange={(event) => {
            const file = event.target.files?.[0]
            if (file !== undefined) onFile(file)
            event.target.value = ''
          }}
        />
        <p className="quiet">{t('film.kinds', { size: size(filmBytesMax) })}</p>
      </div>
      <p className="sealed-note">
        <Icon name="lock" />
        {t('film.sealed')}
      </p>
    </>
  )
}

function Sending({
  state,
  onCancel,
}: {
  readonly state: UploadState & { readonly kind: 'sending' }
  readonly onCancel: () => void
}): ReactElement {
  const { t } = useTranslation()
  const { size } = useNumbers()
  const { sentBytes, totalBytes } = state
  return (
    <>
      <Steps label={t('film.progress')} steps={useSteps(state)} />
      {state.again && (
        <Notice tone="info" testId="upload-again">
          <p>{t('film.again')}</p>
        </Notice>
      )}
      <div className="upload-progress">
        <progress
          data-testid="upload-progress"
          aria-label={t('film.progress')}
          value={sentBytes}
          max={Math.max(totalBytes, 1)}
        />
        <p className="quiet">
          {t('film.sent', { sent: size(sentBytes), total: size(totalBytes) })}
        </p>
      </div>
      <div className="form-actions">
        <Button data-testid="upload-cancel" onClick={onCancel}>
          {t('ui.cancel')}
        </Button>
      </div>
    </>
  )
}

/** A film that did not arrive, and that need not be chosen again. */
function Broken({
  upload,
  state,
}: {
  readonly upload: Upload
  readonly state: UploadState & { readonly kind: 'broken' }
}): ReactElement {
  const { t } = useTranslation()
  return (
    <div data-testid="upload-broken">
      <ProblemNotice error={state.error} title={t('film.broken')} />
      <p className="quiet">{t('film.brokenText')}</p>
      <div className="form-actions">
        <Button look="quiet" onClick={upload.cancel}>
          {t('film.another')}
        </Button>
        <Button look="primary" data-testid="upload-resume" onClick={() => void upload.sendAgain()}>
          {t('film.sendAgain')}
        </Button>
      </div>
    </div>
  )
}

function Recognised({
  upload,
  state,
}: {
  readonly upload: Upload
  readonly state: UploadState & { readonly kind: 'recognised' | 'ordering' }
}): ReactElement {
  const { t } = useTranslation()
  const error = state.kind === 'recognised' ? state.error : undefined
  const [confirmed, setConfirmed] = useState(false)
  const [missed, setMissed] = useState(false)
  const box = useRef<HTMLInputElement>(null)
  const differs = state.film.warnings.some(isDifference)
  const mayOrder = error === undefined || mayOrderAgain(error)
  const order = (): void => {
    if (!differs || confirmed) return void upload.order()
    setMissed(true)
    box.current?.focus()
  }
  return (
    <>
      <FilmCard film={state.film} />
      {differs && mayOrder && (
        <Tick
          ref={box}
          label={t('film.confirm')}
          error={missed && !confirmed ? t('film.confirmFirst') : undefined}
          testId="film-confirm"
          checked={confirmed}
          onChange={setConfirmed}
        />
      )}
      {error !== undefined && <ProblemNotice error={error} title={t('film.notInterpreted')} />}
      <div className="form-actions">
        <Button look="quiet" disabled={state.kind === 'ordering'} onClick={upload.cancel}>
          {t('film.another')}
        </Button>
        {mayOrder && (
          <Button
            look="primary"
            busy={state.kind === 'ordering'}
            data-testid="order-submit"
            onClick={order}
          >
            {t('film.order')}
          </Button>
        )}
      </div>
    </>
  )
}

/** An order that nobody answered may be placed again; a film that was judged unfit stays so. */
function mayOrderAgain({ problem }: PlatformError): boolean {
  return problem.status !== undefined || passingCodes.includes(problem.code)
}

const passingCodes: readonly string[] = ['unavailable', 'provider-unavailable', 'stale-key']

function Waiting({
  state,
  onLeave,
}: {
  readonly state: UploadState & { readonly kind: 'ordered' }
  readonly onLeave: () => void
}): ReactElement {
  const { t } = useTranslation()
  return (
    <div className="order-waiting" data-testid="order-waiting">
      <Steps label={t('film.waiting')} steps={useSteps(state)} />
      <p className="quiet">{t('film.mayLeave')}</p>
      <div className="form-actions">
        <Button look="quiet" onClick={onLeave}>
          {t('film.leave')}
        </Button>
      </div>
    </div>
  )
}

const stepIds = ['sealed', 'uploaded', 'queued', 'interpreted', 'written'] as const

/** All five steps of a film, as far as they are. */
function useSteps(state: UploadState): readonly Step[] {
  const { t } = useTranslation()
  const current = currentStepOf(state)
  return stepIds.map((id, index) => ({
    id,
    words: t(`film.step.${id}`),
    state: index < current ? 'done' : index === current ? 'running' : 'waiting',
  }))
}

function currentStepOf(state: UploadState): number {
  switch (state.kind) {
    case 'choosing':
    case 'broken':
      return 0
    case 'sending':
      return state.sentBytes === 0 ? 0 : 1
    case 'recognised':
    case 'ordering':
      return 2
    case 'ordered':
      return state.status === 'requested' ? 2 : 3
  }
}

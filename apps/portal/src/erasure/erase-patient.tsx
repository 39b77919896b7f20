import type { Patient } from '@medplum/fhirtypes'
import { type ReactElement, type SubmitEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { erasureReasonCharactersMax } from '../limits.ts'
import { nameOf } from '../patients/patient-words.ts'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/facts.tsx'
import { TextArea, TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import {
  type ErasureForm,
  type ErasureProblems,
  emptyErasureForm,
  problemsOfErasure,
  proofFor,
} from './erasure-form.ts'
import { mayEraseAgain, outcomeOf } from './erasure-outcome.ts'
import { type Erasure, useErasure } from './use-erasure.ts'

type Phase = 'closed' | 'asking' | 'confirming'

/**
 * For a privacy officer: what erasing means, why and whom, and once more whether. In the page and in no dialog: those are closed
 * when a session ends, and this stays, unseen, until one has signed in again.
 */
export function ErasePatient({
  patient,
  onErasing,
  onErased,
}: {
  readonly patient: Patient
  /** Told whom to keep on the page when they are sent to be erased, and nobody when that is left. */
  readonly onErasing: (patient: Patient | undefined) => void
  readonly onErased: () => void
}): ReactElement {
  const { t } = useTranslation()
  const [phase, setPhase] = useState<Phase>('closed')
  const [form, setForm] = useState<ErasureForm>(emptyErasureForm)
  const erasure = useErasure(patient.id ?? '', onErased)
  const opener = useRef<HTMLButtonElement>(null)
  const wasOpen = useRef(false)
  useEffect(() => {
    if (phase === 'closed' && wasOpen.current) opener.current?.focus()
    wasOpen.current = phase !== 'closed'
  }, [phase])
  const show = (next: Phase): void => {
    erasure.attempt.reset()
    onErasing(undefined)
    setPhase(next)
    if (next === 'closed') setForm(emptyErasureForm)
  }
  return (
    <section className="card erase" aria-labelledby="erase" data-testid="erase">
      <h2 id="erase">{t('erase.title')}</h2>
      {phase !== 'confirming' && <Meaning />}
      {phase === 'closed' && (
        <div className="button-row">
          <Button ref={opener} data-testid="erase-open" onClick={() => show('asking')}>
            {t('erase.open')}
          </Button>
        </div>
      )}
      {phase === 'asking' && (
        <Asking
          patient={patient}
          form={form}
          onChange={setForm}
          onCancel={() => show('closed')}
          onNext={() => show('confirming')}
        />
      )}
      {phase === 'confirming' && (
        <Confirming
          patient={patient}
          reason={form.reason.trim()}
          erasure={erasure}
          onErase={() => {
            onErasing(patient)
            erasure.attempt.mutate(form.reason.trim())
          }}
          onBack={() => show('asking')}
        />
      )}
    </section>
  )
}

function Meaning(): ReactElement {
  const { t } = useTranslation()
  return (
    <ul className="erase-meaning">
      <li>{t('erase.meaning.gone')}</li>
      <li>{t('erase.meaning.final')}</li>
      <li>{t('erase.meaning.kept')}</li>
      <li>{t('erase.meaning.backups')}</li>
      <li>{t('erase.meaning.elsewhere')}</li>
    </ul>
  )
}

function Asking({
  patient,
  form,
  onChange,
  onCancel,
  onNext,
}: {
  readonly patient: Patient
  readonly form: ErasureForm
  readonly onChange: (form: ErasureForm) => void
  readonly onCancel: () => void
  readonly onNext: () => void
}): ReactElement {
  const { t } = useTranslation()
  const [problems, setProblems] = useState<ErasureProblems>({})
  const element = useRef<HTMLFormElement>(null)
  const proof = proofFor(patient)
  useEffect(() => focusOn(element.current, 'reason'), [])
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const found = problemsOfErasure(form, proof.text)
    setProblems(found)
    const first = Object.keys(found)[0]
    if (first === undefined) onNext()
    else focusOn(element.current, first)
  }
  const field = (name: keyof ErasureForm) => ({
    name,
    value: form[name],
    error: problems[name] && t(`erase.problem.${problems[name]}`),
    onChange: (event: { readonly target: { readonly value: string } }) => {
      onChange({ ...form, [name]: event.target.value })
      setProblems({ ...problems, [name]: undefined })
    },
  })
  return (
    <form className="erase-form" ref={element} onSubmit={submit} noValidate autoComplete="off">
      <TextArea
        {...field('reason')}
        label={t('erase.reason')}
        hint={t('erase.reasonHint')}
        testId="erase-reason"
        rows={2}
        maxLength={erasureReasonCharactersMax}
        required
      />
      <TextField
        {...field('proof')}
        label={t(`erase.proof.${proof.of}`)}
        hint={t('erase.proofHint')}
        testId="erase-number"
        required
      />
      <div className="form-actions">
        <Button look="quiet" data-testid="erase-cancel" onClick={onCancel}>
          {t('ui.cancel')}
        </Button>
        <Button type="submit" data-testid="erase-next">
          {t('erase.next')}
        </Button>
      </div>
    </form>
  )
}

function focusOn(form: HTMLFormElement | null, field: string): void {
  form?.querySelector<HTMLElement>(`[name="${field}"]`)?.focus()
}

function Confirming({
  patient,
  reason,
  erasure,
  onErase,
  onBack,
}: {
  readonly patient: Patient
  readonly reason: string
  readonly erasure: Erasure
  readonly onErase: () => void
  readonly onBack: () => void
}): ReactElement {
  const { t } = useTranslation()
  const heading = useRef<HTMLHeadingElement>(null)
  const actions = useRef<HTMLDivElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const { error, isPending } = erasure.attempt
  // What went wrong pushes what to do about it out of a small window.
  useEffect(() => {
    if (error !== null) actions.current?.scrollIntoView({ block: 'nearest' })
  }, [error])
  const proof = proofFor(patient)
  return (
    <div className="erase-confirm">
      <h3 ref={heading} tabIndex={-1}>
        {t('erase.confirm')}
      </h3>
      <p>{t('erase.meaning.final')}</p>
      <Facts
        facts={[
          { name: t('patient.title'), value: nameOf(patient) },
          ...(proof.of === 'number' ? [{ name: t('patient.number'), value: proof.text }] : []),
          { name: t('erase.reason'), value: <span>{reason}</span> },
        ]}
      />
      {error !== null && <Unconfirmed error={error} isUncertain={erasure.isUncertain} />}
      <div className="form-actions" ref={actions}>
        <p className="erase-progress" role="status" data-testid="erasing">
          {isPending && t('erase.progress')}
        </p>
        <Button look="quiet" disabled={isPending} data-testid="erase-back" onClick={onBack}>
          {t('erase.back')}
        </Button>
        {mayEraseAgain(error) && (
          <Button
            look="danger"
            busy={isPending}
            data-testid="erase-confirm"
            // Not the second half of a double click on the button that was here before.
            onClick={({ detail }) => detail < 2 && onErase()}
          >
            {t(error === null ? 'erase.submit' : 'erase.again')}
          </Button>
        )}
      </div>
    </div>
  )
}

/** What is known of an erasure that went wrong, and what to do. */
function Unconfirmed({
  error,
  isUncertain,
}: {
  readonly error: Error
  readonly isUncertain: boolean
}): ReactElement {
  const { t } = useTranslation()
  const title = t(isUncertain ? 'erase.notConfirmed' : 'erase.notErased')
  if (outcomeOf(error) === 'session-ended') {
    return (
      <Notice tone="warning" title={title} testId="erase-session-ended">
        <p>{t('erase.sessionEnded')}</p>
      </Notice>
    )
  }
  return (
    <ProblemNotice error={error} title={title}>
      {isUncertain && mayEraseAgain(error) && (
        <p data-testid="erase-again-is-safe">{t('erase.againIsSafe')}</p>
      )}
    </ProblemNotice>
  )
}

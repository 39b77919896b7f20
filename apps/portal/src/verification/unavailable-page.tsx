import type { Problem } from '@sealward/attestation/bytes'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { LanguageSwitch } from '../i18n/language-switch.tsx'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/facts.tsx'
import { Icon, Seal } from '../ui/icon.tsx'

/** Somebody does not answer. Nothing is wrong with anybody's proof, and nothing was sent. */
export function UnavailablePage({
  service,
  problem,
  onTryAgain,
}: {
  readonly service: 'platform' | 'attestation-service' | 'portal'
  readonly problem: Problem
  readonly onTryAgain: () => void
}): ReactElement {
  const { t } = useTranslation()
  return (
    <main className="refusal refusal-calm" data-testid="unavailable">
      <div className="refusal-top">
        <span className="brand">
          <Seal />
          Sealward
        </span>
        <LanguageSwitch />
      </div>
      <div className="refusal-mark">
        <Icon name="plug" />
      </div>
      <div role="alert">
        <h1>{t(`unavailable.${service}.title`)}</h1>
        <p className="lead">{t(`unavailable.${service}.text`)}</p>
      </div>
      <p className="refusal-safe">
        <Icon name="lock" />
        {t('unavailable.nothingLeft')}
      </p>
      <Button look="primary" data-testid="try-again" onClick={onTryAgain}>
        {t('unavailable.tryAgain')}
      </Button>
      <details className="details">
        <summary>{t('refusal.details')}</summary>
        <Facts
          facts={[
            { name: t('refusal.fact.code'), value: problem.code },
            { name: t('refusal.fact.at'), value: problem.at },
            { name: t('refusal.fact.detail'), value: problem.detail },
          ]}
        />
      </details>
    </main>
  )
}

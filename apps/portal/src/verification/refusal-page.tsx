import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { SimulatedBanner } from '../app/banner.tsx'
import { usePortal } from '../app/portal.ts'
import { useIsSimulated } from '../app/simulated.ts'
import { LanguageSwitch } from '../i18n/language-switch.tsx'
import { CheckList } from '../trust/check-list.tsx'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/facts.tsx'
import { useInstant } from '../ui/format.ts'
import { Icon, Seal } from '../ui/icon.tsx'
import { reasonOf } from './refusal-reason.ts'
import type { Refused } from './verify-platform.ts'

/** All there is when the platform is not believed: why, and no form of any kind. */
export function RefusalPage({ refused }: { readonly refused: Refused }): ReactElement {
  const { t } = useTranslation()
  const { configuration, connection, effects } = usePortal()
  const simulated = useIsSimulated()
  const instant = useInstant()
  const reason = reasonOf(refused)
  return (
    <>
      {simulated && <SimulatedBanner />}
      <main className="refusal" data-testid="refusal">
        <div className="refusal-top">
          <span className="brand">
            <Seal />
            Sealward
          </span>
          <LanguageSwitch />
        </div>
        <div className="refusal-mark">
          <Icon name="shieldOff" />
        </div>
        <div role="alert">
          <h1>{t('refusal.title')}</h1>
          <p className="lead" data-testid="refusal-reason">
            {t(`refusal.reason.${reason}.what`)}
          </p>
        </div>
        <p>{t(`refusal.reason.${reason}.means`)}</p>
        <p className="refusal-safe">
          <Icon name="lock" />
          {t('refusal.nothingLeft')}
        </p>
        <p>{t('refusal.whatToDo')}</p>
        <p className="refusal-code">
          {t('refusal.code')} <code data-testid="refusal-code">{refused.code}</code>
        </p>
        <Button look="primary" data-testid="try-again" onClick={() => void connection.verify()}>
          {t('refusal.tryAgain')}
        </Button>
        <details className="details" data-testid="refusal-details">
          <summary>{t('refusal.details')}</summary>
          <Facts
            facts={[
              { name: t('refusal.fact.code'), value: refused.code },
              { name: t('refusal.fact.check'), value: refused.check },
              { name: t('refusal.fact.at'), value: refused.at },
              { name: t('refusal.fact.detail'), value: refused.detail },
              ...(refused.attestationCode === undefined
                ? []
                : [{ name: t('refusal.fact.attestationCode'), value: refused.attestationCode }]),
              { name: t('refusal.fact.deployment'), value: configuration.deployment },
              { name: t('refusal.fact.when'), value: instant(effects.now()) },
            ]}
          />
          {refused.passed.length > 0 && (
            <>
              <h2>{t('refusal.passed')}</h2>
              <CheckList checks={refused.passed} />
            </>
          )}
        </details>
      </main>
    </>
  )
}

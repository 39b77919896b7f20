import type { Check } from '@sealward/attestation/channel'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Copyable } from '../ui/copyable.tsx'
import { Icon } from '../ui/icon.tsx'

/** What was looked at and found right: in a clerk's words, with the particulars below each. */
export function CheckList({ checks }: { readonly checks: readonly Check[] }): ReactElement {
  const { t } = useTranslation()
  return (
    <ul className="checks">
      {checks.map(({ id, detail }) => (
        <li key={id} data-testid={`trust-check-${id}`}>
          <details>
            <summary>
              <span className="check-mark">
                <Icon name="tick" />
                <span className="visually-hidden">{t('trust.passed')}</span>
              </span>
              <span>{t(`trust.check.${id}.title`)}</span>
            </summary>
            <div className="check-detail">
              <p>{t(`trust.check.${id}.why`)}</p>
              <div className="technical">
                <Copyable value={detail} label={t(`trust.check.${id}.title`)} />
              </div>
            </div>
          </details>
        </li>
      ))}
    </ul>
  )
}

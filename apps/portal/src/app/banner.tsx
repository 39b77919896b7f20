import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../ui/icon.tsx'

/** Says that nothing is protected. It has no way to be dismissed. */
export function SimulatedBanner(): ReactElement {
  const { t } = useTranslation()
  return (
    <aside className="banner" aria-label={t('banner.title')} data-testid="banner-simulated">
      <Icon name="warning" />
      <p>
        <strong>{t('banner.title')}</strong> {t('banner.text')}
      </p>
    </aside>
  )
}

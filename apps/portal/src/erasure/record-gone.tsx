import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Notice } from '../ui/notice.tsx'

/** Where a record was, or may have been: an address of before, an old tab. The platform does not say which. */
export function RecordGone({ of }: { readonly of: 'patient' | 'report' }): ReactElement {
  const { t } = useTranslation()
  return (
    <Notice tone="info" title={t(`gone.${of}`)} testId="gone">
      <p>{t('gone.text')}</p>
      <p>
        <a href="#/patients">{t('gone.lookUp')}</a>
      </p>
    </Notice>
  )
}

import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { LinkButton } from '../ui/button.tsx'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'

/** In the place of a patient's page after the patient was erased. */
export function ErasedPage(): ReactElement {
  const { t } = useTranslation()
  return (
    <Page narrow title={t('erase.done')}>
      <Notice tone="good" testId="erased">
        <p>{t('erase.doneText')}</p>
        <p>{t('erase.doneBackups')}</p>
      </Notice>
      <div className="button-row">
        <LinkButton look="primary" href="#/patients" data-testid="erased-leave">
          {t('erase.leave')}
        </LinkButton>
      </div>
    </Page>
  )
}

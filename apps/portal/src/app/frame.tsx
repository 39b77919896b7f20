import type { ReactElement, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { LanguageSwitch } from '../i18n/language-switch.tsx'
import { useTrust } from '../trust/use-trust.tsx'
import { Seal } from '../ui/icon.tsx'
import { SimulatedBanner } from './banner.tsx'
import { useIsSimulated } from './simulated.ts'

/** What stands around every page once the portal knows its configuration. */
export function Frame({
  navigation,
  person,
  children,
}: {
  readonly navigation?: ReactNode
  readonly person?: ReactNode
  readonly children: ReactNode
}): ReactElement {
  const { t } = useTranslation()
  const simulated = useIsSimulated()
  const trust = useTrust()
  return (
    <>
      <button type="button" className="skip" onClick={skip}>
        {t('app.skip')}
      </button>
      {simulated && <SimulatedBanner />}
      <header className="topbar">
        <div className="topbar-inner">
          <a className="brand" href="#/">
            <Seal />
            <span>Sealward</span>
          </a>
          {navigation}
          <div className="topbar-tools">
            {trust.button}
            <LanguageSwitch />
            {person}
          </div>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <footer className="footer">
        <p>{t('app.notMedicalDevice')}</p>
      </footer>
      {trust.panel}
    </>
  )
}

/** A button and not a link: the part of the address after `#` is a route. */
function skip(): void {
  document.getElementById('content')?.focus()
}

import type { ReactElement, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { LanguageSwitch } from '../i18n/language-switch.tsx'
import { useTrust } from '../trust/use-trust.tsx'
import { Seal } from '../ui/icon.tsx'
import { SimulatedBanner } from './banner.tsx'
import { usePortal } from './portal.ts'
import { useStore } from './store.ts'

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
  const { configuration, connection } = usePortal()
  const state = useStore(connection.state)
  const trust = useTrust()
  const simulated =
    configuration.development || (state.kind === 'verified' && state.peer.simulated)
  return (
    <>
      <a className="skip" href="#content" onClick={skip}>
        {t('app.skip')}
      </a>
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

/** The address after `#` is a route, so the link may not change it. */
function skip(event: React.MouseEvent): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

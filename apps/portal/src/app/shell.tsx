import type { ReactElement, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../ui/icon.tsx'
import { Frame } from './frame.tsx'
import { roleOf, useIsRadiologist, useMe } from './me.ts'
import { usePortal } from './portal.ts'
import { useRoute } from './use-route.ts'

/** Around the pages of whoever is signed in. */
export function Shell({ children }: { readonly children: ReactNode }): ReactElement {
  return (
    <Frame navigation={<Navigation />} person={<Person />}>
      {children}
    </Frame>
  )
}

function Navigation(): ReactElement {
  const { t } = useTranslation()
  const { page } = useRoute()
  const isRadiologist = useIsRadiologist()
  const inWorklist =
    page === 'worklist' || (isRadiologist && (page === 'report' || page === 'home'))
  return (
    <nav className="navigation" aria-label={t('nav.label')}>
      <a
        href="#/patients"
        aria-current={inWorklist ? undefined : 'page'}
        data-testid="nav-patients"
      >
        <Icon name="person" />
        <span>{t('nav.patients')}</span>
      </a>
      <a
        href="#/worklist"
        aria-current={inWorklist ? 'page' : undefined}
        data-testid="nav-worklist"
      >
        <Icon name="list" />
        <span>{t('nav.worklist')}</span>
      </a>
    </nav>
  )
}

function Person(): ReactElement {
  const { t } = useTranslation()
  const { session } = usePortal()
  const me = useMe()
  const role = me && roleOf(me)
  return (
    <div className="person">
      <p className="person-name" data-testid="me">
        <span>{me?.name ?? ''}</span>
        {role !== undefined && <small>{t(`role.${role}`)}</small>}
      </p>
      <button
        type="button"
        className="icon-button"
        aria-label={t('app.signOut')}
        title={t('app.signOut')}
        data-testid="sign-out"
        onClick={() => void session.signOut()}
      >
        <Icon name="leave" />
      </button>
    </div>
  )
}

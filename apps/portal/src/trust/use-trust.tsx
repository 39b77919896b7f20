import { type ReactElement, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { useStore } from '../app/store.ts'
import { Icon } from '../ui/icon.tsx'
import { TrustPanel } from './trust-panel.tsx'

/** The button that tells whether the platform is verified, and the panel that it opens. */
export function useTrust(): { readonly button: ReactElement; readonly panel: ReactElement | null } {
  const { t } = useTranslation()
  const { connection } = usePortal()
  const state = useStore(connection.state)
  const [open, setOpen] = useState(false)
  const verified = state.kind === 'verified'
  const simulated = verified && state.peer.simulated
  const tone = simulated ? 'warning' : verified ? 'good' : 'pending'
  return {
    button: (
      <button
        type="button"
        className={`trust-button trust-button-${tone}`}
        aria-haspopup="dialog"
        data-testid="trust-open"
        onClick={() => setOpen(true)}
      >
        {verified ? <Icon name="shield" /> : <span className="spinner" aria-hidden="true" />}
        <span>
          {t(verified ? 'trust.verified' : 'trust.verifying')}
          {simulated && <small>{t('trust.simulatedToo')}</small>}
        </span>
      </button>
    ),
    panel: open ? <TrustPanel onClose={() => setOpen(false)} /> : null,
  }
}

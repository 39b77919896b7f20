import { type ReactElement, type ReactNode, useEffect, useId, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useIsSimulated } from '../app/simulated.ts'
import { Icon } from './icon.tsx'

/**
 * The browser's own modal dialog: it keeps the focus, closes on Escape, and needs no style element
 * that the page's content policy would refuse.
 */
export function Dialog({
  title,
  shape,
  onClose,
  testId,
  children,
}: {
  readonly title: string
  readonly shape: 'box' | 'sheet'
  readonly onClose: () => void
  readonly testId?: string
  readonly children: ReactNode
}): ReactElement {
  const { t } = useTranslation()
  const simulated = useIsSimulated()
  const titleId = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      className={`dialog dialog-${shape}`}
      aria-labelledby={titleId}
      data-testid={testId}
      onClose={() => {
        // The event comes late: by then, the same dialog may have been opened again.
        if (dialog.current?.open !== true) onClose()
      }}
    >
      <div className="dialog-top">
        {simulated && (
          <p className="dialog-banner">
            <strong>{t('banner.title')}</strong> {t('banner.text')}
          </p>
        )}
        <header className="dialog-header">
          <h2 id={titleId}>{title}</h2>
          <button
            type="button"
            className="icon-button"
            aria-label={t('ui.close')}
            onClick={() => dialog.current?.close()}
          >
            <Icon name="cross" />
          </button>
        </header>
      </div>
      <div className="dialog-body">{children}</div>
    </dialog>
  )
}

import { type ReactElement, type ReactNode, useEffect, useRef } from 'react'
import { Icon } from './icon.tsx'

/**
 * The content of one page. Its heading takes the focus, so that a keyboard and a screen reader
 * start where the page does; the window's title never names a patient.
 */
export function Page({
  title,
  windowTitle,
  back,
  actions,
  narrow = false,
  children,
}: {
  readonly title: string
  readonly windowTitle?: string
  readonly back?: { readonly href: string; readonly words: string }
  readonly actions?: ReactNode
  readonly narrow?: boolean
  readonly children: ReactNode
}): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  useEffect(() => {
    document.title = `${windowTitle ?? title} · Sealward`
  }, [title, windowTitle])
  return (
    <div className={narrow ? 'page page-narrow' : 'page'}>
      <header className="page-header">
        <div>
          {back && (
            <a className="back" href={back.href}>
              <Icon name="back" />
              {back.words}
            </a>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

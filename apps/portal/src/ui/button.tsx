import type { ComponentProps, ReactElement } from 'react'
import { Icon, type IconName } from './icon.tsx'

type Look = 'primary' | 'secondary' | 'quiet' | 'danger'

interface Options {
  readonly look?: Look
  readonly icon?: IconName
  readonly busy?: boolean
}

/** A button. A busy one cannot be pressed again, and says so to assistive technology. */
export function Button({
  look = 'secondary',
  icon,
  busy = false,
  children,
  ...rest
}: ComponentProps<'button'> & Options): ReactElement {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${look} ${rest.className ?? ''}`}
      aria-busy={busy}
      disabled={busy || rest.disabled}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  )
}

/** A link that looks like a button. */
export function LinkButton({
  look = 'secondary',
  icon,
  children,
  ...rest
}: ComponentProps<'a'> & Options): ReactElement {
  return (
    <a {...rest} className={`button button-${look}`}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  )
}

import { type ReactElement, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from './icon.tsx'

/** A long value in fixed width, with a button that copies it whole. */
export function Copyable({
  value,
  label,
}: {
  readonly value: string
  readonly label: string
}): ReactElement {
  const { t } = useTranslation()
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2000)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <span className="copyable">
      <code>{value}</code>
      <button
        type="button"
        className="icon-button"
        aria-label={t('ui.copy', { what: label })}
        onClick={() => {
          navigator.clipboard.writeText(value).then(
            () => setCopied(true),
            () => setCopied(false),
          )
        }}
      >
        <Icon name={copied ? 'tick' : 'copy'} />
      </button>
      <span className="visually-hidden" role="status">
        {copied ? t('ui.copied') : ''}
      </span>
    </span>
  )
}

import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseLanguage } from './i18n.ts'

/** Names the other language in that language, as whoever looks for it would read it. */
export function LanguageSwitch(): ReactElement {
  const { i18n } = useTranslation()
  const other = i18n.language === 'zh-CN' ? 'en' : 'zh-CN'
  return (
    <button
      type="button"
      className="language-switch"
      lang={other}
      data-testid="language-switch"
      onClick={() => chooseLanguage(other)}
    >
      {other === 'en' ? 'English' : '中文'}
    </button>
  )
}

import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { en } from './en.ts'
import { zhCn } from './zh-cn.ts'

export const languages = ['en', 'zh-CN'] as const

export type Language = (typeof languages)[number]

declare module 'i18next' {
  interface CustomTypeOptions {
    readonly defaultNS: 'translation'
    readonly resources: { readonly translation: typeof en }
  }
}

const key = 'sealward.language'

/** Begins in the language that was chosen last, or else in the browser's. */
export function startLanguage(chosen?: Language): void {
  void i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, 'zh-CN': { translation: zhCn } },
    lng: chosen ?? languageOf([localStorage.getItem(key) ?? '', ...navigator.languages]),
    fallbackLng: 'en',
    initAsync: false,
    interpolation: { escapeValue: false },
  })
  document.documentElement.lang = i18next.language
}

export function chooseLanguage(language: Language): void {
  localStorage.setItem(key, language)
  void i18next.changeLanguage(language)
  document.documentElement.lang = language
}

/** The first language of those wished for that there is. */
export function languageOf(wishes: readonly string[]): Language {
  for (const wish of wishes) {
    if (/^zh\b/i.test(wish)) return 'zh-CN'
    if (/^en\b/i.test(wish)) return 'en'
  }
  return 'en'
}

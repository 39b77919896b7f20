import type { ReactElement, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { PlatformError } from '../sealed-channel/platform.ts'
import { Notice } from './notice.tsx'
import { wordsOfCode } from './problem-words.ts'

/** A problem in words, with its code for whoever is asked about it. */
export function ProblemNotice({
  error,
  title,
  children,
}: {
  readonly error: unknown
  readonly title?: string
  /** What to do about it, where there is more to say. */
  readonly children?: ReactNode
}): ReactElement {
  const { t } = useTranslation()
  const code = error instanceof PlatformError ? error.problem.code : 'broken-program'
  return (
    <Notice tone="bad" testId="problem" {...(title !== undefined && { title })}>
      <p>{t(`problem.${wordsOfCode(code)}`)}</p>
      {children}
      <p className="quiet">
        {t('problem.code')} <code data-testid="problem-code">{code}</code>
      </p>
    </Notice>
  )
}

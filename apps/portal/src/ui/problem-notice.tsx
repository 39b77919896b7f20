import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { PlatformError } from '../sealed-channel/platform.ts'
import { Notice } from './notice.tsx'
import { wordsOfCode } from './problem-words.ts'

/** A problem in words, with its code for whoever is asked about it. */
export function ProblemNotice({
  error,
  title,
}: {
  readonly error: unknown
  readonly title?: string
}): ReactElement {
  const { t } = useTranslation()
  const code = error instanceof PlatformError ? error.problem.code : 'broken-program'
  return (
    <Notice tone="bad" testId="problem" {...(title !== undefined && { title })}>
      <p>{t(`problem.${wordsOfCode(code)}`)}</p>
      <p className="quiet">
        {t('problem.code')} <code data-testid="problem-code">{code}</code>
      </p>
    </Notice>
  )
}

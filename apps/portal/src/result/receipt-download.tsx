import { useMutation } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { Button } from '../ui/button.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'

/** Saves the receipt. The file is named after the report, and after nothing of the patient. */
export function ReceiptDownload({
  report,
  path,
}: {
  readonly report: string
  readonly path: string
}): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const download = useMutation({
    mutationFn: async () => {
      const { body } = await platform.send({ method: 'GET', path })
      save(new Blob([body.slice()], { type: 'application/json' }), `receipt-${report}.json`)
    },
  })
  return (
    <>
      <Button
        icon="download"
        busy={download.isPending}
        data-testid="receipt-download"
        onClick={() => download.mutate()}
      >
        {t('report.receipt')}
      </Button>
      {download.isError && <ProblemNotice error={download.error} />}
    </>
  )
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  // Some browsers begin to read only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

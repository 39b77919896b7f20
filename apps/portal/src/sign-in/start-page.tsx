import { type ReactElement, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Frame } from '../app/frame.tsx'
import { usePortal } from '../app/portal.ts'
import { useStore } from '../app/store.ts'
import { useRoute } from '../app/use-route.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { type Step, Steps } from '../ui/steps.tsx'
import type { ConnectionState } from '../verification/connection.ts'

const order = ['evidence', 'attestation', 'appraisal'] as const

/**
 * The first page: verification while one looks on, and the way to the hospital's own sign-in.
 *
 * @param hasPage whether a page of whoever was signed in waits behind this one.
 */
export function StartPage({ hasPage = false }: { readonly hasPage?: boolean }): ReactElement {
  const { t } = useTranslation()
  const { connection, session } = usePortal()
  const connected = useStore(connection.state)
  const signedIn = useStore(session.state)
  const route = useRoute()
  useEffect(() => {
    document.title = 'Sealward'
  }, [])
  const busy =
    ['leaving', 'completing', 'signed-in'].includes(signedIn.kind) ||
    (signedIn.kind === 'expired' && signedIn.busy)
  const problem = 'problem' in signedIn ? signedIn.problem : undefined
  return (
    <Frame>
      <div className="start">
        <section className="start-words">
          <h1>{t('start.title')}</h1>
          <p className="lead">{t('start.lead')}</p>
          {signedIn.kind === 'signed-out' && problem === undefined && route.page !== 'home' && (
            <Notice tone="info">{t('start.reloaded')}</Notice>
          )}
          {signedIn.kind === 'expired' && (
            <Notice tone="warning" testId="session-expired">
              {t(hasPage ? 'start.expiredHere' : 'start.expired')}
            </Notice>
          )}
          {problem !== undefined && (
            <Notice tone="bad" title={t('start.notSignedIn')}>
              <p>{t(`start.problem.${problem.code}`)}</p>
            </Notice>
          )}
          <Button
            look="primary"
            className="button-large"
            busy={busy}
            data-testid="sign-in-button"
            onClick={() => void (hasPage ? session.signInAgain() : session.signIn())}
          >
            {t(busy ? 'start.signingIn' : 'start.signIn')}
          </Button>
          <p className="quiet">{t('start.account')}</p>
        </section>
        <section className="card start-verification" aria-labelledby="start-verification">
          <h2 id="start-verification">
            {t(connected.kind === 'verified' ? 'start.verificationDone' : 'start.verification')}
          </h2>
          <Steps
            label={t('start.verification')}
            steps={stepsOf(connected, (id) => t(`start.step.${id}`))}
          />
          {connected.kind === 'verified' && (
            <p className="verified-line" data-testid="verified">
              <Icon name="shield" />
              {t('start.verified')}
            </p>
          )}
        </section>
        <ul className="start-promises">
          {(['verify', 'seal', 'prove'] as const).map((id, index) => (
            <li key={id}>
              <Icon name={(['shield', 'lock', 'document'] as const)[index] ?? 'shield'} />
              <h3>{t(`start.promise.${id}.title`)}</h3>
              <p>{t(`start.promise.${id}.text`)}</p>
            </li>
          ))}
        </ul>
      </div>
    </Frame>
  )
}

function stepsOf(
  connected: ConnectionState,
  words: (id: (typeof order)[number]) => string,
): readonly Step[] {
  const current = connected.kind === 'verifying' ? order.indexOf(connected.step) : order.length
  return order.map((id, index) => ({
    id,
    words: words(id),
    state: index < current ? 'done' : index === current ? 'running' : 'waiting',
  }))
}

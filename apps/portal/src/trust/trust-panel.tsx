import type { VerifiedPeer } from '@sealward/attestation/channel'
import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { useStore } from '../app/store.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Facts } from '../ui/facts.tsx'
import { useInstant } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { Status } from '../ui/status.tsx'
import { CheckList } from './check-list.tsx'
import type { PeerTrust, PlatformTrust } from './peers.ts'

/** What was checked of whom, by whom, and why it is believed. */
export function TrustPanel({ onClose }: { readonly onClose: () => void }): ReactElement {
  const { t } = useTranslation()
  const { connection, session } = usePortal()
  const connected = useStore(connection.state)
  const signedIn = useStore(session.state).kind === 'signed-in'
  return (
    <Dialog title={t('trust.title')} shape="sheet" onClose={onClose} testId="trust-panel">
      <p className="lead">{t('trust.lead')}</p>
      {connected.kind === 'verified' ? (
        <>
          {connected.peer.simulated && (
            <Notice tone="warning" title={t('trust.simulatedTitle')}>
              <p>{t('trust.simulatedText')}</p>
            </Notice>
          )}
          <PlatformSection peer={connected.peer} />
          {signedIn ? <Peers /> : <Notice tone="info">{t('trust.signInForPeers')}</Notice>}
        </>
      ) : (
        <Notice tone="info">{t('trust.stillVerifying')}</Notice>
      )}
    </Dialog>
  )
}

function PlatformSection({ peer }: { readonly peer: VerifiedPeer }): ReactElement {
  const { t } = useTranslation()
  const instant = useInstant()
  const { evidence, token } = peer
  return (
    <section className="trust-section" aria-labelledby="trust-platform">
      <header>
        <h3 id="trust-platform">{t('trust.role.platform')}</h3>
        <Status tone="good">{t('trust.verifiedTwice')}</Status>
      </header>
      <p>{t('trust.platformText')}</p>
      <ul className="witnesses">
        <li>
          <Icon name="tick" />
          <div>
            <strong>{t('trust.byBrowser')}</strong>
            <p>{t('trust.byBrowserText', { when: instant(peer.verifiedAt) })}</p>
          </div>
        </li>
        <li>
          <Icon name="tick" />
          <div>
            <strong>{t('trust.byService')}</strong>
            <p>{t('trust.byServiceText', { until: instant(token.expiresAt) })}</p>
          </div>
        </li>
      </ul>
      <h4>{t('trust.checks', { n: peer.checks.length })}</h4>
      <CheckList checks={peer.checks} />
      <details className="details">
        <summary>{t('trust.particulars')}</summary>
        <Facts
          facts={[
            { name: t('trust.fact.mrEnclave'), value: evidence.mrEnclave },
            { name: t('trust.fact.mrSigner'), value: evidence.mrSigner },
            {
              name: t('trust.fact.product'),
              value: `${evidence.isvProdId} / ${evidence.isvSvn}`,
            },
            { name: t('trust.fact.configId'), value: evidence.configId.slice(0, 64) },
            { name: t('trust.fact.tcbStatus'), value: evidence.tcbStatus },
            { name: t('trust.fact.tcbDate'), value: instant(evidence.tcbDate) },
            {
              name: t('trust.fact.advisories'),
              value: evidence.advisoryIds.join(', ') || t('trust.none'),
            },
            { name: t('trust.fact.fmspc'), value: evidence.fmspc },
            { name: t('trust.fact.root'), value: evidence.rootSpkiSha256 },
            { name: t('trust.fact.evidenceExpires'), value: instant(evidence.earliestExpiry) },
            { name: t('trust.fact.deployment'), value: peer.deployment },
            { name: t('trust.fact.keyId'), value: peer.runtimeData.keys[0].kid },
            { name: t('trust.fact.issuer'), value: token.issuer },
            { name: t('trust.fact.signer'), value: token.signer },
            { name: t('trust.fact.policyHash'), value: token.policyHash },
            { name: t('trust.fact.tokenExpires'), value: instant(token.expiresAt) },
          ]}
        />
      </details>
    </section>
  )
}

function Peers(): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const trust = useQuery({
    queryKey: ['trust'],
    queryFn: ({ signal }) => platform.read<PlatformTrust>('/trust', signal),
  })
  if (trust.isPending) return <p className="quiet">{t('ui.loading')}</p>
  if (trust.isError) return <ProblemNotice error={trust.error} />
  return (
    <>
      {trust.data.peers.map((peer) => (
        <PeerSection key={peer.role} peer={peer} />
      ))}
      {trust.data.refused.map(({ role, code }) => (
        <section key={role} className="trust-section" data-testid={`trust-refused-${role}`}>
          <header>
            <h3>{t(`trust.role.${role}`)}</h3>
            <Status tone="bad">{t('trust.refused')}</Status>
          </header>
          <p>{t('trust.refusedText')}</p>
          <p className="quiet">
            {t('refusal.code')} <code>{code}</code>
          </p>
        </section>
      ))}
    </>
  )
}

function PeerSection({ peer }: { readonly peer: PeerTrust }): ReactElement {
  const { t } = useTranslation()
  const instant = useInstant()
  const role = peer.role
  return (
    <section className="trust-section" data-testid={`trust-peer-${role}`}>
      <header>
        <h3>{t(`trust.role.${role}`)}</h3>
        <Status tone="good">{t('trust.verifiedByPlatform')}</Status>
      </header>
      <p>{t(`trust.peerText.${role}`)}</p>
      {peer.store === 'in-process' && <Notice tone="info">{t('trust.storeInProcess')}</Notice>}
      <p className="quiet">{t('trust.peerWhy', { when: instant(peer.verifiedAt) })}</p>
      <details className="details">
        <summary>{t('trust.particulars')}</summary>
        <Facts
          facts={[
            { name: t('trust.fact.mrEnclave'), value: peer.mrEnclave },
            { name: t('trust.fact.mrSigner'), value: peer.mrSigner },
            { name: t('trust.fact.tcbStatus'), value: peer.tcbStatus },
            ...(peer.model === undefined
              ? []
              : [
                  {
                    name: t('trust.fact.model'),
                    value: `${peer.model.name} ${peer.model.version}`,
                  },
                  { name: t('trust.fact.modelSha256'), value: peer.model.sha256 },
                ]),
            ...(peer.audience === undefined
              ? []
              : [{ name: t('trust.fact.audience'), value: peer.audience }]),
            ...(peer.tokenExpires === undefined
              ? []
              : [{ name: t('trust.fact.tokenExpires'), value: instant(peer.tokenExpires) }]),
            {
              name: t('trust.fact.simulated'),
              value: t(peer.simulated ? 'trust.yes' : 'trust.no'),
            },
          ]}
        />
      </details>
    </section>
  )
}

import { QueryClientProvider } from '@tanstack/react-query'
import { type ReactElement, useEffect, useRef, useState } from 'react'
import { PatientPage } from '../patients/patient-page.tsx'
import { PatientsPage } from '../patients/patients-page.tsx'
import { RegisterPage } from '../patients/register-page.tsx'
import { ReportPage } from '../result/report-page.tsx'
import { StartPage } from '../sign-in/start-page.tsx'
import { RefusalPage } from '../verification/refusal-page.tsx'
import { UnavailablePage } from '../verification/unavailable-page.tsx'
import { WorklistPage } from '../worklist/worklist-page.tsx'
import { SimulatedBanner } from './banner.tsx'
import { useMe } from './me.ts'
import { type Portal, PortalProvider, usePortal } from './portal.ts'
import { createQueryClient } from './query-client.ts'
import { Shell } from './shell.tsx'
import { useIsSimulated } from './simulated.ts'
import type { Start } from './start.ts'
import { useStore } from './store.ts'
import { useRoute } from './use-route.ts'

/** The portal, from its first request on. */
export function App({ start }: { readonly start: Start }): ReactElement {
  const state = useStore(start.state)
  switch (state.kind) {
    case 'starting':
      return <div className="booting" aria-busy="true" />
    case 'failed':
      return (
        <UnavailablePage
          service="portal"
          problem={state.problem}
          onTryAgain={() => void start.again()}
        />
      )
    case 'started':
      return <OpenPortal portal={state.portal} />
  }
}

export function OpenPortal({ portal }: { readonly portal: Portal }): ReactElement {
  const [queries] = useState(createQueryClient)
  useEffect(
    () =>
      // Whatever was read of patients is forgotten with the session, or a while after it has expired.
      portal.session.state.subscribe(() => {
        const { kind } = portal.session.state.get()
        if (kind === 'signed-in' || kind === 'expired') return
        queries.clear()
        portal.recentPatients.set([])
      }),
    [portal, queries],
  )
  return (
    <PortalProvider value={portal}>
      <QueryClientProvider client={queries}>
        <Gate />
      </QueryClientProvider>
    </PortalProvider>
  )
}

/**
 * Lets nobody see a form before the platform is verified and somebody is signed in. A page that was open stays, unseen, while
 * either has to be renewed, so that nothing has to be typed or chosen again; a refusal takes it.
 */
function Gate(): ReactElement {
  const { connection, session } = usePortal()
  const connected = useStore(connection.state)
  const { kind } = useStore(session.state)
  const [hasPage, setHasPage] = useState(false)
  const isOpen = connected.kind === 'verified' && kind === 'signed-in'
  const mayStay = connected.kind !== 'refused' && (kind === 'signed-in' || kind === 'expired')
  if (isOpen && !hasPage) setHasPage(true)
  if (!mayStay && hasPage) setHasPage(false)
  const page = useRef<HTMLDivElement>(null)
  // An open dialog, even an unseen one, would keep everybody from what is in front.
  useEffect(() => {
    if (!isOpen) for (const dialog of page.current?.querySelectorAll('dialog') ?? []) dialog.close()
  }, [isOpen])
  return (
    <>
      {hasPage && mayStay && (
        <div hidden={!isOpen} ref={page}>
          <Shell>
            <CurrentPage />
          </Shell>
        </div>
      )}
      {!isOpen && <InFront hasPage={hasPage && mayStay} />}
    </>
  )
}

/** What is shown in the place of the page. */
function InFront({ hasPage }: { readonly hasPage: boolean }): ReactElement {
  const { connection } = usePortal()
  const connected = useStore(connection.state)
  const simulated = useIsSimulated()
  if (connected.kind === 'refused') return <RefusalPage refused={connected} />
  if (connected.kind !== 'unavailable') return <StartPage hasPage={hasPage} />
  return (
    <>
      {simulated && <SimulatedBanner />}
      <UnavailablePage
        service={connected.service}
        problem={connected.problem}
        onTryAgain={() => void connection.verify()}
      />
    </>
  )
}

function CurrentPage(): ReactElement {
  const route = useRoute()
  switch (route.page) {
    case 'home':
      return <Home />
    case 'patients':
      return <PatientsPage />
    case 'register':
      return <RegisterPage />
    case 'patient':
      return <PatientPage key={route.patient} id={route.patient} />
    case 'report':
      return <ReportPage key={route.report} id={route.report} />
    case 'worklist':
      return <WorklistPage />
  }
}

/** A radiologist begins with what waits for a signature, everybody else with patients. */
function Home(): ReactElement | null {
  const me = useMe()
  if (me === undefined) return null
  return me.roles.includes('radiologist') ? <WorklistPage /> : <PatientsPage />
}

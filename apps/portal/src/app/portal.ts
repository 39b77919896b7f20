import { createContext, useContext } from 'react'
import { openPlatform, type Platform } from '../sealed-channel/platform.ts'
import { browserTransport } from '../sealed-channel/transport.ts'
import { openSession, type Session, type Tab } from '../sign-in/session.ts'
import { type Connection, openConnection } from '../verification/connection.ts'
import type { Configuration } from './configuration.ts'
import type { Effects } from './effects.ts'
import { createStore, type WritableStore } from './store.ts'

/** Everything a page works with. */
export interface Portal {
  readonly configuration: Configuration
  readonly effects: Effects
  readonly connection: Connection
  readonly session: Session
  readonly platform: Platform
  /** Ids of patients that were opened, the latest first. In memory, until the session ends. */
  readonly recentPatients: WritableStore<readonly string[]>
}

/** Starts verification, and completes a sign-in that the page was opened with. */
export function openPortal(configuration: Configuration, effects: Effects, tab: Tab): Portal {
  const transport = browserTransport(`${configuration.platform}/sealed`)
  const connection = openConnection(configuration, effects, transport, tab.after)
  const session = openSession(configuration, effects, tab)
  return {
    configuration,
    effects,
    connection,
    session,
    platform: openPlatform(connection, session, effects.random),
    recentPatients: createStore<readonly string[]>([]),
  }
}

const PortalContext = createContext<Portal | undefined>(undefined)

export const PortalProvider = PortalContext.Provider

export function usePortal(): Portal {
  const portal = useContext(PortalContext)
  if (portal === undefined) throw new Error('usePortal outside of PortalProvider')
  return portal
}

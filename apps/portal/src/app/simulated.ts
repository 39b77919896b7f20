import { usePortal } from './portal.ts'
import { useStore } from './store.ts'

/** Whether what one sees is, or may be, protected by nothing. */
export function useIsSimulated(): boolean {
  const { configuration, connection } = usePortal()
  const state = useStore(connection.state)
  return configuration.development || (state.kind === 'verified' && state.peer.simulated)
}

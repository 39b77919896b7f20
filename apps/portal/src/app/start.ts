import type { Problem } from '@sealward/attestation/bytes'
import { configurationBytesMax } from '../limits.ts'
import type { Tab } from '../sign-in/session.ts'
import { fetchJson } from '../verification/fetch-json.ts'
import { parseConfiguration } from './configuration.ts'
import type { Effects } from './effects.ts'
import { openPortal, type Portal } from './portal.ts'
import { createStore, type Store } from './store.ts'

export type StartState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'started'; readonly portal: Portal }

export interface Start {
  readonly state: Store<StartState>
  again(): Promise<void>
}

/** Reads `/config.json` and opens the portal with it. */
export function start(effects: Effects, tab: Tab): Start {
  const state = createStore<StartState>({ kind: 'starting' })
  const again = async (): Promise<void> => {
    state.set({ kind: 'starting' })
    const document = await fetchJson(effects, '/config.json', configurationBytesMax)
    const configuration = document.ok ? parseConfiguration(document.value) : document
    state.set(
      configuration.ok
        ? { kind: 'started', portal: openPortal(configuration.value, effects, tab) }
        : { kind: 'failed', problem: configuration.problem },
    )
  }
  void again()
  return { state, again }
}

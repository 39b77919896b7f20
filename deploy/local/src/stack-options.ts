import type { SampleEndorsementOptions } from '@sealward/attestation/sample'
import type { MeasuredService } from './build/build.ts'

/** Tells a person what is being done while `work` does it; it may say in a few words what came of it. */
export type Announce = (title: string, work: () => Promise<string | undefined>) => Promise<void>

/** What a test makes wrong on purpose. None of it can be reached from the command line. */
export interface Tampering {
  /** Built files to launch instead of the built ones. */
  readonly folders?: Partial<Readonly<Record<MeasuredService, string>>>
  readonly debug?: readonly MeasuredService[]
  /** What the PCS issues: expired TCB info, a revoked platform, another status. */
  readonly endorsements?: Omit<SampleEndorsementOptions, 'at' | 'lifetimeSeconds'>
  /** The platform believes to be of this deployment. */
  readonly platformDeployment?: string
  /** Nobody's measured configuration names the key broker: the platform has keys of its own, diagnostics a plain model. */
  readonly withoutBroker?: boolean
  /** The gateway keeps its values in its own memory even where a Redis server is installed. */
  readonly withoutRedis?: boolean
}

export interface StackOptions {
  /** The state folder. */
  readonly home: string
  /** The one public port. */
  readonly port: number
  readonly announce: Announce
  readonly tampering?: Tampering
}

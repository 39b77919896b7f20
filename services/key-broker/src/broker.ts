import type { BlockList } from 'node:net'
import type { Admission, AttestedTls } from '@sealward/enclave/attested-tls'
import type { SealingPolicy } from '@sealward/enclave/evidence'
import type { MasterKey, Sealer } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import type { Logger, Metrics } from '@sealward/enclave/telemetry'
import type { FastifyInstance } from 'fastify'
import type { AuditLog } from './audit/audit.ts'
import type { BrokerRates } from './config.ts'
import type { BreakGlass } from './custody/break-glass.ts'
import type { People } from './people/people.ts'
import type { Authorities } from './release/authorities.ts'
import type { ReleaseSigner } from './release/release-signer.ts'
import type { Database } from './store/open-store.ts'

/** What every part of the broker works with. */
export interface Broker {
  /** Without a slash at the end; keys are below it. */
  readonly publicUrl: string
  readonly database: Database
  /** Seals what is in the database, under the root key. */
  readonly sealer: Sealer
  readonly audit: AuditLog
  /** Nobody, where no identity provider is named. */
  readonly people: People | undefined
  readonly authorities: Authorities
  /** Signs releases to people's tools. */
  readonly releaseSigner: ReleaseSigner
  /** Trustee's protocol, where it is spoken. */
  readonly kbs?: KbsDeps | undefined
  /** Nothing, where it is not configured. */
  readonly breakGlass: BreakGlass | undefined
  readonly recoverableDays: number
  readonly rates: BrokerRates
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: BlockList
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Who appraises evidence for Trustee's protocol, and for how long a handshake lasts. */
export interface KbsDeps {
  /** The issuer, one of the authorities. */
  readonly authority: string
  /** Where it is reached. */
  readonly url: string
  readonly sessionSeconds: number
  readonly metrics: Metrics
}

/** A part's routes, in a scope of their own. */
export type Routes = (scope: FastifyInstance, broker: Broker) => void

/** What a broker in a TEE has for workloads. */
export interface Workloads {
  /** How it meets those that its measured init-time data names, and brokers that are like it. */
  readonly attested: AttestedTls
  /** Of the kinds of workloads that its measured init-time data names. */
  readonly admissions: readonly Admission[]
  /** For brokers that are like it. */
  readonly rootKey: MasterKey
  /** Which code opens what this one keeps it under. */
  readonly rootKeyPolicy: SealingPolicy
}

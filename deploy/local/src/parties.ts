import {
  encodeInitTimeData,
  type InitTimeData,
  type PeerExpectation,
} from '@sealward/attestation/evidence'
import type { MeasuredService, ReferenceMeasurements } from './build/build.ts'
import { sha256Hex } from './secrets.ts'

/** ISV product id of each role, as its vendor numbers its products. */
export const productIds: Readonly<Record<MeasuredService, number>> = {
  platform: 1,
  'cache-gateway': 2,
  diagnostics: 3,
  'key-broker': 5,
}

/** Version of all products of this release; raised when an old one must no longer be accepted. */
export const isvSvn = 1

/** What every party of this deployment knows and agrees on before anything runs. */
export interface Agreement {
  readonly deployment: string
  readonly attestation: InitTimeData['attestation']
  /** Hex SHA-256 of the accepted evidence root's SPKI. */
  readonly roots: readonly string[]
  readonly measurements: ReferenceMeasurements
  /** MRSIGNER of each role's vendor: the platform's vendor makes the gateway and the key broker too. */
  readonly signers: Readonly<Record<MeasuredService, string>>
  readonly model: { readonly sha256: string }
  readonly identity: NonNullable<InitTimeData['identity']>
  /** Who administers keys; and whether anybody's configuration names the broker. */
  readonly keyBroker: {
    readonly identity: NonNullable<InitTimeData['identity']>
    readonly isNamed: boolean
  }
}

/** Hex SHA-256 of the init-time data of each role, as far as it is known. */
export type ConfigIds = Readonly<Partial<Record<MeasuredService, string>>>

/** What is expected of whoever plays `role`: exactly the measured build, up to date, no debug. */
export function expectationOf(
  agreement: Agreement,
  role: MeasuredService,
  configIds: ConfigIds,
): PeerExpectation {
  const configId = configIds[role]
  return {
    role,
    mrEnclave: [agreement.measurements[role]],
    mrSigner: [agreement.signers[role]],
    isvProdId: productIds[role],
    isvSvnMin: isvSvn,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    ...(role === 'diagnostics' ? { model: agreement.model } : {}),
    ...(configId === undefined ? {} : { configId: [configId] }),
  }
}

/**
 * The trust configuration of whoever plays `role`; measured through CONFIGID. Who is called (gateway, diagnostics, key
 * broker) knows the platform by its measurement; who calls knows whom it calls by theirs and by their configuration, so
 * that each configuration can be measured before the next is written.
 */
export function initTimeDataOf(
  agreement: Agreement,
  role: MeasuredService,
  configIds: ConfigIds,
): InitTimeData {
  const identity = identityOf(agreement, role)
  return {
    version: 1,
    deployment: agreement.deployment,
    role,
    attestation: agreement.attestation,
    peers: peersOf(agreement, role).map((peer) => expectationOf(agreement, peer, configIds)),
    development: true,
    roots: agreement.roots,
    ...(identity && { identity }),
  }
}

/** Those of everybody, before anybody but the key broker is started. */
export function configIdsOf(agreement: Agreement, keyBroker: string): Required<ConfigIds> {
  const of = (role: MeasuredService, known: ConfigIds): string =>
    sha256Hex(encodeInitTimeData(initTimeDataOf(agreement, role, known)))
  const called = {
    'key-broker': keyBroker,
    'cache-gateway': of('cache-gateway', {}),
    diagnostics: of('diagnostics', { 'key-broker': keyBroker }),
  }
  return { ...called, platform: of('platform', called) }
}

function peersOf({ keyBroker }: Agreement, role: MeasuredService): readonly MeasuredService[] {
  const broker = keyBroker.isNamed ? (['key-broker'] as const) : []
  switch (role) {
    case 'platform':
      return ['cache-gateway', 'diagnostics', ...broker]
    case 'diagnostics':
      return ['platform', ...broker]
    // Whoever has keys released.
    case 'key-broker':
      return ['platform', 'diagnostics']
    default:
      return ['platform']
  }
}

function identityOf(agreement: Agreement, role: MeasuredService): InitTimeData['identity'] {
  if (role === 'platform') return agreement.identity
  return role === 'key-broker' ? agreement.keyBroker.identity : undefined
}

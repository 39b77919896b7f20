/**
 * The broker as a process or a part of one: database, keys, listeners.
 *
 * @module
 */

import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type Admission,
  type AttestedTls,
  createAdmission,
  createAttestedTls,
} from '@sealward/enclave/attested-tls'
import { createPcsClient, type PcsClient } from '@sealward/enclave/endorsements'
import type { Tee } from '@sealward/enclave/evidence'
import { createIdentity, keepTlsNew } from '@sealward/enclave/identity'
import { type LocalSecret, watchSecret } from '@sealward/enclave/local-secret'
import type { PeerTrust } from '@sealward/enclave/peers'
import { addressesOf } from '@sealward/enclave/rates'
import { createSealer, type MasterKey, type Sealer } from '@sealward/enclave/sealing'
import {
  type Clock,
  type Running,
  systemRandom as random,
  systemClock,
  taken,
  takenDatabase,
} from '@sealward/enclave/server'
import { createMetrics, type Logger, type Metrics } from '@sealward/enclave/telemetry'
import { anchorPurpose } from './anchors/anchor-routes.ts'
import { createAttestedServer, createMetricsServer, createOpenServer } from './app.ts'
import { openAuditLog } from './audit/audit.ts'
import { keepSigned } from './audit/keep-signed.ts'
import type { Broker, KbsDeps } from './broker.ts'
import type { BrokerConfig } from './config.ts'
import { createBreakGlass } from './custody/break-glass.ts'
import {
  addKeyEncryption,
  type CustodyDeps,
  type OpenCustody,
  retireKeyEncryption,
} from './custody/change-custody.ts'
import { askForRootKey, trustOfLike } from './custody/hand-over.ts'
import { keepExpired } from './custody/keep-expired.ts'
import type { KeyEncryption } from './custody/key-encryption.ts'
import { sealingPolicyOf } from './custody/key-encryption-settings.ts'
import { openKeyEncryption } from './custody/open-key-encryption.ts'
import { hasRootKey, isRootKey, openRootKey, readWraps, refuseTeeOnly } from './custody/root-key.ts'
import type { SecretSurroundings } from './custody/secret-source.ts'
import { heldToMeasured } from './held-to-measured.ts'
import { keepSwept } from './keys/keep-swept.ts'
import { createPeople } from './people/people.ts'
import { type Authorities, createAuthorities } from './release/authorities.ts'
import { openReleaseSigner } from './release/open-release-signer.ts'
import { type Database, openStore } from './store/open-store.ts'

export interface StartOptions {
  readonly config: BrokerConfig
  readonly databaseUrl: string
  readonly log: Logger
  /** Where it runs in one: then there is a listener for attested workloads, and the key-encryption key is of its secret. */
  readonly tee?: Tee | undefined
  /** The machine's, unless said. */
  readonly clock?: Clock
  /** Ends the wait for a database. */
  readonly signal?: AbortSignal
  /** Where a passphrase or a PIN may come from. */
  readonly secrets?: SecretSurroundings
}

export interface OpenStateOptions extends StartOptions {
  /** In a TEE: asks a broker that is like this one, at this address. */
  readonly askForRootKey?: (url: string) => Promise<Result<MasterKey>>
}

export interface OpenState {
  readonly database: Database
  readonly keyEncryption: KeyEncryption
  readonly rootKey: MasterKey
  readonly sealer: Sealer
  /** In a TEE: what the key-encryption key comes of. */
  readonly secret: LocalSecret | undefined
}

/**
 * Starts the broker.
 *
 * @throws StartRefusal where its operator can do something about it.
 */
export async function startKeyBroker(options: StartOptions): Promise<Running> {
  const { config, log, tee, clock = systemClock } = options
  if (tee !== undefined) taken(heldToMeasured(config, tee.initTimeData))
  const closing: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const authorities = createAuthorities(config.authorities, {
      clock,
      onProblem: ({ code }) => log.warn('deny-list-not-renewed', { code }),
    })
    closing.push(() => authorities.close())
    const policy = sealingPolicyOf(config.keyEncryption)
    const meeting = tee && (await openMeeting(tee, { authorities, clock, config, log }))
    closing.push(() => meeting?.close())
    const { database, rootKey, sealer, secret } = await openState({
      ...options,
      ...(meeting && {
        askForRootKey: (url) => askForRootKey(url, { attested: meeting.attested, policy }),
      }),
    })
    closing.push(() => database.destroy())
    const audit = taken(await openAuditLog({ database, sealer, clock }))
    const signing = keepSigned(audit, log)
    closing.push(() => signing.stop())
    const metrics = createMetrics('key-broker')
    const { identityProvider, development, publicUrl, resource = publicUrl } = config
    const releaseSigner = taken(
      await openReleaseSigner(config.releaseCertificate, { database, sealer, clock, random }),
    )
    const breakGlass = createBreakGlass(
      {
        audit,
        clock,
        database,
        log,
        sealer,
        steps: metrics.counter(
          'sealward_break_glass_steps_total',
          'Steps towards a key without attestation, done or refused',
        ),
      },
      config.breakGlass,
    )
    const broker: Broker = {
      publicUrl,
      database,
      sealer,
      audit,
      people: identityProvider && createPeople({ identityProvider, resource, development, clock }),
      authorities,
      releaseSigner,
      kbs: kbsOf(config, metrics),
      breakGlass,
      recoverableDays: config.recoverableDays,
      rates: config.limits,
      trustedProxies: addressesOf(config.trustedProxies),
      clock,
      random,
      log,
    }
    if (breakGlass !== undefined) {
      log.warn('break-glass-configured')
      const expiring = keepExpired(breakGlass, log, config.sweepSeconds)
      closing.push(() => expiring.stop())
    }
    const ports: Record<string, number> = {}
    const open = createOpenServer(broker)
    closing.push(() => open.close())
    ports['http'] = (await open.listen(config.port, config.address)).port
    if (config.metricsPort !== undefined) {
      const counted = createMetricsServer(metrics, log)
      closing.push(() => counted.close())
      ports['metrics'] = (await counted.listen(config.metricsPort)).port
    }
    if (tee !== undefined && meeting !== undefined) {
      const { attested, endorsements, trust } = meeting
      if (secret !== undefined) {
        const { roots } = tee.initTimeData
        const watch = watchSecret({ tee, endorsements, roots, clock, secret, log })
        closing.push(() => watch.close())
      }
      const server = createAttestedServer(broker, {
        attested,
        admissions: admissionsOf(trust),
        rootKey,
        rootKeyPolicy: policy,
      })
      closing.push(() => server.close())
      ports['https'] = (await server.listen(config.attestedPort, config.attestedAddress)).port
    }
    const sweeping = keepSwept(broker, config.sweepSeconds)
    closing.push(() => sweeping.stop())
    if (development) log.warn('development-broker')
    return { ports, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** How a broker in a TEE meets others. */
interface Meeting {
  /** Those that its measured init-time data names, and brokers that are like it. */
  readonly attested: AttestedTls
  /** As its measured init-time data has it. */
  readonly trust: PeerTrust
  readonly endorsements: PcsClient
  close(): Promise<void>
}

async function openMeeting(
  tee: Tee,
  options: {
    readonly authorities: Authorities
    readonly clock: Clock
    readonly config: BrokerConfig
    readonly log: Logger
  },
): Promise<Meeting> {
  const { authorities, clock, config, log } = options
  const sources = taken(sourcesOf(tee.initTimeData, authorities))
  const endorsements = createPcsClient({ baseUrl: config.pcsUrl, clock })
  try {
    const identity = await createIdentity({ tee, endorsements, random, clock })
    const certificate = keepTlsNew({ identity, endorsements, clock, log })
    const trust = { initTimeData: tee.initTimeData, ...sources, clock, random }
    return {
      attested: createAttestedTls({
        identity,
        trust: trustOfLike(trust, tee.self),
        endorsements,
      }),
      trust,
      endorsements,
      async close() {
        certificate.close()
        await endorsements.close()
      },
    }
  } catch (error) {
    await endorsements.close()
    throw error
  }
}

/** Where the attestation service is asked that the measured init-time data names. */
function sourcesOf(
  { attestation }: Tee['initTimeData'],
  authorities: Authorities,
): Result<ReturnType<Authorities['sourcesOf']> & object> {
  const sources = authorities.sourcesOf(attestation.issuer)
  return sources === undefined
    ? refuse(
        'configuration',
        'authorities',
        'Workloads are believed by tokens of the attestation service that was measured: it is not among the authorities.',
      )
    : ok(sources)
}

/** Whoever the measured init-time data names, by access tokens of the attestation service that it names. */
function admissionsOf({
  initTimeData: { attestation, deployment, development, peers },
  signerKeys,
  denyList,
  clock,
}: PeerTrust): readonly Admission[] {
  return peers.map((expectation) =>
    createAdmission({
      signerKeys,
      denyList,
      ...attestation,
      development,
      deployment,
      audience: `${deployment}:key-broker`,
      purposes: [anchorPurpose],
      expectation,
      clock,
    }),
  )
}

function kbsOf({ kbs, authorities }: BrokerConfig, metrics: Metrics): KbsDeps | undefined {
  if (kbs === undefined) return undefined
  const { authority, sessionSeconds } = kbs
  const { url = authority } = authorities.find(({ issuer }) => issuer === authority) ?? {}
  return { authority, url, sessionSeconds, metrics }
}

/**
 * The database, and what opens the keys in it.
 *
 * @throws StartRefusal
 */
export async function openState(options: OpenStateOptions): Promise<OpenState> {
  const { clock = systemClock, config, log, tee } = options
  const database = await openBrokerStore(options)
  let secret: LocalSecret | undefined
  try {
    if (tee === undefined) taken(await refuseTeeOnly(database))
    const keyEncryption = taken(
      await openKeyEncryption(config.keyEncryption, {
        stateFolder: config.stateFolder,
        tee,
        random,
        make: !(await hasRootKey(database)),
        teeKeys: (await readWraps(database)).flatMap(({ id, kind }) => (kind === 'tee' ? id : [])),
        onSecret(opened) {
          secret = opened
          if (opened.isResealed) log.info('secret-sealed-again')
        },
        ...options.secrets,
      }),
    )
    const opened = await openRootKey(database, keyEncryption, { clock, random })
    const isAnothers = !opened.ok && opened.problem.code === 'another-master-key'
    const rootKey = taken(
      isAnothers
        ? await handedOver(opened, options, { database, clock, random }, keyEncryption)
        : opened,
    )
    taken(
      await retireGone(config.keyEncryption, { database, clock, random, rootKey }, keyEncryption),
    )
    const sealer = createSealer(rootKey, { random })
    return { database, keyEncryption, rootKey, sealer, secret }
  } catch (error) {
    await database.destroy()
    throw error
  }
}

/** The root key from a broker that is like this one, where one is named; it opens here from then on. */
async function handedOver(
  refusal: Result<never>,
  { askForRootKey: ask, config: { keyEncryption: settings }, log }: OpenStateOptions,
  custody: CustodyDeps,
  keyEncryption: KeyEncryption,
): Promise<Result<MasterKey>> {
  const from = settings?.kind === 'tee' ? settings.from : undefined
  if (from === undefined || ask === undefined) return refusal
  const handed = await ask(from)
  if (!handed.ok) return handed
  const rootKey = handed.value
  if (!(await isRootKey(custody.database, rootKey))) {
    const detail = 'That broker works on another database: its root key opens nothing in this one.'
    return refuse('hand-over-refused', 'keyEncryption.from', detail)
  }
  const added = await addKeyEncryption({ ...custody, rootKey }, keyEncryption)
  if (!added.ok) return added
  log.warn('root-key-taken-over')
  return ok(rootKey)
}

/** Keys of machines that are gone, of brokers in TEEs: nothing outside one could retire them. */
async function retireGone(
  settings: BrokerConfig['keyEncryption'],
  custody: OpenCustody,
  { id: own }: KeyEncryption,
): Promise<Result<true>> {
  const ids = settings?.kind === 'tee' ? (settings.retire ?? []) : []
  if (ids.includes(own)) {
    const detail = 'This broker opens the root key with it itself.'
    return refuse('wrap-in-use', 'keyEncryption.retire', detail)
  }
  for (const id of ids) {
    const retired = await retireKeyEncryption(custody, id)
    // The configuration is read at every start.
    if (!retired.ok && retired.problem.code !== 'wrap-unknown') return retired
  }
  return ok(true)
}

/**
 * The database alone: keys in it stay sealed.
 *
 * @throws StartRefusal
 */
export function openBrokerStore({
  databaseUrl,
  log,
  signal,
}: Pick<StartOptions, 'databaseUrl' | 'log' | 'signal'>): Promise<Database> {
  const opening = openStore({
    url: databaseUrl,
    ...(signal === undefined ? {} : { signal }),
    onConnectionLost: () => log.warn('database-connection-lost'),
  })
  return takenDatabase(opening, { log, signal })
}

import { ok, type Result } from '@sealward/attestation/bytes'
import { createAttestedTls } from '@sealward/enclave/attested-tls'
import { createPcsClient } from '@sealward/enclave/endorsements'
import type { Tee } from '@sealward/enclave/evidence'
import {
  createDenyListKeeper,
  createEncryptionKey,
  createIdentity,
  createPassport,
  createSignerKeys,
  keepTlsNew,
} from '@sealward/enclave/identity'
import { createProviderKeys, verifyBearer } from '@sealward/enclave/identity-provider'
import type { PeerFailure } from '@sealward/enclave/peers'
import {
  addSealedRoutes,
  createChannelKeys,
  openSharedReplayMemory,
} from '@sealward/enclave/sealed-http'
import { createSealer } from '@sealward/enclave/sealing'
import { createServer, type Running, systemClock, systemRandom } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import { createImagingWorkerPool } from '@sealward/imaging'
import { createApp } from './app.ts'
import type { PlatformConfig } from './config.ts'
import { loadDefinitions } from './fhir/definitions.ts'
import { createFilms, filmLimits } from './films/films.ts'
import { openKeys } from './keys.ts'
import {
  innerPathCharactersMax,
  peerVerificationLifetimeSeconds,
  sealedRequestBytesMax,
  sealedRequestSecondsMax,
} from './limits.ts'
import { createOrderWork } from './orders/interpret-order.ts'
import { openOrderQueue } from './orders/queue.ts'
import { createCache } from './peers/cache.ts'
import { createDiagnostics } from './peers/diagnostics.ts'
import type { Platform } from './platform.ts'
import type { ApiProblem } from './problems.ts'
import { createOwnProof } from './receipts/own-proof.ts'
import { roles } from './staff/staff.ts'
import { keepSwept } from './store/keep-swept.ts'
import { anchorOf, restoreBy } from './store/open-anchor.ts'
import { lookUpsOfRecord } from './store/resources.ts'
import { openStore } from './store/store.ts'
import { gatherTrust } from './trust/trust.ts'

/** Starts the platform in the TEE that `tee` is. */
export async function startPlatform(service: {
  readonly tee: Tee
  readonly config: PlatformConfig
  readonly log: Logger
}): Promise<Running> {
  const { config, log, tee } = service
  const { initTimeData } = tee
  const { identity: provider } = initTimeData
  if (initTimeData.role !== 'platform' || provider === undefined) {
    throw new Error('the init-time data is not that of a platform with an identity provider')
  }
  const [clock, random] = [systemClock, systemRandom]
  loadDefinitions()

  // Who we are.
  const endorsements = createPcsClient({
    baseUrl: config.pcsUrl,
    clock,
    // Whoever verifies this platform says what is wrong with it.
    expired: 'handed-on',
  })
  const isReleased = initTimeData.peers.some(({ role }) => role === 'key-broker')
  const encryptionKey = isReleased ? await createEncryptionKey() : undefined
  const identity = await createIdentity({
    tee,
    endorsements,
    random,
    clock,
    ...(encryptionKey && { encryptionKey }),
  })
  const passport = createPassport({
    identity,
    attestation: { issuer: initTimeData.attestation.issuer, url: config.attestationUrl },
    clock,
    random,
  })
  const signerKeys = createSignerKeys({ url: config.attestationUrl, clock })
  const denyList = createDenyListKeeper({
    url: config.attestationUrl,
    ...initTimeData.attestation,
    signerKeys,
    clock,
    onProblem: ({ code }) => log.warn('deny-list-not-renewed', { code }),
  })

  // Whom we work with.
  const { attestationUrl } = config
  const trust = { initTimeData, attestationUrl, signerKeys, denyList, clock, random }
  const certificate = keepTlsNew({ identity, endorsements, clock, log })
  const attested = createAttestedTls({
    identity,
    trust,
    endorsements,
    rememberedSeconds: peerVerificationLifetimeSeconds,
  })
  const diagnostics = createDiagnostics({ url: config.diagnostics.url, attested, passport })
  const cache = createCache({ ...config.cacheGateway, attested, passport, log })
  const ownProof = createOwnProof({ identity, trust })

  // What we keep.
  const keys = await openKeys({ tee, config, attested, endorsements, encryptionKey, passport, log })
  const sealer = createSealer(keys.master, { random, tenant: initTimeData.deployment })
  const store = await openStore({
    url: config.databaseUrl,
    sealer,
    lookUpsOf: lookUpsOfRecord,
    cache,
    anchor: await anchorOf(keys.anchor, config, sealer, log),
    onRetire: keys.retiring?.forgetVersion,
    restore: restoreBy(config.restoreStatement, initTimeData, clock, log),
    onAnchorProblem: (problem) => {
      if (problem === undefined) log.info('anchor-back')
      else log.warn('anchor-not-moved', { code: problem.code })
    },
    onConnectionLost: () => log.warn('database-connection-lost'),
  })
  const sweeper = keepSwept(store.rotation, log, { retiring: keys.retiring })
  const queue = await openOrderQueue(config.databaseUrl, store.notes, log)
  const pool = createImagingWorkerPool({ workers: 2, waitingMax: 16, limits: filmLimits })
  const films = createFilms(pool, random)

  const platform: Platform = {
    deployment: initTimeData.deployment,
    identityIssuer: provider.issuer,
    store,
    films,
    queue,
    clock,
    random,
    trust: () =>
      gatherTrust({
        deployment: initTimeData.deployment,
        ownProof,
        diagnostics,
        cache,
        broker: keys.broker,
      }),
    modelCard: async () => {
      const card = await diagnostics.card()
      return card.ok ? ok(card.value) : behind(card.problem)
    },
  }
  await queue.start(
    createOrderWork({
      platform,
      diagnostics,
      identity,
      ownProof,
      certs: () => signerKeys.keys(),
      log,
    }),
  )

  // Who asks.
  const expectation = { ...provider, roles }
  const staffKeys = createProviderKeys({
    issuer: provider.issuer,
    url: initTimeData.development ? (config.identityUrl ?? provider.issuer) : provider.issuer,
    development: initTimeData.development,
    now: () => clock.now(),
    fetch,
  })
  const inner = createApp({
    platform,
    log,
    verifyStaff: (authorization) =>
      verifyBearer(authorization, expectation, staffKeys, clock.now()),
  })
  await inner.ready()
  const server = createServer({
    name: 'platform',
    logger: log,
    limits: { pathCharactersMax: innerPathCharactersMax },
  })
  const onConnectionLost = (): void => log.warn('database-connection-lost')
  const { channelSeed } = keys
  const channelKeys = await createChannelKeys({
    clock,
    random,
    ...(channelSeed !== undefined && {
      shared: {
        seed: channelSeed,
        memory: await openSharedReplayMemory({
          url: config.databaseUrl,
          clock,
          onConnectionLost,
        }),
      },
    }),
  })
  addSealedRoutes(server.app, {
    inner,
    keys: channelKeys,
    evidence: (nonce, extras) => identity.evidence(nonce, extras),
    random,
    limits: {
      requestBytesMax: sealedRequestBytesMax,
      requestSecondsMax: sealedRequestSecondsMax,
      pathCharactersMax: innerPathCharactersMax,
    },
  })
  const { port } = await server.listen(config.port)
  return {
    ports: { public: port },
    async close() {
      certificate.close()
      await server.close()
      await channelKeys.close()
      await queue.close()
      await films.close()
      await sweeper.close()
      // What was committed last is anchored before those go who are needed for it.
      await store.close()
      await keys.close()
      await Promise.all([diagnostics.close(), cache.close(), passport.close()])
      await Promise.all([denyList.close(), signerKeys.close()])
      await endorsements.close()
    },
  }
}

/** A peer's failure as an answer to staff. */
function behind(problem: PeerFailure): Result<never, ApiProblem> {
  const { at, code, detail, kind } = problem
  return kind === 'unavailable'
    ? { ok: false, problem: { code: 'provider-unavailable', at, detail } }
    : { ok: false, problem: { code, at, detail, status: 502 } }
}

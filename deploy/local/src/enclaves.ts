import { mkdirSync, writeFileSync } from 'node:fs'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import type { SampleVendor } from '@sealward/attestation/sample'
import { LaunchFailure, launch, type SimulatedEnclave } from '@sealward/enclave/evidence'
import { LocalProblem } from '@sealward/enclave/local-servers'
import { builtFolder, type MeasuredService } from './build/build.ts'
import type { Home } from './home.ts'
import { openLog } from './log-file.ts'
import { type Agreement, type ConfigIds, initTimeDataOf, isvSvn, productIds } from './parties.ts'
import { sha256Hex } from './secrets.ts'
import type { Announce, Tampering } from './stack-options.ts'
import type { Undo } from './undo.ts'

/** The services that run in a (simulated) TEE. */
export interface Enclaves {
  readonly keyBroker: SimulatedEnclave
  readonly platform: SimulatedEnclave
  readonly cacheGateway: SimulatedEnclave
  readonly diagnostics: SimulatedEnclave
  /** Where the platform's public listener is. */
  readonly platformUrl: string
  /** Hex SHA-256 of each one's init-time data. */
  readonly configIds: ConfigIds
  /** Resolves with a sentence when one ends that was not told to. */
  readonly failed: Promise<string>
  /** Ends the platform at once, as a machine that loses its power does, and starts it anew where it was. */
  restartPlatform(): Promise<void>
}

export interface EnclavesOptions {
  readonly home: Home
  readonly announce: Announce
  readonly undo: Undo
  readonly tampering: Tampering
  readonly vendor: SampleVendor
  readonly agreement: Agreement
  /** SPKI DER of each one's publisher. */
  readonly publishers: Readonly<Record<MeasuredService, Uint8Array>>
  readonly urls: {
    readonly pcs: string
    readonly attestation: string
    readonly identity: string
    readonly database: string
    readonly redis: string | undefined
    /** What keys are called. */
    readonly keyBroker: string
  }
  /** Makes keys at the broker's listener for people, and encrypts the model: which file diagnostics is to serve. */
  readonly prepareKeys: (brokerUrl: string, configId: string) => Promise<string>
  /** The model as it was made. */
  readonly plainModelFile: string
}

/**
 * Launches the key broker, has this deployment's keys made there, then gateway and provider side by side, then the
 * platform. Whose measured configuration names others is measured after them.
 *
 * @throws LaunchFailure as `launch` does.
 */
export async function startEnclaves(options: EnclavesOptions): Promise<Enclaves> {
  const { urls, announce } = options
  const failed = Promise.withResolvers<string>()
  const told = new Set<number>()
  const common = { pcsUrl: urls.pcs, attestationUrl: urls.attestation }
  const running: Partial<Record<MeasuredService, SimulatedEnclave>> = {}
  const start = async (
    role: MeasuredService,
    configIds: ConfigIds,
    config: object,
    reads: readonly string[] = [],
    writes: readonly string[] = [],
  ): Promise<string> => {
    const disk = { reads: [...reads, ...writes], writes }
    const { enclave, configId } = await startEnclave(options, role, configIds, config, disk)
    running[role] = enclave
    void enclave.exited.then(({ code, signal }) => {
      if (told.has(enclave.pid)) return
      failed.resolve(`${role} ended (${signal ?? code}); see ${options.home.path(`${role}.log`)}.`)
    })
    return configId
  }
  const peerIds: { -readonly [Role in keyof ConfigIds]: ConfigIds[Role] } = {}
  const ownFolder = options.home.path('key-broker', 'own')
  await announce('Measuring and starting the key broker', async () => {
    mkdirSync(ownFolder, { recursive: true, mode: 0o700 })
    peerIds['key-broker'] = await start(
      'key-broker',
      {},
      keyBrokerConfigOf(options),
      [],
      [ownFolder],
    )
    return undefined
  })
  const { isNamed } = options.agreement.keyBroker
  const brokerPorts = running['key-broker']?.ports ?? {}
  const keyBroker = isNamed
    ? { keyBroker: { url: `https://127.0.0.1:${brokerPorts['https']}` } }
    : {}
  let modelFile = options.plainModelFile
  if (isNamed) {
    await announce('Making keys, and encrypting the model', async () => {
      const brokerUrl = `http://127.0.0.1:${brokerPorts['http']}`
      modelFile = await options.prepareKeys(brokerUrl, peerIds['key-broker'] ?? '')
      return undefined
    })
  }
  await announce('Measuring and starting cache gateway and diagnostics', async () => {
    const [gateway, diagnostics] = await Promise.all([
      start(
        'cache-gateway',
        {},
        { ...common, port: 0, ...(urls.redis === undefined ? {} : { redisUrl: urls.redis }) },
      ),
      start(
        'diagnostics',
        peerIds,
        { ...common, ...keyBroker, port: 0, modelFile, plainModel: !isNamed },
        [modelFile],
      ),
    ])
    Object.assign(peerIds, { 'cache-gateway': gateway, diagnostics })
    return undefined
  })
  const startPlatform = async (port: number): Promise<void> => {
    peerIds.platform = await start('platform', peerIds, {
      ...common,
      port,
      databaseUrl: urls.database,
      identityUrl: urls.identity,
      cacheGateway: { host: '127.0.0.1', port: portOf(running['cache-gateway']) },
      diagnostics: { url: `https://127.0.0.1:${portOf(running.diagnostics)}` },
      ...keyBroker,
    })
  }
  await announce('Measuring and starting the platform', () =>
    startPlatform(0).then(() => undefined),
  )
  const { platform, 'cache-gateway': cacheGateway, diagnostics, 'key-broker': broker } = running
  if (!platform || !cacheGateway || !diagnostics || !broker) {
    throw new Error('an enclave was not started')
  }
  return {
    keyBroker: broker,
    platform,
    cacheGateway,
    diagnostics,
    platformUrl: `http://127.0.0.1:${portOf(platform)}`,
    configIds: peerIds,
    failed: failed.promise,
    async restartPlatform() {
      const { platform: ending = platform } = running
      told.add(ending.pid)
      process.kill(ending.pid, 'SIGKILL')
      await ending.exited
      await startPlatform(portOf(platform))
    },
  }
}

/** The broker believes the attestation service and the people that its init-time data names, and nobody else. */
function keyBrokerConfigOf({ agreement, home, urls }: EnclavesOptions): object {
  return {
    publicUrl: urls.keyBroker,
    databaseUrl: urls.database,
    stateFolder: home.path('key-broker', 'own'),
    pcsUrl: urls.pcs,
    development: true,
    identityProvider: { ...agreement.keyBroker.identity, url: urls.identity },
    authorities: [{ ...agreement.attestation, url: urls.attestation, development: true }],
    // Everybody comes through the edge, and is one client here.
    limits: { requestsPerSecond: 200, burst: 1000 },
  }
}

async function startEnclave(
  options: EnclavesOptions,
  role: MeasuredService,
  configIds: ConfigIds,
  config: object,
  { reads, writes }: { readonly reads: readonly string[]; readonly writes: readonly string[] },
): Promise<{ readonly enclave: SimulatedEnclave; readonly configId: string }> {
  const { home, tampering, agreement } = options
  const deployment =
    (role === 'platform' ? tampering.platformDeployment : undefined) ?? agreement.deployment
  const initTimeData = encodeInitTimeData(
    initTimeDataOf({ ...agreement, deployment }, role, configIds),
  )
  const configFile = home.path(`${role}.json`)
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 })
  mkdirSync(home.path(role), { recursive: true, mode: 0o700 })
  const logFile = home.path(`${role}.log`)
  const enclave = options.undo.started(
    await launch({
      name: role,
      folder: tampering.folders?.[role] ?? builtFolder(role),
      isvProdId: productIds[role],
      isvSvn,
      signerPublicKey: options.publishers[role],
      vendor: options.vendor,
      initTimeData,
      debug: tampering.debug?.includes(role) === true,
      stateFolder: home.path(role),
      env: { SEALWARD_CONFIG: configFile, NODE_ENV: 'production' },
      reads: [configFile, ...reads],
      writes,
      onLog: openLog(logFile),
      // Keys for RSA are drawn and a broker is asked first, on a machine that may be busy.
      readySecondsMax: 60,
    }).catch((error: unknown) => {
      if (!(error instanceof LaunchFailure)) throw error
      throw new LocalProblem(error.code, `${error.message.replace(/\.$/, '')}; see ${logFile}.`)
    }),
    (running) => running.stop(),
  )
  return { enclave, configId: sha256Hex(initTimeData) }
}

/** The one port that a service said it listens on. */
function portOf(enclave: SimulatedEnclave | undefined): number {
  return Object.values(enclave?.ports ?? {})[0] ?? 0
}

import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import type { SampleVendor } from '@sealward/attestation/sample'
import { systemClock } from '@sealward/enclave/effects'
import { startSamplePcs } from '@sealward/enclave/evidence'
import { LocalProblem, type Postgres, startPostgres } from '@sealward/enclave/local-servers'
import { startAttestationService } from './attestation-service.ts'
import { buildAll, builtFolder } from './build/build.ts'
import { projectRoot } from './build/sources.ts'
import { type Edge, openEdge } from './edge.ts'
import { type Enclaves, startEnclaves } from './enclaves.ts'
import { type Home, openHome } from './home.ts'
import {
  cliClientId,
  createIdentityProvider,
  keyBrokerResource,
  platformResource,
  portalClientId,
} from './identity-provider/provider.ts'
import { keepEncryptedModel, keepKeys, openKeyBroker } from './keys.ts'
import { type Agreement, configIdsOf, expectationOf } from './parties.ts'
import { startRedis } from './redis.ts'
import { identityKeys, openVendor, publisherKey, secretText, sha256Hex } from './secrets.ts'
import type { Announce, StackOptions, Tampering } from './stack-options.ts'
import { createUndo } from './undo.ts'

export type { StackOptions, Tampering } from './stack-options.ts'

/** A running stack. */
export interface Stack {
  /** Where the portal is. */
  readonly url: string
  readonly home: string
  readonly agreement: Agreement
  readonly vendor: SampleVendor
  readonly attestationUrl: string
  readonly pcsUrl: string
  readonly databaseUrl: string
  readonly enclaves: Enclaves
  /** Resolves with a sentence when a process ends that should not have. */
  readonly failed: Promise<string>
  stop(): Promise<void>
}

const modelFile = join(projectRoot, 'models', 'chest-pneumonia.onnx')

/**
 * Starts everything on loopback, each after what it depends on, and resolves when `/healthz` answers 200.
 *
 * @throws LocalProblem with a sentence for a person; what was started is stopped again.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { announce, tampering = {} } = options
  const undo = createUndo()
  try {
    const home = undo.started(openHome(options.home), (opened) => opened.release())
    const edge = undo.started(await openEdge(options.port, builtFolder('portal')), (opened) =>
      opened.close(),
    )
    await keepOrigin(home, edge.origin)
    await keepCustody(home)
    const measurements = await buildAll((target, build) =>
      announce(`Building ${target}`, () => build().then(() => undefined)),
    )
    const vendor = await openVendor(home)
    writeFileSync(home.path('root.pem'), vendor.rootCertificatePem)
    const issuer = `${edge.origin}/attestation`

    const [postgres, redis] = await startServers(home, announce, tampering, undo)
    const pcs = undo.started(
      await startSamplePcs({ vendor, clock: systemClock, issue: tampering.endorsements ?? {} }),
      (running) => running.close(),
    )
    const attestation = undo.started(
      await startAttestationService({
        home,
        folder: builtFolder('attestation-service'),
        issuer,
        databaseUrl: postgres.url,
        pcsUrl: pcs.url,
        roots: [vendor.rootSpkiSha256],
      }),
      (running) => running.stop(),
    )
    edge.route('/attestation', attestation.url)
    const operatorSecret = await answerIdentity(home, edge)

    const operator = { url: `http://127.0.0.1:${options.port}/identity`, secret: operatorSecret }
    const publishers = {
      platform: await publisherKey(home, 'platform'),
      diagnostics: await publisherKey(home, 'diagnostics'),
    }
    const agreement: Agreement = {
      deployment: await home.secret('deployment', () => `urn:uuid:${randomUUID()}`),
      attestation: {
        issuer,
        signers: attestation.signers,
        policyHashes: [await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true }))],
      },
      roots: [vendor.rootSpkiSha256],
      measurements,
      signers: {
        platform: sha256Hex(publishers.platform),
        'cache-gateway': sha256Hex(publishers.platform),
        diagnostics: sha256Hex(publishers.diagnostics),
        'key-broker': sha256Hex(publishers.platform),
      },
      model: { sha256: sha256Hex(readFileSync(modelFile)) },
      identity: {
        issuer: `${edge.origin}/identity`,
        audience: platformResource,
        roleClaim: 'roles',
      },
      keyBroker: {
        identity: {
          issuer: `${edge.origin}/identity`,
          audience: keyBrokerResource,
          roleClaim: 'roles',
        },
        isNamed: tampering.withoutBroker !== true,
      },
    }
    const keyBrokerUrl = `${edge.origin}/key-broker`
    const enclaves = await startEnclaves({
      home,
      announce,
      undo,
      tampering,
      vendor,
      agreement,
      publishers: {
        platform: publishers.platform,
        'cache-gateway': publishers.platform,
        diagnostics: publishers.diagnostics,
        'key-broker': publishers.platform,
      },
      plainModelFile: modelFile,
      prepareKeys: async (brokerUrl, configId) => {
        edge.route('/key-broker', brokerUrl)
        const broker = await openKeyBroker(brokerUrl, operator)
        await keepKeys(broker, agreement, configIdsOf(agreement, configId))
        return keepEncryptedModel(broker, home, { file: modelFile, ...agreement.model })
      },
      urls: {
        pcs: pcs.url,
        attestation: attestation.url,
        identity: `http://127.0.0.1:${options.port}/identity`,
        database: postgres.url,
        redis: redis?.url,
        keyBroker: keyBrokerUrl,
      },
    })
    edge.route('/platform', enclaves.platformUrl)
    edge.publish({
      deployment: agreement.deployment,
      development: true,
      platform: '/platform',
      attestation: { ...agreement.attestation, url: '/attestation' },
      identity: {
        issuer: agreement.identity.issuer,
        clientId: portalClientId,
        scope: 'openid profile',
        audience: platformResource,
      },
      roots: agreement.roots,
      rootCertificates: [vendor.rootCertificatePem],
      expectation: expectationOf(agreement, 'platform', enclaves.configIds),
    })
    return {
      url: `${edge.origin}/`,
      home: home.folder,
      agreement,
      vendor,
      attestationUrl: attestation.url,
      pcsUrl: pcs.url,
      databaseUrl: postgres.url,
      enclaves,
      failed: enclaves.failed,
      stop: () => undo.stop(),
    }
  } catch (error) {
    await undo.stop()
    throw error
  }
}

/**
 * A state folder keeps the address it was made with: staff sign in there, and the platform's master key
 * depends on who decides who is staff.
 */
async function keepOrigin(home: Home, origin: string): Promise<void> {
  const made = await home.secret('origin', () => origin)
  if (made === origin) return
  throw new LocalProblem(
    'origin-changed',
    `The state in ${home.folder} was made for ${made}. Start it with PORT=${new URL(made).port}, or choose another folder with SEALWARD_HOME.`,
  )
}

/** Names what seals the state: a key broker, whose simulated TEE makes sealing keys in their third form. */
const custody = 'key-broker, sealing key 3'

/** State of before was sealed under keys that nobody here has any more, and is left alone. */
async function keepCustody(home: Home): Promise<void> {
  const isOlder = existsSync(home.path('deployment')) && !existsSync(home.path('custody'))
  if (!isOlder && (await home.secret('custody', () => custody)) === custody) return
  throw new LocalProblem(
    'home-of-before',
    `The state in ${home.folder} was made by an earlier version of Sealward, whose keys this one does not have. Start afresh with npm run reset, which removes it, or choose another folder with SEALWARD_HOME.`,
  )
}

/** PostgreSQL and, where the machine has one, Redis: outside any TEE, so all they hold is sealed. */
async function startServers(
  home: Home,
  announce: Announce,
  tampering: Tampering,
  undo: ReturnType<typeof createUndo>,
): Promise<readonly [Postgres, { readonly url: string } | undefined]> {
  const password = await home.secret('postgres-owner', secretText)
  const servers: { postgres?: Postgres; redis?: { readonly url: string } | undefined } = {}
  await announce('Starting PostgreSQL', async () => {
    const folder = home.path('postgres')
    servers.postgres = undo.started(
      await startPostgres({ folder, password, durable: true }),
      (running) => running.stop(),
    )
    return `version ${servers.postgres.version}`
  })
  await announce('Starting Redis', async () => {
    const redis = tampering.withoutRedis === true ? undefined : await startRedis()
    if (redis === undefined)
      return 'none is installed; the cache gateway keeps values in its own memory'
    servers.redis = undo.started(redis, (running) => running.stop())
    return undefined
  })
  if (servers.postgres === undefined) throw new Error('PostgreSQL was announced but not started')
  return [servers.postgres, servers.redis]
}

/** The hospital's demonstration sign-in, and what the command line and the operator sign in with. */
async function answerIdentity(home: Home, edge: Edge): Promise<string> {
  const operatorSecret = await home.secret('operator-secret', secretText)
  const cliSecret = await home.secret('cli-secret', secretText)
  edge.answerIdentity(
    await createIdentityProvider({
      issuer: `${edge.origin}/identity`,
      origin: edge.origin,
      jwks: JSON.parse(await home.secret('identity-keys.json', identityKeys)) as never,
      cookieKey: await home.secret('identity-cookie-key', secretText),
      cliSecret,
      operatorSecret,
    }),
  )
  const credentials = { stack: edge.origin, clientId: cliClientId, clientSecret: cliSecret }
  writeFileSync(home.path('cli.json'), `${JSON.stringify(credentials)}\n`, { mode: 0o600 })
  return operatorSecret
}

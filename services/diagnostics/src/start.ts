/**
 * How the provider hangs together: its model, whom it believes, and the listener.
 *
 * @module
 */

import { createAdmission, createAttestedTls } from '@sealward/enclave/attested-tls'
import { createPcsClient } from '@sealward/enclave/endorsements'
import {
  createDenyListKeeper,
  createEncryptionKey,
  createIdentity,
  createPassport,
  createSignerKeys,
  keepTlsNew,
} from '@sealward/enclave/identity'
import { createKeyBroker } from '@sealward/enclave/key-release'
import {
  systemClock as clock,
  type Running,
  systemRandom as random,
  type ServiceStart,
} from '@sealward/enclave/server'
import { createDiagnostics } from './app.ts'
import type { DiagnosticsConfig } from './config.ts'
import { createInference } from './inference/inference.ts'
import { limits } from './limits.ts'
import { readModelCard } from './model.ts'
import { openModel } from './open-model.ts'

/**
 * Starts the provider in the TEE that `tee` is. Its model is ciphertext wherever it is kept; the key is released by the
 * key broker that the measured configuration names.
 *
 * @throws StartRefusal where its operator can do something about it.
 */
export async function startDiagnostics({
  tee,
  config,
  log,
}: ServiceStart<DiagnosticsConfig>): Promise<Running> {
  const { initTimeData } = tee
  const { deployment, role, attestation, development, peers } = initTimeData
  const expectation = peers.find((peer) => peer.role === 'platform')
  if (role !== 'diagnostics' || expectation === undefined) {
    throw new Error('the init-time data is not that of a provider with a platform as its peer')
  }
  const closing: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const card = readModelCard()
    const { name, version, sha256 } = card
    const endorsements = createPcsClient({ baseUrl: config.pcsUrl, clock })
    closing.push(() => endorsements.close())
    const url = config.attestationUrl ?? attestation.issuer
    const signerKeys = createSignerKeys({ url, clock })
    closing.push(() => signerKeys.close())
    const denyList = createDenyListKeeper({
      url,
      ...attestation,
      signerKeys,
      clock,
      onProblem: ({ code }) => log.warn('deny-list-not-renewed', { code }),
    })
    closing.push(() => denyList.close())
    const isReleased = peers.some((peer) => peer.role === 'key-broker')
    const encryptionKey = isReleased ? await createEncryptionKey() : undefined
    const identity = await createIdentity({
      tee,
      endorsements,
      random,
      clock,
      extras: { model: { name, version, sha256 } },
      ...(encryptionKey && { encryptionKey }),
    })
    const passport = createPassport({
      identity,
      attestation: { issuer: attestation.issuer, url },
      clock,
      random,
    })
    closing.push(() => passport.close())
    const certificate = keepTlsNew({ identity, endorsements, clock, log })
    closing.push(() => certificate.close())
    const trust = { initTimeData, attestationUrl: url, signerKeys, denyList, clock, random }
    const attested = createAttestedTls({ identity, trust, endorsements })
    const model = await openModel({
      card,
      config,
      development,
      attested,
      log,
      // Of the measured configuration: another broker's key would be one that somebody else knows.
      broker:
        encryptionKey &&
        ((brokerUrl) => createKeyBroker({ url: brokerUrl, attested, encryptionKey, passport })),
    })
    const inference = await createInference({
      ...limits,
      model: model.bytes,
      workers: config.workers,
      onLost: () => log.warn('inference-worker-lost'),
    })
    closing.push(() => inference.close())
    const server = createDiagnostics({
      identity,
      attested,
      admission: createAdmission({
        signerKeys,
        denyList,
        ...attestation,
        development,
        deployment,
        audience: `${deployment}:diagnostics`,
        purposes: ['interpretation'],
        expectation,
        clock,
      }),
      model,
      inference,
      clock,
      random,
      log,
    })
    closing.push(() => server.close())
    const { port } = await server.listen(config.port)
    return { ports: { https: port }, close }
  } catch (error) {
    await close()
    throw error
  }
}

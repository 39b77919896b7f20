import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import {
  type AttestedClient,
  contactPeer,
  createAdmission,
  createAttestedClient,
} from '@sealward/enclave/attested-tls'
import {
  createDenyListKeeper,
  createPassport,
  createSignerKeys,
  type Identity,
  type Passport,
} from '@sealward/enclave/identity'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { areaAverage, readFilm } from '@sealward/imaging'
import { startAttestationService } from '../../../packages/enclave/src/testing/attestation-service.ts'
import { sampleIdentity } from '../../../packages/enclave/src/testing/sample.ts'
import { createDiagnostics, createInference, type Inference, limits } from './app.ts'
import { readTrainedModel } from './testing/trained-model.fixtures.ts'

const syntheticFilms = join(import.meta.dirname, '../../../models/synthetic-films')

/** A provider that listens, and a platform whose tokens it admits. */
export interface Fixture {
  readonly platform: Identity
  readonly provider: Identity
  readonly passport: Passport
  readonly audience: string
  readonly origin: string
  readonly inference: Inference
  /** Lines that the provider logged. */
  readonly lines: readonly string[]
  /** HTTP over attested TLS; with a token of `passport` for `audience`, unless said. */
  client(token?: { readonly audience?: string; readonly text?: string }): AttestedClient
  close(): Promise<void>
}

/** Starts both: real evidence, tokens and TLS, a sample vendor instead of silicon. */
export async function startFixture(): Promise<Fixture> {
  const { vendor, tee, identity: platform } = await sampleIdentity({})
  const model = readTrainedModel()
  const { name, version, sha256: digest } = model
  const extras = { model: { name, version, sha256: digest } }
  const { identity } = await sampleIdentity({ vendor, initTimeData: { role: 'diagnostics' } })
  const provider: Identity = { ...identity, evidence: (nonce) => identity.evidence(nonce, extras) }
  const service = await startAttestationService(vendor, clock)
  const signerKeys = createSignerKeys({ url: service.issuer, clock })
  const denyList = createDenyListKeeper({
    url: service.issuer,
    issuer: service.issuer,
    signers: [service.signer],
    signerKeys,
    clock,
  })
  const passport = createPassport({
    identity: platform,
    attestation: { issuer: service.issuer },
    clock,
    random,
  })
  const audience = `${provider.deployment}:diagnostics`
  const lines: string[] = []
  const inference = await createInference({ ...limits, model: model.bytes, workers: 1 })
  const server = createDiagnostics({
    identity: provider,
    admission: createAdmission({
      signerKeys,
      denyList,
      issuer: service.issuer,
      signers: [service.signer],
      policyHashes: [service.policyHash],
      development: true,
      deployment: provider.deployment,
      audience,
      purposes: ['interpretation'],
      expectation: expectationOf(tee.self),
      clock,
    }),
    model,
    inference,
    clock,
    random,
    log: createLogger('diagnostics', { level: 'debug', write: (line) => void lines.push(line) }),
  })
  const { port } = await server.listen()
  const origin = `https://127.0.0.1:${port}`
  const introduction = await contactPeer({
    tls: platform.tls,
    origin,
    nonce: random.bytes(32),
  })
  if (!introduction.ok) throw new Error(introduction.problem.code)
  const clients: AttestedClient[] = []
  return {
    platform,
    provider,
    passport,
    audience,
    origin,
    inference,
    lines,
    client(token = {}) {
      const client = createAttestedClient({
        tls: platform.tls,
        origin,
        pinnedCertificateSha256: introduction.value.certificateSha256,
        clock,
        accessToken: async () => {
          const given = await passport.accessToken(token.audience ?? audience, 'interpretation')
          return given.ok && token.text !== undefined
            ? { ok: true, value: { ...given.value, token: token.text } }
            : given
        },
      })
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) await client.close()
      await server.close()
      await inference.close()
      await passport.close()
      await denyList.close()
      await signerKeys.close()
      await service.close()
    },
  }
}

/** A synthetic film as the model takes it. */
export async function syntheticFilm(number: number): Promise<Float32Array> {
  const film = await readFilm(readFileSync(join(syntheticFilms, `synthetic-${number}.dcm`)))
  if (!film.ok) throw new Error(film.problem.code)
  return areaAverage(film.value, 64, 64)
}

function expectationOf(self: {
  readonly mrEnclave: string
  readonly mrSigner: string
}): PeerExpectation {
  return {
    role: 'platform',
    mrEnclave: [self.mrEnclave],
    mrSigner: [self.mrSigner],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
  }
}

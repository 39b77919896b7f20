import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSampleVendor } from '@sealward/attestation/sample'
import {
  type AttestedClient,
  createAdmission,
  createAttestedClient,
} from '@sealward/enclave/attested-tls'
import type { Identity, Passport } from '@sealward/enclave/identity'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { areaAverage, readFilm } from '@sealward/imaging'
import { startAttestationService } from '../../../packages/enclave/src/testing/attestation-service.ts'
import {
  createTestWorkload,
  sampleExpectation,
  type TestWorkload,
} from '../../../packages/enclave/src/testing/attested.ts'
import { createDiagnostics, createInference, type Inference, limits } from './app.ts'
import { readTrainedModel } from './testing/trained-model.fixtures.ts'

const syntheticFilms = join(import.meta.dirname, '../../../models/synthetic-films')

/** A provider that listens, and a platform whose tokens it admits. */
export interface Fixture {
  readonly platform: TestWorkload
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
  const vendor = await createSampleVendor({ at: clock.now() })
  const service = await startAttestationService(vendor, clock)
  const model = readTrainedModel()
  const { name, version, sha256: digest } = model
  const common = { vendor, service, clock }
  const platform = await createTestWorkload({
    ...common,
    role: 'platform',
    peers: [sampleExpectation('diagnostics', { model: { sha256: digest } })],
  })
  const provider = await createTestWorkload({
    ...common,
    role: 'diagnostics',
    peers: ['platform'],
    extras: { model: { name, version, sha256: digest } },
  })
  const { passport } = platform
  const { identity, attested, signerKeys, denyList } = provider
  const audience = `${identity.deployment}:diagnostics`
  const lines: string[] = []
  const inference = await createInference({ ...limits, model: model.bytes, workers: 1 })
  const server = createDiagnostics({
    identity,
    attested,
    admission: createAdmission({
      signerKeys,
      denyList,
      issuer: service.issuer,
      signers: [service.signer],
      policyHashes: [service.policyHash],
      development: true,
      deployment: identity.deployment,
      audience,
      purposes: ['interpretation'],
      expectation: sampleExpectation('platform'),
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
  const clients: AttestedClient[] = []
  return {
    platform,
    provider: identity,
    passport,
    audience,
    origin,
    inference,
    lines,
    client(token = {}) {
      const client = createAttestedClient({
        attested: platform.attested,
        origin,
        role: 'diagnostics',
        accessToken: async (own) => {
          const given = await passport.accessToken(
            token.audience ?? audience,
            'interpretation',
            own,
          )
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
      await platform.close()
      await provider.close()
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

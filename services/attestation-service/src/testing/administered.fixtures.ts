import { generateKeyPairSync } from 'node:crypto'
import { ok } from '@sealward/attestation/bytes'
import { verifyBearer } from '@sealward/enclave/identity-provider'
import { createSealer, type MasterKey, type Sealer } from '@sealward/enclave/sealing'
import { type Server, systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { decodeJwt, exportJWK, type JSONWebKeySet, SignJWT } from 'jose'
import {
  type Administration,
  type AdministratorRole,
  administratorRoles,
  type ManagedAdministration,
} from '../administration/administration.ts'
import { holdSigners } from '../administration/open-administration.ts'
import { createPolicyStateStore } from '../administration/policy-state.ts'
import type { PolicySigner } from '../administration/signers.ts'
import { type AttestationServiceDeps, createAttestationService } from '../app.ts'
import { createReplayMemory } from '../exchange/replay-memory.ts'
import type { Instance } from '../instance.ts'
import { holdInstance } from '../instances/hold-instance.ts'
import { ringOf } from '../keys/key-ring.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import { builtInPolicies } from '../policies/built-in-policies.ts'
import type { PolicyReader } from '../policies/policy-reader.ts'
import { createStoredPolicies } from '../policies/stored-policies.ts'
import { fixedDenials } from '../revocation/denials.ts'
import { createStoredDenials } from '../revocation/stored-denials.ts'
import type { Database } from '../store/open-store.ts'
import { movableClock, newSigningKey, startOfTests, unremarkable } from './attester.fixtures.ts'

/** The identity provider of the tests, and what it is asked for. */
export const provider = {
  issuer: 'https://identity.example',
  audience: 'urn:sealward:attestation',
  roleClaim: 'roles',
} as const

const people = generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** The provider's public keys. */
export const peopleKeys: JSONWebKeySet = {
  keys: [{ ...(await exportJWK(people.publicKey)), kid: 'people' }],
}

/** What `authorization` holds for somebody with these roles. */
export async function bearerOf(
  roles: readonly AdministratorRole[],
  subject = `somebody-${roles.join('-')}`,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const token = await new SignJWT({
    iss: provider.issuer,
    aud: provider.audience,
    sub: subject,
    roles,
    iat: startOfTests,
    exp: startOfTests + 86_400 * 365,
    ...changes,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'people', typ: 'at+jwt' })
    .sign(people.privateKey)
  return `Bearer ${token}`
}

/** An instance whose policies are in a database, and a service that serves it. */
export interface Administered {
  readonly clock: ReturnType<typeof movableClock>
  readonly instance: Instance
  readonly key: SigningKey
  readonly lines: readonly string[]
  /** Not yet listening. */
  readonly server: Server
  ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    request?: {
      readonly authorization?: string | undefined
      readonly body?: string
      readonly contentType?: string
      readonly ifMatch?: string
    },
  ): Promise<TestAnswer>
}

export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
  /** Of the token in the body. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Ours, of a refusal. */
  readonly code: string | undefined
  readonly azureCode: string | undefined
}

/** What seals the rows of every instance here. */
export const sealer: Sealer = createSealer(new Uint8Array(32).fill(5) as MasterKey)

let instances = 0

/** Makes one that nobody administered before. */
export async function administered(
  database: Database,
  options: {
    readonly mode: Administration['mode']
    readonly issuer?: string
    readonly signers?: readonly PolicySigner[]
    readonly people?: ManagedAdministration['people']
    readonly withoutPeople?: boolean
    readonly approvalSeconds?: number
    readonly defaults?: PolicyReader
    readonly clock?: Administered['clock']
    readonly deps?: Partial<AttestationServiceDeps>
  },
): Promise<Administered> {
  const { mode, clock = movableClock(), deps = {} } = options
  instances++
  const name = `instance-${instances}`
  const { issuer = `https://${name}.example` } = options
  const held = await holdInstance(database, { name, issuer })
  if (!held.ok) throw new Error(held.problem.code)
  const store = createPolicyStateStore({ database, sealer, instance: name })
  const signers = await holdSigners(store, clock, options.signers ?? [])
  if (!signers.ok) throw new Error(signers.problem.code)
  const defaults = options.defaults ?? (await builtInPolicies({ development: false }))
  const expectation = { ...provider, roles: administratorRoles }
  const key = await newSigningKey()
  const instance: Instance = {
    name,
    issuer,
    development: false,
    roots: [],
    ...unremarkable,
    limits: { ...unremarkable.limits, requestsPerSecond: 1000, burst: 100_000 },
    keys: ringOf(key),
    policies: mode === 'shared' ? defaults : createStoredPolicies({ store, defaults, clock }),
    denials:
      mode === 'shared'
        ? fixedDenials()
        : createStoredDenials({
            database,
            sealer,
            instance: name,
            clock,
          }),
    assertions: createReplayMemory(8),
    administration:
      mode === 'shared'
        ? { mode, defaults }
        : {
            mode,
            defaults,
            store,
            people:
              options.withoutPeople === true
                ? undefined
                : (options.people ?? {
                    issuer: provider.issuer,
                    verify: (authorization) =>
                      verifyBearer(
                        authorization,
                        expectation,
                        async () => ok(peopleKeys),
                        clock.now(),
                      ),
                  }),
            approvalSeconds: options.approvalSeconds,
          },
  }
  const lines: string[] = []
  const missing = async (): Promise<never> => Promise.reject(new Error('nothing to ask'))
  const server = createAttestationService({
    endorsements: { endorsementsFor: missing, snpEndorsementsFor: missing },
    verification: {
      cryptography: { verify: () => false, digest: () => new Uint8Array() },
    },
    clock,
    random: systemRandom,
    log: createLogger('test', { write: (line) => lines.push(line) }),
    ...deps,
    instances: [instance],
  })
  return {
    clock,
    instance,
    key,
    lines,
    server,
    async ask(method, path, { authorization, body, contentType = 'text/plain', ifMatch } = {}) {
      const answer = await server.app.inject({
        method,
        url: path,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        },
        ...(body === undefined ? {} : { payload: body }),
      })
      const json = answer.json() as Readonly<Record<string, unknown>>
      const { token, error } = json as {
        readonly token?: string
        readonly error?: { readonly code: string; readonly innererror?: { readonly code: string } }
      }
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: json,
        claims: token === undefined ? {} : (decodeJwt(token) as Record<string, unknown>),
        code: error?.innererror?.code,
        azureCode: error?.code,
      }
    },
  }
}

/** Adds the version of the contract that released clients speak. */
export const azure = (path: string): string => `${path}?api-version=2020-10-01`

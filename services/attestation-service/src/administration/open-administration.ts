import { readFile } from 'node:fs/promises'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { parseCertificateChain } from '@sealward/attestation/x509'
import { inTransaction } from '@sealward/enclave/database'
import { createProviderKeys, verifyBearer } from '@sealward/enclave/identity-provider'
import type { Clock } from '@sealward/enclave/server'
import type { InstanceConfig } from '../config.ts'
import type { PolicyReader } from '../policies/policy-reader.ts'
import { type Administration, administratorRoles, type People } from './administration.ts'
import { limits } from './limits.ts'
import type { PolicyStateStore } from './policy-state.ts'
import { appendEvent, lockInstance } from './records.ts'
import { type PolicySigner, policySignerOf, signerProblem } from './signers.ts'

export interface AdministrationOptions {
  readonly store: PolicyStateStore
  readonly clock: Clock
  readonly defaults: PolicyReader
}

/**
 * Opens what the configuration says of who administers an instance, which is in the database already.
 *
 * @returns the administration; `policy-signers-refused` for a file of signers that cannot be read or become none;
 *   `store-unavailable`.
 */
export async function openAdministration(
  config: InstanceConfig,
  { store, clock, defaults }: AdministrationOptions,
): Promise<Result<Administration, Problem>> {
  const { approvalSeconds, mode, name, policySignersFile } = config
  if (mode === 'shared') return ok({ mode, defaults })
  if (policySignersFile !== undefined) {
    const at = `instances.${name}.policySignersFile`
    const signers = await readSignersFile(policySignersFile, at)
    if (!signers.ok) return signers
    const held = await holdSigners(store, clock, signers.value)
    if (!held.ok) return { ok: false, problem: { ...held.problem, at } }
  }
  return ok({ mode, defaults, store, people: peopleOf(config, clock), approvalSeconds })
}

function peopleOf(
  { development, identityProvider }: Pick<InstanceConfig, 'development' | 'identityProvider'>,
  clock: Clock,
): People | undefined {
  if (identityProvider === undefined) return undefined
  const { issuer, url = issuer } = identityProvider
  const keys = createProviderKeys({ issuer, url, development, now: () => clock.now(), fetch })
  const expectation = { ...identityProvider, roles: administratorRoles }
  return {
    issuer,
    verify: (authorization) => verifyBearer(authorization, expectation, keys, clock.now()),
  }
}

async function readSignersFile(
  file: string,
  at: string,
): Promise<Result<readonly PolicySigner[], Problem<'policy-signers-refused'>>> {
  const pem = await readFile(file, 'utf8').catch(() => undefined)
  const chain = pem === undefined ? undefined : parseCertificateChain(pem)
  if (chain === undefined) return refuse('policy-signers-refused', at, `${file} cannot be read`)
  return chain.ok
    ? ok(chain.value.map(policySignerOf))
    : refuse(
        'policy-signers-refused',
        at,
        `${file} holds no PEM certificates: ${chain.problem.code}`,
      )
}

/** Registers the first signers. Where there are some already, they are who decides, and no file. */
export function holdSigners(
  store: PolicyStateStore,
  clock: Clock,
  signers: readonly PolicySigner[],
): Promise<Result<true, Problem>> {
  const { database, instance } = store
  return inTransaction(database, async (transaction): Promise<Result<true, Problem>> => {
    await lockInstance(transaction, instance)
    const state = await store.read(transaction)
    if (!state.ok) return state
    if (state.value.signers.length > 0) return ok(true)
    const at = clock.now()
    const first = [...new Map(signers.map((signer) => [signer.thumbprint, signer])).values()]
    if (first.length > limits.signersMax) {
      return refuse('policy-signers-refused', '', `at most ${limits.signersMax} signers`)
    }
    for (const signer of first) {
      const problem = signerProblem(signer, at)
      if (problem !== undefined) {
        return refuse('policy-signers-refused', '', `${problem.code}: ${problem.detail}`)
      }
      await appendEvent(transaction, instance, {
        action: 'add',
        actor: { kind: 'operator' },
        at,
        thumbprint: signer.thumbprint,
      })
    }
    if (first.length > 0) {
      await store.write(transaction, state.value, { ...state.value, signers: first })
    }
    return ok(true)
  })
}

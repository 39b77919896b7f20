import { expect, test } from 'vitest'
import { releasePolicyOf } from './keys.ts'
import { type Agreement, configIdsOf } from './parties.ts'

const hex = (digit: string): string => digit.repeat(64)
const roles = ['platform', 'cache-gateway', 'diagnostics', 'key-broker'] as const
const ofAll = (value: string) =>
  Object.fromEntries(roles.map((role) => [role, value])) as Agreement['measurements']
const identity = { issuer: 'https://identity.example', audience: 'a', roleClaim: 'roles' }
const agreement: Agreement = {
  deployment: 'urn:uuid:00000000-0000-4000-8000-000000000001',
  attestation: {
    issuer: 'https://attestation.example',
    signers: ['A'.repeat(43)],
    policyHashes: ['B'.repeat(43)],
  },
  roots: [hex('1')],
  measurements: ofAll(hex('2')),
  signers: ofAll(hex('3')),
  model: { sha256: hex('4') },
  identity,
  keyBroker: { identity, isNamed: true },
}

test('keys are released to one configuration: the same build with another attestation service, other peers or another broker gets none', () => {
  const policyOf = (changed: Agreement, broker = hex('5')): string =>
    JSON.stringify(releasePolicyOf(agreement, 'platform', configIdsOf(changed, broker).platform))
  const own = policyOf(agreement)
  const id = configIdsOf(agreement, hex('5')).platform
  expect(own).toContain(`{"claim":"x-ms-sgx-config-id","equals":"${id}${'0'.repeat(64)}"}`)
  const others = [
    policyOf({
      ...agreement,
      attestation: { ...agreement.attestation, signers: ['C'.repeat(43)] },
    }),
    policyOf({ ...agreement, signers: ofAll(hex('6')) }),
    policyOf({ ...agreement, roots: [hex('7')] }),
    policyOf(agreement, hex('8')),
  ]
  expect(new Set([own, ...others]).size).toBe(5)
})

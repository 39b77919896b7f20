import { expect, test } from 'vitest'
import { sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'
import { brokerConfig } from './config.ts'
import { heldToMeasured } from './held-to-measured.ts'

const identity = { issuer: 'https://id.example', audience: 'broker', roleClaim: 'roles' }
const measured = sampleInitTimeData({ role: 'key-broker', identity })
const { issuer, signers, policyHashes } = measured.attestation
const authority = { issuer, signers, policyHashes }

function problemOf(config: object, changes: Partial<typeof measured> = {}): string | undefined {
  const held = heldToMeasured(
    brokerConfig.parse({
      publicUrl: 'https://keys.example',
      stateFolder: 'state',
      development: true,
      ...config,
    }),
    { ...measured, ...changes },
  )
  return held.ok ? undefined : held.problem.at
}

test('a configuration that says what was measured, or less, is the measured one', () => {
  expect(problemOf({})).toBeUndefined()
  expect(problemOf({ authorities: [authority], identityProvider: identity })).toBeUndefined()
  expect(problemOf({ development: false })).toBeUndefined()
})

test('one that believes anybody else is not', () => {
  const other = 'B'.repeat(43)
  const authorities = (changes: object) => ({ authorities: [{ ...authority, ...changes }] })
  expect(problemOf(authorities({ issuer: 'https://other.example' }))).toBe('authorities[0].issuer')
  expect(problemOf(authorities({ signers: [...signers, other] }))).toBe('authorities[0].signers')
  expect(problemOf(authorities({ policyHashes: [other] }))).toBe('authorities[0].policyHashes')
  for (const name of ['issuer', 'audience', 'roleClaim']) {
    const identityProvider = { ...identity, [name]: 'https://other.example' }
    expect(problemOf({ identityProvider })).toBe(`identityProvider.${name}`)
  }
  expect(problemOf({}, { development: false })).toBe('development')
  expect(problemOf({}, { role: 'platform' })).toBe('role')
  expect(problemOf({ breakGlass: { keys: ['platform-master'] } })).toBe('breakGlass')
  const { identity: _none, ...nobody } = measured
  const held = heldToMeasured(
    brokerConfig.parse({
      publicUrl: 'https://keys.example',
      stateFolder: 'state',
      identityProvider: identity,
    }),
    nobody,
  )
  expect(held).toMatchObject({ ok: false, problem: { at: 'identityProvider.issuer' } })
})

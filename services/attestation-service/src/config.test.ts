import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultPolicyFor } from '@sealward/attestation/policy'
import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import { expect, test } from 'vitest'
import { attestationConfig, policyTextOf, rootsOf } from './config.ts'

const sampleRoot = 'ab'.repeat(32)
const production = {
  issuer: 'https://attest.example/attestation',
  port: 0,
  stateFolder: '/var/lib/sealward',
  pcsUrl: 'https://pcs.example',
  development: false,
}

test("an instance that is not for development trusts Intel's root and AMD's, and starts with no other", () => {
  expect(rootsOf(attestationConfig.parse(production))).toEqual([
    intelSgxRootSpki.sha256,
    ...Object.values(amdRootSpkis),
  ])
  expect(
    attestationConfig.safeParse({ ...production, roots: [intelSgxRootSpki.sha256] }).success,
  ).toBe(true)
  for (const roots of [[sampleRoot], [intelSgxRootSpki.sha256, sampleRoot]]) {
    expect(attestationConfig.safeParse({ ...production, roots }).error?.issues).toMatchObject([
      { path: ['roots'] },
    ])
  }
})

test('a development instance may trust a sample root', () => {
  const config = { ...production, development: true, roots: [sampleRoot] }
  expect(rootsOf(attestationConfig.parse(config))).toEqual([sampleRoot])
})

test('what is misspelt, missing or of another form is refused', () => {
  for (const change of [
    { development: undefined },
    { issuer: 'ftp://attest.example' },
    { issuer: 'https://attest.example/' },
    { roots: [] },
    { roots: ['AB'.repeat(32)] },
    { port: 65_536 },
    { policyfile: 'x' },
  ]) {
    expect(attestationConfig.safeParse({ ...production, ...change }).success).toBe(false)
  }
})

test('the built-in policy depends on the kind of instance, and a file stands above it', async () => {
  expect(await policyTextOf({ development: false })).toBe(defaultPolicyFor('SgxEnclave'))
  expect(await policyTextOf({ development: true })).toBe(
    defaultPolicyFor('SgxEnclave', { development: true }),
  )
  const policyFile = join(tmpdir(), `sealward-policy-${process.pid}`)
  await writeFile(policyFile, 'version=1.0;')
  expect(await policyTextOf({ development: true, policyFile })).toBe('version=1.0;')
})

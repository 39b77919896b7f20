import { expect, test } from 'vitest'
import { parseConfiguration } from './configuration.ts'

const complete = {
  deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000',
  development: true,
  platform: '/platform',
  attestation: {
    issuer: 'http://localhost/attestation',
    url: '/attestation',
    signers: ['a'],
    policyHashes: ['p'],
  },
  identity: { issuer: 'http://localhost/identity', clientId: 'c', scope: 'openid', audience: 'a' },
  roots: ['00'],
  rootCertificates: [],
  expectation: {
    role: 'platform',
    mrEnclave: ['00'],
    mrSigner: ['00'],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    configId: ['00'],
  },
}

test('a complete configuration is accepted', () => {
  expect(parseConfiguration(complete)).toEqual({ ok: true, value: complete })
})

test('a configuration without any one of its fields is refused at that field', () => {
  const refused: string[] = []
  for (const [section, value] of Object.entries(complete)) {
    if (section === 'rootCertificates') continue
    const names =
      typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [undefined]
    for (const name of names) {
      const copy = structuredClone(complete) as Record<string, unknown>
      if (name === undefined) delete copy[section]
      else delete (copy[section] as Record<string, unknown>)[name]
      const at = name === undefined ? section : `${section}.${name}`
      expect(parseConfiguration(copy)).toMatchObject({ ok: false, problem: { at } })
      refused.push(at)
    }
  }
  expect(refused.length).toBe(20)
})

test('a configuration that accepts no policy is refused', () => {
  const attestation = { ...complete.attestation, policyHashes: [] }
  expect(parseConfiguration({ ...complete, attestation })).toMatchObject({
    ok: false,
    problem: { at: 'attestation.policyHashes' },
  })
})

test('a page in place of the configuration is refused', () => {
  for (const document of ['<!doctype html>', null, [], 7])
    expect(parseConfiguration(document)).toMatchObject({
      ok: false,
      problem: { code: 'configuration-malformed' },
    })
})

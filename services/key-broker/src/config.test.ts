import { expect, test } from 'vitest'
import { brokerConfig } from './config.ts'

const least = { publicUrl: 'https://keys.example', stateFolder: 'state' }
const authority = {
  issuer: 'https://attestation.example',
  signers: ['A'.repeat(43)],
  policyHashes: ['B'.repeat(43)],
}

test('an address and a folder are enough', () => {
  expect(brokerConfig.parse(least)).toMatchObject({
    address: '127.0.0.1',
    development: false,
    authorities: [],
    recoverableDays: 90,
  })
})

test('what is not for development names nothing that is', () => {
  const issues = (config: object) => brokerConfig.safeParse({ ...least, ...config }).error?.issues
  const simulated = { authorities: [{ ...authority, development: true }] }
  expect(issues(simulated)).toMatchObject([{ path: ['authorities', 0, 'development'] }])
  expect(issues({ ...simulated, development: true })).toBeUndefined()
  const identityProvider = {
    issuer: 'https://id.example',
    audience: 'broker',
    url: 'http://127.0.0.1:1',
  }
  expect(issues({ identityProvider })).toMatchObject([{ path: ['identityProvider', 'url'] }])
  expect(issues({ identityProvider, development: true })).toBeUndefined()
})

test('an authority is named once, and is believed by pinned signers and policies only', () => {
  const issues = (authorities: readonly object[]) =>
    brokerConfig.safeParse({ ...least, authorities }).error?.issues
  expect(issues([authority])).toBeUndefined()
  expect(issues([authority, authority])).toMatchObject([{ path: ['authorities', 1, 'issuer'] }])
  expect(issues([{ ...authority, signers: [] }])).toMatchObject([
    { path: ['authorities', 0, 'signers'] },
  ])
  expect(issues([{ ...authority, policyHashes: [] }])).toMatchObject([
    { path: ['authorities', 0, 'policyHashes'] },
  ])
})

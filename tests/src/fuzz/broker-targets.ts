/**
 * The key broker: release policies, claims that are held against them, and bodies of its requests.
 *
 * @module
 */

import { generateKeyPairSync } from 'node:crypto'
import { equalBytes, jsonOf, type Result, utf8Of } from '@sealward/attestation/bytes'
import { systemRandom } from '@sealward/enclave/server'
import { readAdvance } from '../../../services/key-broker/src/anchors/anchor-routes.ts'
import {
  cryptographyOperations,
  operate,
} from '../../../services/key-broker/src/cryptography/operate.ts'
import type { KeyMaterial } from '../../../services/key-broker/src/keys/key-material.ts'
import {
  readBackup,
  readCreate,
  readCryptography,
  readImport,
  readRandomCount,
  readRotation,
  readUpdate,
} from '../../../services/key-broker/src/keys/key-request.ts'
import {
  after,
  dueAt,
  printRotationPolicy,
} from '../../../services/key-broker/src/keys/rotation-policy.ts'
import {
  evaluatePolicy,
  unmetClaims,
} from '../../../services/key-broker/src/release/evaluate-policy.ts'
import { auditConditionsOf } from '../../../services/key-broker/src/release/policy-details.ts'
import { readRelease } from '../../../services/key-broker/src/release/release.ts'
import {
  parseReleasePolicy,
  printReleasePolicy,
  type ReleasePolicy,
} from '../../../services/key-broker/src/release/release-policy.ts'
import { targetKeyOf } from '../../../services/key-broker/src/release/target-key.ts'

type Outcome = Pick<Result<unknown>, 'ok'>
type Parser = (input: Uint8Array) => Outcome

export const brokerParsers: Readonly<Record<string, Parser>> = {
  'release-policy': (input) => {
    const policy = parseReleasePolicy(input)
    if (!policy.ok) return policy
    const text = printReleasePolicy(policy.value)
    const again = parseReleasePolicy(text)
    if (!again.ok || !equalBytes(printReleasePolicy(again.value), text)) {
      throw new Error('a policy is not what it was printed as')
    }
    hold(policy.value, claims)
    return policy
  },
  'release-claims': (input) => {
    const json = jsonOf(input, { bytesMax: 65_536, depthMax: 16 })
    if (!json.ok || typeof json.value !== 'object' || json.value === null) return { ok: false }
    const given = json.value as Readonly<Record<string, unknown>>
    hold(policy, given)
    return targetKeyOf(given)
  },
  'release-body': readRelease,
  'key-create': readCreate,
  'key-import': readImport,
  'key-update': readUpdate,
  'key-restore': readBackup,
  'key-rotation-policy': (input) => {
    const rotation = readRotation(input)
    if (!rotation.ok) return rotation
    printRotationPolicy('id', rotation.value)
    for (const action of rotation.value.actions) {
      if (!((dueAt(action, { createdAt: at, expiresAt: after(at, 'P200Y') }) ?? 0) > at)) {
        throw new Error('something is due before there is a key')
      }
    }
    return rotation
  },
  'key-cryptography': (input) => {
    const request = readCryptography(input, false)
    if (!request.ok) return request
    for (const material of materials) {
      for (const operation of cryptographyOperations) {
        operate(material, operation, request.value, systemRandom)
      }
    }
    return request
  },
  'key-verify': (input) => {
    const request = readCryptography(input, true)
    if (!request.ok) return request
    for (const material of materials) operate(material, 'verify', request.value, systemRandom)
    return request
  },
  'random-count': readRandomCount,
  'anchor-advance': readAdvance,
}

const at = 1_795_392_000
const issuer = 'https://attestation.example'

/** What is not met is explained, and what is explained is met or not. */
function hold(policy: ReleasePolicy, given: Readonly<Record<string, unknown>>): void {
  const verdict = evaluatePolicy(policy, { issuer, claims: given })
  const asked = auditConditionsOf(verdict)
  const isExplained = verdict.met || unmetClaims(verdict).length > 0 || asked.length === 0
  if (!isExplained) throw new Error('a refusal without a reason')
}

const claims: Readonly<Record<string, unknown>> = {
  'x-ms-attestation-type': 'sgx',
  'x-ms-sgx-is-debuggable': false,
  'x-ms-sgx-svn': 3,
  'x-ms-inittime': { deployment: 'urn:uuid:1', peers: [] },
}

const policyText = JSON.stringify({
  version: '1.0.0',
  anyOf: [
    {
      authority: issuer,
      allOf: [
        { claim: 'x-ms-attestation-type', equals: 'sgx' },
        { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
        {
          anyOf: [
            { claim: 'x-ms-sgx-svn', greaterOrEquals: 3 },
            { claim: 'a.b', exists: true },
          ],
        },
        { claim: 'x-ms-inittime.deployment', notEquals: 'urn:uuid:2' },
      ],
    },
  ],
})
const parsedPolicy = parseReleasePolicy(utf8Of(policyText))
if (!parsedPolicy.ok) throw new Error(parsedPolicy.problem.detail)
const policy = parsedPolicy.value

const materials: readonly KeyMaterial[] = [
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'jwk',
  }) as KeyMaterial,
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  }) as KeyMaterial,
  { kty: 'oct', k: Buffer.alloc(16, 7).toString('base64url') },
]

/** For the targets about the broker: each is accepted. */
export function brokerSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const json = (...values: readonly unknown[]): readonly Uint8Array[] =>
    values.map((value) => utf8Of(JSON.stringify(value)))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n, e } = rsa.publicKey.export({ format: 'jwk' })
  const data = Buffer.from(policyText).toString('base64url')
  const exportable = {
    attributes: { exportable: true, enabled: true, nbf: at, exp: at + 1 },
    tags: { name: 'value' },
    release_policy: { contentType: 'application/json; charset=utf-8', data, immutable: true },
  }
  const state = { sequence: 1, digest: 'ab'.repeat(32) }
  return {
    'release-policy': [utf8Of(policyText)],
    'release-claims': json({
      ...claims,
      'x-ms-runtime': { keys: [{ kty: 'RSA', n, e, kid: 'k', use: 'enc' }] },
    }),
    'release-body': json(
      { target: 'a.b.c', nonce: 'nonce', enc: 'RSA_AES_KEY_WRAP_384' },
      { target: 'a.b.c' },
    ),
    'key-create': json(
      { kty: 'RSA', key_size: 3072, key_ops: ['encrypt'], ...exportable },
      { kty: 'EC-HSM', crv: 'P-521' },
      { kty: 'oct', key_size: 192 },
    ),
    'key-import': json(
      { key: { ...rsa.privateKey.export({ format: 'jwk' }), key_ops: ['decrypt'] }, ...exportable },
      {
        key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({
          format: 'jwk',
        }),
        hsm: true,
      },
      { key: { kty: 'oct-HSM', k: Buffer.alloc(32, 9).toString('base64url') } },
    ),
    'key-update': json({ key_ops: ['sign'], ...exportable }, {}),
    'key-restore': json({ value: 'AAAA' }),
    'key-rotation-policy': json({
      id: 'https://keys.example/keys/one/rotationpolicy',
      lifetimeActions: [
        { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Rotate' } },
        { trigger: { timeAfterCreate: 'P1Y2M3DT4H5M6S' }, action: { type: 'Notify' } },
      ],
      attributes: { expiryTime: 'P90D', created: at, updated: at },
    }),
    'key-cryptography': json(
      { alg: 'RSA-OAEP', value: 'AAAA' },
      { alg: 'A128GCM', value: 'AAAA', iv: 'AAAAAAAAAAAAAAAA', tag: 'AAAA', aad: 'AAAA' },
      { alg: 'ES256', value: 'A'.repeat(43) },
    ),
    'key-verify': json({ alg: 'ES256', digest: 'A'.repeat(43), value: `${'B'.repeat(84)}AA` }),
    'random-count': json({ count: 16 }),
    'anchor-advance': json({ expected: null, next: state }, { expected: state, next: state }),
  }
}

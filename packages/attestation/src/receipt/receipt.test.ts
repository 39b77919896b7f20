import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { base64UrlOf, bytesOfBase64Url, hexOf, sha256, utf8Of } from '../bytes/index.ts'
import {
  at,
  createDeployment,
  createServiceKey,
  type Deployment,
  deployment,
  expectationOf,
  model,
  random,
  signToken,
  type Tee,
} from '../channel/deployment.fixtures.ts'
import type { InitTimeData } from '../evidence/index.ts'
import { defaultPolicyFor, policyHashOf } from '../policy/index.ts'
import { claimNames } from '../token/index.ts'
import {
  evidenceDigestOf,
  issueReceipt,
  opens,
  type Receipt,
  type ReceiptAttachments,
  type ReceiptPayload,
  type ReceiptTrust,
  saltedDigestOf,
  statementDigestOf,
  verifyReceipt,
  verifyStatement,
} from './index.ts'

let world: Deployment
let platform: Tee
let diagnostics: Tee
let payload: ReceiptPayload
let attachments: ReceiptAttachments
let receipt: Receipt
let trust: ReceiptTrust

const salt = new Uint8Array(32).fill(3)
const image = utf8Of('the image tensor')

async function sign(key: CryptoKey, bytes: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(await crypto.subtle.sign(algorithm, key, bytes as Uint8Array<ArrayBuffer>))
}

async function statementOf(
  tee: Tee,
  changes: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const part = (value: unknown): string => base64UrlOf(utf8Of(JSON.stringify(value)))
  const signed = `${part({ alg: 'ES256', kid: tee.identityJwk.kid, ...header })}.${part({
    deployment,
    role: 'diagnostics',
    model,
    requestId: 'request-1',
    input: await saltedDigestOf(salt, image),
    output: await saltedDigestOf(salt, utf8Of('output')),
    iat: at + 15,
    ...changes,
  })}`
  return `${signed}.${base64UrlOf(await sign(tee.identityKey, utf8Of(signed)))}`
}

async function partyOf(tee: Tee): Promise<ReceiptPayload['platform']> {
  const initTimeData = bytesOfBase64Url(tee.document.initTimeData) ?? new Uint8Array()
  return {
    evidence: await evidenceDigestOf(tee.document),
    policyHash: await policyHashOf(defaultPolicyFor('SgxEnclave', { development: true })),
    tcbStatus: 'UpToDate',
    mrEnclave: expectationOf(tee.role).mrEnclave[0] ?? '',
    configId: hexOf(await sha256(initTimeData)).padEnd(128, '0'),
    simulated: true,
    verifiedAt: at,
  }
}

beforeAll(async () => {
  world = await createDeployment()
  platform = await world.tee('platform', random.bytes(32))
  diagnostics = await world.tee('diagnostics', random.bytes(32))
  const statement = await statementOf(diagnostics)
  attachments = {
    platform: platform.document,
    diagnostics: diagnostics.document,
    attestationTokens: {
      platform: await world.token(platform),
      diagnostics: await world.token(diagnostics),
    },
    certs: world.service.jwks,
    statement,
  }
  const digest = await saltedDigestOf(salt, image)
  payload = {
    version: 1,
    id: 'urn:uuid:0e0ddc1c-52b3-4f0e-8f6b-0b5b4e0f6a11',
    issuedAt: at + 30,
    deployment,
    platform: await partyOf(platform),
    diagnostics: { ...(await partyOf(diagnostics)), model },
    statement: await statementDigestOf(statement),
    input: { digest },
    output: { digest: await saltedDigestOf(salt, utf8Of('output')) },
    report: { digest: await saltedDigestOf(salt, utf8Of('report')) },
    times: { received: at + 10, interpreted: at + 20, written: at + 30 },
  }
  receipt = await issued()
  trust = {
    roots: [world.vendor.rootSpkiSha256],
    signers: [world.service.pin],
    at: at + 86_400 * 365,
  }
})

/** A receipt with parts changed before it is signed by the platform, or by somebody else. */
async function issued(
  changes: Partial<ReceiptPayload> = {},
  attached: Partial<ReceiptAttachments> = {},
  signer: Tee = platform,
): Promise<Receipt> {
  return issueReceipt({
    payload: { ...payload, ...changes },
    attachments: { ...attachments, ...attached },
    kid: signer.identityJwk.kid,
    sign: (bytes) => sign(signer.identityKey, bytes),
  })
}

/** A receipt in which one of the TEEs is another one; all digests and tokens follow. */
async function issuedBy(
  parties: { readonly platform?: Tee; readonly diagnostics?: Tee },
  changes: Partial<ReceiptPayload> = {},
): Promise<Receipt> {
  const { platform: p = platform, diagnostics: d = diagnostics } = parties
  const statement = await statementOf(d)
  return issued(
    {
      platform: await partyOf(p),
      diagnostics: { ...(await partyOf(d)), model },
      statement: await statementDigestOf(statement),
      ...changes,
    },
    {
      platform: p.document,
      diagnostics: d.document,
      attestationTokens: { platform: await world.token(p), diagnostics: await world.token(d) },
      statement,
    },
    p,
  )
}

async function outcome(json: unknown, changes: Partial<ReceiptTrust> = {}): Promise<string> {
  const result = await verifyReceipt(json, { ...trust, ...changes })
  return result.ok ? 'verified' : `${result.problem.step}: ${result.problem.code}`
}

describe('a receipt', () => {
  test('is verified years later, step by step, with the roots alone', async () => {
    const { roots } = trust
    const result = await verifyReceipt(structuredClone(receipt), { roots })
    expect(result).toMatchObject({
      ok: true,
      value: {
        payload: { id: payload.id },
        statement: { requestId: 'request-1' },
        simulated: true,
        signersPinnedBy: 'platform-configuration',
        roots: { platform: roots[0], diagnostics: roots[0] },
      },
    })
    expect(result.ok ? result.value.steps.map(({ step }) => step) : []).toEqual([
      'format',
      'platform-evidence',
      'diagnostics-evidence',
      'signature',
      'platform-claims',
      'diagnostics-claims',
      'deployment',
      'statement',
      'attestation-tokens',
      'times',
    ])
  })

  test('is verified against the keys of the attestation service that the auditor names', async () => {
    expect(await verifyReceipt(receipt, trust)).toMatchObject({
      ok: true,
      value: { signersPinnedBy: 'caller' },
    })
    expect(await outcome(receipt, { signers: [] })).toBe('attestation-tokens: unknown-signer')
  })

  test('opens to the bytes it speaks of, and to no others', async () => {
    expect(await opens(payload, 'input', { salt, bytes: image })).toBe(true)
    expect(await opens(payload, 'output', { salt, bytes: image })).toBe(false)
    expect(await opens(payload, 'input', { salt, bytes: utf8Of('another') })).toBe(false)
    expect(await opens(payload, 'input', { salt: new Uint8Array(32), bytes: image })).toBe(false)
    expect(await opens(payload, 'input', { salt: new Uint8Array(31), bytes: image })).toBe(false)
  })

  test('is refused by an auditor who trusts another root', async () => {
    expect(await outcome(receipt, { roots: ['00'.repeat(32)] })).toBe(
      'platform-evidence: root-not-trusted',
    )
  })
})

describe('a receipt is refused when', () => {
  const changedCharacter = (text: string, index: number): string =>
    text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1)

  test('any character that is signed was changed', async () => {
    for (const part of ['payload', 'protected', 'signature'] as const) {
      // The last character of a part can carry bits that mean nothing; those are refused as well.
      for (let index = 0; index < receipt[part].length; index += part === 'payload' ? 31 : 7) {
        const changed = { ...receipt, [part]: changedCharacter(receipt[part], index) }
        expect(await outcome(changed), `${part}, character ${index}`).toMatch(
          /^(format|signature): /,
        )
      }
    }
  })

  test.each<[string, () => unknown]>([
    ['format: receipt-malformed', () => null],
    ['format: receipt-malformed', () => ({ ...receipt, more: 1 })],
    ['format: receipt-malformed', () => ({ ...receipt, header: { ...attachments, more: 1 } })],
    ['format: receipt-malformed', () => ({ ...receipt, header: undefined })],
    ['format: receipt-malformed', () => issued({ version: 2 as 1 })],
    ['format: receipt-malformed', () => issued({ more: 1 } as Partial<ReceiptPayload>)],
    [
      'platform-evidence: receipt-malformed',
      () => ({ ...receipt, header: { ...attachments, platform: {} } }),
    ],
    ['signature: receipt-signature', () => issued({}, {}, diagnostics)],
    ['platform-claims: role-mismatch', () => issuedBy({ platform: diagnostics })],
    [
      'platform-claims: evidence-digest',
      () => issued({ platform: { ...payload.platform, evidence: payload.diagnostics.evidence } }),
    ],
    [
      'platform-claims: claim-mismatch',
      () => issued({ platform: { ...payload.platform, tcbStatus: 'OutOfDate' } }),
    ],
    [
      'diagnostics-claims: claim-mismatch',
      () => issued({ diagnostics: { ...payload.diagnostics, simulated: false } }),
    ],
    [
      'diagnostics-claims: model-mismatch',
      () =>
        issued({
          diagnostics: { ...payload.diagnostics, model: { ...model, sha256: '00'.repeat(32) } },
        }),
    ],
    [
      'deployment: deployment-mismatch',
      () => issued({ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' }),
    ],
    [
      'attestation-tokens: policy-hash',
      () => issued({ platform: { ...payload.platform, policyHash: base64UrlOf(salt) } }),
    ],
    [
      'attestation-tokens: token-disagrees',
      () => {
        const { diagnostics: token } = attachments.attestationTokens
        return issued({}, { attestationTokens: { platform: token, diagnostics: token } })
      },
    ],
    [
      'attestation-tokens: unknown-signer',
      async () => issued({}, { certs: (await createServiceKey()).jwks }),
    ],
    ['times: time-order', () => issued({ times: { ...payload.times, interpreted: at } })],
    ['times: time-order', () => issued({ times: { ...payload.times, written: at + 500 } })],
    ['times: time-order', () => issued({ issuedAt: at - 61 })],
  ])('%s', async (expected, make) => {
    expect(await outcome(await make())).toBe(expected)
  })

  test('it was issued after the audit', async () => {
    expect(await outcome(receipt, { at: at + 30 - 61 })).toBe('times: from-the-future')
    expect(await outcome(receipt, { at: at + 30 - 60 })).toBe('verified')
  })

  test('its evidence was verified more than a day before', async () => {
    const later = { received: at + 86_400, interpreted: at + 86_400, written: at + 86_401 }
    const statement = await statementOf(diagnostics, { iat: at + 86_400 })
    const old = await issued(
      {
        issuedAt: at + 86_401,
        times: later,
        statement: await statementDigestOf(statement),
      },
      { statement },
    )
    expect(await outcome(old)).toBe('times: evidence-too-old')
  })

  test('its endorsements had run out when it says that evidence was verified', async () => {
    const late = { ...payload.platform, verifiedAt: at + 86_400 * 2 }
    expect(await outcome(await issued({ platform: late }))).toMatch(
      /^platform-evidence: (tcb-info|qe-identity|crl)-expired$/,
    )
  })

  test('its platform’s memory could be read, so that anybody may have signed', async () => {
    const debugged = await world.tee('platform', random.bytes(32), { debug: true })
    expect(await outcome(await issuedBy({ platform: debugged }))).toBe('platform-claims: debug')
  })

  test('its provider is none that the platform was set up to accept', async () => {
    const { initTimeData } = platform
    const changed = async (peers: InitTimeData['peers']): Promise<string> => {
      const other = await world.tee('platform', random.bytes(32), {
        initTimeData: { ...initTimeData, peers },
      })
      return outcome(await issuedBy({ platform: other }))
    }
    expect(await changed([expectationOf('diagnostics')])).toBe('verified')
    for (const peers of [
      [],
      [expectationOf('diagnostics', { role: 'cache-gateway' })],
      [expectationOf('diagnostics', { mrEnclave: ['00'.repeat(32)] })],
      [expectationOf('diagnostics', { model: { sha256: '00'.repeat(32) } })],
    ]) {
      expect(await changed(peers)).toBe('diagnostics-claims: provider-not-accepted')
    }
  })

  test.each(['platform', 'diagnostics'] as const)(
    'the token of %s is of a policy that the platform’s configuration does not pin',
    async (role) => {
      const policyHash = await policyHashOf(defaultPolicyFor('SgxEnclave'))
      const tees = { platform, diagnostics }
      const token = await world.token(tees[role], { [claimNames.policyHash]: policyHash })
      const attestationTokens = { ...attachments.attestationTokens, [role]: token }
      const party = { [role]: { ...payload[role], policyHash } }
      expect(await verifyReceipt(await issued(party, { attestationTokens }), trust)).toMatchObject({
        problem: {
          step: 'attestation-tokens',
          code: 'policy-hash',
          at: `${role}.policyHash`,
        },
      })
      expect(await outcome(await issued({}, { attestationTokens }))).toBe(
        'attestation-tokens: policy-hash',
      )
    },
  )

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['statement: statement-mismatch', { deployment: 'urn:uuid:another' }, {}],
    ['statement: statement-mismatch', { model: { ...model, version: '2' } }, {}],
    ['statement: statement-mismatch', { input: base64UrlOf(new Uint8Array(32)) }, {}],
    ['statement: statement-mismatch', { output: base64UrlOf(new Uint8Array(32)) }, {}],
    ['statement: statement-malformed', { role: 'platform' }, {}],
    ['statement: statement-malformed', { input: undefined }, {}],
    ['statement: statement-signature', {}, { alg: 'none' }],
    ['statement: statement-signature', {}, { kid: 'another' }],
    ['times: time-order', { iat: at + 10 - 61 }, {}],
    ['times: time-order', { iat: at + 20 + 61 }, {}],
  ])('%s', async (expected, changes, header) => {
    const statement = await statementOf(diagnostics, changes, header)
    const digest = await statementDigestOf(statement)
    expect(await outcome(await issued({ statement: digest }, { statement }))).toBe(expected)
  })

  test('its statement is another than it names, or somebody else’s', async () => {
    const statement = await statementOf(diagnostics, { requestId: 'another' })
    expect(await outcome(await issued({}, { statement }))).toBe('statement: statement-digest')
    const foreign = await statementOf(platform)
    const digest = await statementDigestOf(foreign)
    expect(await outcome(await issued({ statement: digest }, { statement: foreign }))).toBe(
      'statement: statement-signature',
    )
  })

  test('it names another key than the one that signed it', async () => {
    const { identityKey } = platform
    const kid = diagnostics.identityJwk.kid
    const other = await issueReceipt({
      payload,
      attachments,
      kid,
      sign: (bytes) => sign(identityKey, bytes),
    })
    expect(await outcome(other)).toBe('signature: receipt-signature')
  })

  test('its evidence was verified after it was issued', async () => {
    const before = at - 100
    const statement = await statementOf(diagnostics, { iat: before })
    const early = await issued(
      {
        issuedAt: before,
        times: { received: before, interpreted: before, written: before },
        statement: await statementDigestOf(statement),
      },
      { statement },
    )
    expect(await verifyReceipt(early, trust)).toMatchObject({
      problem: { code: 'time-order', at: 'platform.verifiedAt' },
    })
  })

  test('anything else is in its place, and nothing throws', async () => {
    const parts = ['payload', 'protected', 'signature', 'header'] as const
    const attached = ['platform', 'diagnostics', 'attestationTokens', 'certs', 'statement'] as const
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.constantFrom(...parts),
        fc.constantFrom(...attached),
        async (value, part, attachment) => {
          const header = { ...attachments, [attachment]: value }
          expect(await outcome(value)).toBe('format: receipt-malformed')
          expect(await outcome({ ...receipt, [part]: value })).not.toBe('verified')
          expect(await outcome({ ...receipt, header })).not.toBe('verified')
        },
      ),
      { numRuns: 40 },
    )
  })

  test('what had passed before is said', async () => {
    const result = await verifyReceipt(await issued({}, {}, diagnostics), trust)
    expect(result).toMatchObject({
      problem: { passed: ['format', 'platform-evidence', 'diagnostics-evidence'] },
    })
  })

  test('an attestation token is one whose time was over', async () => {
    const { service } = world
    const expired = await world.token(platform, { exp: at - 61, iat: at - 100, nbf: at - 100 })
    const tokens = { ...attachments.attestationTokens, platform: expired }
    expect(await outcome(await issued({}, { attestationTokens: tokens }))).toBe(
      'attestation-tokens: expired',
    )
    const access = await signToken(service, 'at+jwt', {})
    const wrongType = { ...attachments.attestationTokens, platform: access }
    expect(await outcome(await issued({}, { attestationTokens: wrongType }))).toBe(
      'attestation-tokens: wrong-type',
    )
  })
})

describe('a provider’s statement', () => {
  test('is verified with the key of its evidence', async () => {
    const result = await verifyStatement(await statementOf(diagnostics), diagnostics.identityJwk)
    expect(result).toMatchObject({ ok: true, value: { model, issuedAt: at + 15 } })
  })

  test('is refused after a change of any character', async () => {
    const statement = await statementOf(diagnostics)
    for (let index = 0; index < statement.length; index += 11) {
      const changed =
        statement.slice(0, index) +
        (statement[index] === 'A' ? 'B' : 'A') +
        statement.slice(index + 1)
      expect((await verifyStatement(changed, diagnostics.identityJwk)).ok, `at ${index}`).toBe(
        false,
      )
    }
  })
})

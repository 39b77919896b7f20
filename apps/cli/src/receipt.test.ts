import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64UrlOf, bytesOfBase64Url, hexOf, sha256, utf8Of } from '@sealward/attestation/bytes'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import {
  evidenceDigestOf,
  issueReceipt,
  type Receipt,
  type ReceiptParty,
  saltedDigestOf,
  statementDigestOf,
} from '@sealward/attestation/receipt'
import { createSampleVendor } from '@sealward/attestation/sample'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  at,
  createDeployment,
  type Deployment,
  deployment,
  expectationOf,
  model,
  random,
  type Tee,
} from '../../../packages/attestation/src/channel/deployment.fixtures.ts'
import { run } from './program.ts'

let folder: string
let world: Deployment
let receipt: Receipt
let root: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-receipt-'))
  world = await createDeployment()
  receipt = await issue()
  root = await fileOf('root.pem', world.vendor.rootCertificatePem)
})
afterAll(() => rm(folder, { recursive: true }))

async function fileOf(name: string, content: unknown): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

async function signWith({ identityKey }: Tee, bytes: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(
    await crypto.subtle.sign(algorithm, identityKey, bytes as Uint8Array<ArrayBuffer>),
  )
}

async function partyOf(tee: Tee): Promise<ReceiptParty> {
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

/** A receipt as a platform issues it. */
async function issue(): Promise<Receipt> {
  const platform = await world.tee('platform', random.bytes(32))
  const diagnostics = await world.tee('diagnostics', random.bytes(32))
  const digest = await saltedDigestOf(new Uint8Array(32), utf8Of('anything'))
  const part = (value: unknown): string => base64UrlOf(utf8Of(JSON.stringify(value)))
  const stated = `${part({ alg: 'ES256', kid: diagnostics.identityJwk.kid })}.${part({
    deployment,
    role: 'diagnostics',
    model,
    requestId: 'request-1',
    input: digest,
    output: digest,
    iat: at + 15,
  })}`
  const statement = `${stated}.${base64UrlOf(await signWith(diagnostics, utf8Of(stated)))}`
  return issueReceipt({
    payload: {
      version: 1,
      id: 'urn:uuid:0e0ddc1c-52b3-4f0e-8f6b-0b5b4e0f6a11',
      issuedAt: at + 30,
      deployment,
      platform: await partyOf(platform),
      diagnostics: { ...(await partyOf(diagnostics)), model },
      statement: await statementDigestOf(statement),
      input: { digest },
      output: { digest },
      report: { digest },
      times: { received: at + 10, interpreted: at + 20, written: at + 30 },
    },
    attachments: {
      platform: platform.document,
      diagnostics: diagnostics.document,
      attestationTokens: {
        platform: await world.token(platform),
        diagnostics: await world.token(diagnostics),
      },
      certs: world.service.jwks,
      statement,
    },
    kid: platform.identityJwk.kid,
    sign: (bytes) => signWith(platform, bytes),
  })
}

async function verify(
  ...parameters: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', '']
  const code = await run(['receipt', 'verify', ...parameters], {
    effects: {
      fetch: () => Promise.reject(new Error('a receipt is verified without a network')),
      clock: { now: () => at + 365 * 86_400 },
      random,
      sleep: () => Promise.reject(new Error('nothing to wait for')),
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  })
  return { code, out, err }
}

test('a receipt is verified from files alone, a year later, step by step', async () => {
  const { code, out } = await verify(await fileOf('receipt.json', receipt), '--root', root)
  expect(code).toBe(0)
  const steps = [...out.matchAll(/^passed {2}([a-z-]+): /gm)].map((match) => match[1])
  expect(steps).toEqual([
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
  expect(out).toContain('Its TEEs were simulated')
  expect(out).toMatch(/The receipt is believed\.\n$/)
})

test('as JSON it says what it proves, and whose keys it rests on', async () => {
  const { code, out } = await verify(
    await fileOf('receipt.json', receipt),
    '--root',
    root,
    '--json',
  )
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    kind: 'verified',
    report: {
      payload: { deployment, diagnostics: { model } },
      simulated: true,
      signersPinnedBy: 'platform-configuration',
    },
  })
})

test('the attestation service’s key may be given, and another one is refused', async () => {
  const file = await fileOf('receipt.json', receipt)
  const own = await verify(
    file,
    '--root',
    root,
    '--signer',
    await fileOf('certs.json', world.service.jwks),
    '--json',
  )
  expect(own.code).toBe(0)
  expect(JSON.parse(own.out)).toMatchObject({ report: { signersPinnedBy: 'caller' } })
  const other = await fileOf('other.pem', world.vendor.rootCertificatePem)
  const refused = await verify(file, '--root', root, '--signer', other)
  expect(refused.code).toBe(1)
  expect(refused.out).toContain('FAILED  attestation-tokens: unknown-signer')
})

test('one changed character of each signed part is found', async () => {
  const flip = (text: string): string =>
    text.endsWith('A') ? `${text.slice(0, -1)}B` : `${text.slice(0, -1)}A`
  const middle = (text: string): string => {
    const at = Math.floor(text.length / 2)
    return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  }
  const { header } = receipt
  const changed: Readonly<Record<string, Receipt>> = {
    payload: { ...receipt, payload: middle(receipt.payload) },
    signature: {
      ...receipt,
      signature: flip(receipt.signature.slice(0, -1)) + receipt.signature.slice(-1),
    },
    quote: {
      ...receipt,
      header: { ...header, platform: { ...header.platform, quote: middle(header.platform.quote) } },
    },
    statement: { ...receipt, header: { ...header, statement: middle(header.statement) } },
  }
  for (const [part, one] of Object.entries(changed)) {
    const { code, out } = await verify(await fileOf(`${part}.json`, one), '--root', root)
    expect([part, code]).toEqual([part, 1])
    expect(out).toMatch(/^FAILED {2}[a-z-]+: [a-z-]+/m)
    expect(out).toMatch(/The receipt is not believed\.\n$/)
  }
})

test('a root that is not the receipt’s is refused, by name of the step', async () => {
  const other = await createSampleVendor({ at })
  const { code, out } = await verify(
    await fileOf('receipt.json', receipt),
    '--root',
    await fileOf('other-root.pem', other.rootCertificatePem),
    '--json',
  )
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({
    kind: 'refused',
    problem: { step: 'platform-evidence', code: 'root-not-trusted', passed: ['format'] },
  })
})

test('files that are not what they are given as end with 2', async () => {
  const file = await fileOf('receipt.json', receipt)
  const text = await fileOf('text.txt', 'text')
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[file], 'required option'],
    [['--root', root], 'missing required argument'],
    [[join(folder, 'absent'), '--root', root], 'file-unreadable'],
    [[text, '--root', root], 'receipt-not-json'],
    [[file, '--root', text], 'root-malformed'],
    [[file, '--root', join(folder, 'absent')], 'file-unreadable'],
    [[file, '--root', root, '--signer', text], 'signer-malformed'],
  ]
  for (const [parameters, said] of cases) {
    const ran = await verify(...parameters)
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(ran.err).toContain(said)
  }
  const other = await verify(await fileOf('other.json', { any: 'object' }), '--root', root)
  expect([other.code, other.out]).toEqual([1, expect.stringContaining('FAILED  format: ')])
})

test('evidence can be looked at, and is marked as not verified', async () => {
  const file = await fileOf('evidence.json', receipt.header.platform)
  let out = ''
  const code = await run(['evidence', 'inspect', file, '--json'], {
    effects: {
      fetch: () => Promise.reject(new Error('no network')),
      clock: { now: () => at },
      random,
      sleep: () => Promise.resolve(),
    },
    out: (text) => {
      out += text
    },
    err: () => {},
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  })
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    verified: false,
    mrEnclave: expectationOf('platform').mrEnclave[0],
    debug: false,
    runtimeData: { deployment, role: 'platform' },
  })
})

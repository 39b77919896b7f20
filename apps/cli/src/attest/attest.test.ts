/** The command against an attestation service that listens. */

import { readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { base64UrlOf } from '@sealward/attestation/bytes'
import { encodeOpenEnclaveReport } from '@sealward/attestation/evidence'
import { parsePolicy } from '@sealward/attestation/policy'
import { type Server, systemRandom } from '@sealward/enclave/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
} from '../../../../packages/attestation/src/verification/shared-vectors.fixtures.ts'
import { createAttestationService } from '../../../../services/attestation-service/src/app.ts'
import { fixedPolicy } from '../../../../services/attestation-service/src/policies/fixed-policy.ts'
import {
  type Attester,
  createAttester,
  issuer,
  nonce,
  startOfTests,
} from '../../../../services/attestation-service/src/testing/attester.fixtures.ts'
import { openScratch } from '../evidence/command.fixtures.ts'
import { readEvidence } from '../evidence/read-evidence.ts'
import { run } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'
import { attestBodyOf } from './attest-body.ts'

const scratch = openScratch()
let attester: Attester
let server: Server
let url: string
/** The evidence of a workload, in a document that brings its data. */
let documentFile: string
let quoteFile: string
let quoted: Awaited<ReturnType<Awaited<ReturnType<Attester['workload']>>['quoted']>>

beforeAll(async () => {
  attester = await createAttester()
  server = createAttestationService(attester.deps)
  url = `http://127.0.0.1:${(await server.listen()).port}`
  const workload = await attester.workload()
  const evidence = await workload.evidence(nonce)
  if (!evidence.ok) throw new Error(evidence.problem.code)
  documentFile = scratch.written(JSON.stringify(evidence.value))
  quoted = await workload.quoted(nonce)
  quoteFile = scratch.written(quoted.quote)
})
afterAll(async () => {
  await server.close()
  await attester.close()
  scratch.remove()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function attest(...parameters: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const surroundings: Surroundings = {
    effects: {
      fetch: globalThis.fetch,
      clock: { now: () => startOfTests },
      random: systemRandom,
      sleep: () => Promise.resolve(),
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
  }
  const code = await run(['attest', ...parameters], surroundings)
  return { code, out, err }
}

const service = (): readonly string[] => ['--service', url]

async function attestJson(
  ...parameters: readonly string[]
): Promise<Readonly<Record<string, unknown>>> {
  const { code, out } = await attest(...parameters, '--json')
  expect(out.indexOf('\n')).toBe(out.length - 1)
  return { code, ...JSON.parse(out) }
}

test('a document is attested with the data that it brings, and its token is shown', async () => {
  const tokenFile = join(scratch.folder, 'token.jwt')
  const { code, out, err } = await attest(documentFile, ...service(), '--out', tokenFile)
  expect(code, err).toBe(0)
  expect(out).toMatch(
    /^SIGNED: by a key that the service publishes at \/certs\. That is no pinning/,
  )
  expect(out).toMatch(/^Type +SgxEnclave$/m)
  expect(out).toMatch(/^Issuer +http:\/\/127\.0\.0\.1:4400\/attestation$/m)
  expect(out).toContain(attester.policyHash)
  expect(out).toMatch(/^Good until +2026-11-23T01:00:00Z$/m)
  expect(out).toMatch(new RegExp(`^x-ms-sgx-mrenclave +${'e1'.repeat(32)}$`, 'm'))
  expect(out).toContain('"role":"platform"')
  expect(readFileSync(tokenFile, 'utf8')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  expect(err).toBe(`The token is in ${tokenFile}.\n`)
})

test('with --signer, the key is pinned, and another is refused', async () => {
  const certs = scratch.written(JSON.stringify({ keys: [attester.signingKey.jwk] }))
  expect(await attestJson(documentFile, ...service(), '--signer', certs)).toMatchObject({
    code: 0,
    signature: 'pinned',
    issuer,
    policyHash: attester.policyHash,
    expiresAt: startOfTests + 3600,
    token: expect.stringMatching(/^eyJ/),
  })
  const other = await createAttester()
  const others = scratch.written(JSON.stringify({ keys: [other.signingKey.jwk] }))
  await other.close()
  expect(await attestJson(documentFile, ...service(), '--signer', others)).toMatchObject({
    code: 1,
    problem: { code: 'unknown-signer' },
  })
  expect(
    await attestJson(documentFile, ...service(), '--issuer', 'https://else.example'),
  ).toMatchObject({ code: 1, problem: { code: 'wrong-issuer' } })
})

test('data is told beside a bare quote, of either type, and has to be what it binds', async () => {
  const runtime = scratch.written(quoted.runtimeData)
  const initTime = scratch.written(quoted.initTimeData)
  const both = ['--runtime-data', runtime, '--init-time-data', initTime]
  expect(await attestJson(quoteFile, ...service(), ...both, '--nonce', 'echo')).toMatchObject({
    code: 0,
    claims: { nonce: 'echo', 'x-ms-runtime': { role: 'platform' }, 'x-ms-inittime': {} },
  })
  expect(
    await attestJson(quoteFile, ...service(), ...both, '--runtime-data-type', 'Binary'),
  ).toMatchObject({ claims: { 'x-ms-sgx-ehd': base64UrlOf(quoted.runtimeData) } })
  const { code, err } = await attest(quoteFile, ...service(), '--runtime-data', initTime)
  expect(code).toBe(1)
  expect(err).toBe(
    'Refused by verification: runtime-data-binding (runtimeData): REPORTDATA is of other data (HTTP 400, InvalidParameter)\n',
  )
})

test('an Open Enclave report is sent as one, and an enclave as either when asked for', async () => {
  const report = scratch.written(encodeOpenEnclaveReport(quoted.quote))
  expect(await attestJson(report, ...service())).toMatchObject({ code: 0, type: 'OpenEnclave' })
  expect(await attestJson(quoteFile, ...service(), '--type', 'OpenEnclave')).toMatchObject({
    code: 0,
    type: 'OpenEnclave',
  })
  expect(await attestJson(report, ...service(), '--type', 'SgxEnclave')).toMatchObject({
    code: 0,
    type: 'SgxEnclave',
  })
  expect(await attestJson(quoteFile, ...service(), '--type', 'TdxVm')).toMatchObject({
    code: 2,
    problem: { code: 'attestation-type', at: '--type' },
  })
})

test('an EAT result is shown with its status, which is the exit code', async () => {
  const result = await attestJson(documentFile, ...service(), '--format', 'ear')
  expect(result).toMatchObject({
    code: 1,
    format: 'ear',
    status: 'contraindicated',
    policyHash: attester.policyHash,
    claims: { eat_profile: 'tag:github.com,2023:veraison/ear' },
  })
  const { out } = await attest(documentFile, ...service(), '--format', 'ear')
  expect(out).toMatch(/^Status +contraindicated$/m)
  // Which aspect makes it so is said, not only a number.
  expect(out).toMatch(/^trust hardware +97, contraindicated$/m)
  expect(out).toMatch(/^trust configuration +3, affirming$/m)
  expect(out).toMatch(/^trust file-system +0, none$/m)
})

test('a draft policy is tried out, and what it gives is said to be worth nothing', async () => {
  const draft = scratch.written(
    'version=1.0; authorizationrules { => permit(); }; issuancerules { => issue(type="mine", value="x"); };',
  )
  const { code, out } = await attest(quoteFile, ...service(), '--draft-policy', draft)
  expect([code, out.split('\n')[0]]).toEqual([
    0,
    'UNSECURED: a draft policy made it. Nobody signed it, and nobody may accept it.',
  ])
  expect(out).toMatch(/^mine +x$/m)
  const denying = scratch.written('version=1.0; authorizationrules { => deny(); };')
  const refusal = await attest(quoteFile, ...service(), '--draft-policy', denying)
  expect(refusal).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^Refused by verification: denied .*PolicyEvaluationError\)\n$/),
  })
  const broken = scratch.written('version=1.0; authorizationrules { permit }')
  expect(await attestJson(quoteFile, ...service(), '--draft-policy', broken)).toMatchObject({
    code: 1,
    problem: { code: 'policy-syntax', detail: expect.stringContaining('PolicyParsingError') },
  })
})

test('an instance below a service is asked like a service', async () => {
  const below = await attestJson(documentFile, '--service', `${url}/instances/default/`)
  expect(below).toMatchObject({ code: 0, issuer })
})

describe('what cannot be', () => {
  test('is told apart: the caller’s, the service’s, the evidence’s', async () => {
    const nowhere = ['--service', 'http://127.0.0.1:9']
    expect(await attestJson(quoteFile, ...nowhere)).toMatchObject({
      code: 3,
      problem: { code: 'attestation-service-unavailable' },
    })
    const withPassword = url.replace('://', '://somebody:hunter2-canary@')
    for (const wrong of ['ftp://attest.example', 'attest.example', `${url}?a=b`, withPassword]) {
      const refusal = await attest(quoteFile, '--service', wrong)
      expect(refusal).toMatchObject({ code: 2, err: expect.stringContaining('service-malformed') })
      expect(refusal.err).not.toContain('hunter2-canary')
    }
    const garbage = scratch.written('nothing that is evidence')
    expect(await attestJson(garbage, ...service())).toMatchObject({
      code: 2,
      problem: { code: 'evidence-unreadable' },
    })
    const missing = join(scratch.folder, 'missing')
    for (const option of ['--runtime-data', '--init-time-data', '--draft-policy', '--signer']) {
      expect(await attestJson(quoteFile, ...service(), option, missing)).toMatchObject({
        code: 2,
        problem: { code: 'file-unreadable', at: option },
      })
    }
    expect((await attest(quoteFile)).code).toBe(2)
    expect((await attest(quoteFile, ...service(), '--type', 'Tpm')).code).toBe(2)
    const into = await attest(documentFile, ...service(), '--out', join(missing, 'token'))
    expect(into).toMatchObject({ code: 2, err: expect.stringContaining('file-unwritable') })
  })

  test('an address at which something else answers is said to be one', async () => {
    const other = await listening(404, '{"title":"not found"}')
    const address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, err } = await attest(quoteFile, '--service', address)
    other.close()
    expect([code, err]).toEqual([2, expect.stringContaining('no attestation service answers')])
  })

  test.each([
    ['no token', 200, '{"token":5}', 3, 'attestation-service-malformed'],
    ['no JSON', 200, 'hello', 3, 'attestation-service-malformed'],
    ['a failure', 500, 'oops', 3, 'attestation-refused'],
    ['no such path', 404, '{"error":{"code":"NotFound","message":"no"}}', 2, 'NotFound'],
    [
      'a refusal of Azure',
      400,
      '{"error":{"code":"PolicyEvaluationError","message":"a\\u001b[31m\\nb","innererror":{"code":"PolicyEvaluationError"}}}',
      1,
      'PolicyEvaluationError',
    ],
  ])('answered with %s', async (_name, status, body, code, expected) => {
    const liar = await listening(status, body)
    const address = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`
    const answer = await attest(quoteFile, '--service', address)
    liar.close()
    expect(answer.code).toBe(code)
    expect(answer.err).toContain(expected)
    expect(answer.err.replace(/\n$/, '')).not.toMatch(/\p{Cc}/u)
  })
})

async function listening(status: number, body: string): Promise<HttpServer> {
  const answering = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve))
  return answering
}

describe.runIf(hasSharedVectors)('captured evidence', () => {
  const bodyOf = (bytes: Uint8Array) => {
    const evidence = readEvidence(bytes)
    if (!evidence.ok) throw new Error(evidence.problem.code)
    const body = attestBodyOf(evidence.value, {})
    if (!body.ok) throw new Error(body.problem.code)
    return body.value
  }

  test('is asked for by the type that it is of', () => {
    const found = (['sgx', 'tdx', 'snp'] as const).map((tee) => {
      const types = readCapturedVectors(tee).flatMap(({ quote, file }) => {
        const bytes = quote ?? file('report.bin')
        const evidence = bytes && readEvidence(bytes)
        return bytes !== undefined && evidence?.ok === true ? [bodyOf(bytes).type] : []
      })
      expect(types.length).toBeGreaterThan(10)
      return [...new Set(types)]
    })
    // One of the enclaves' comes behind the header of Open Enclave.
    expect(found).toEqual([['SgxEnclave', 'OpenEnclave'], ['TdxVm'], ['SevSnpVm']])
  })

  test('that was wrapped for Azure goes out as it came in, endorsements included', () => {
    const named = (name: string, file: string): Uint8Array =>
      readCapturedVectors('snp')
        .find((vector) => vector.name === name)
        ?.file(file) ?? new Uint8Array()
    const came = JSON.parse(
      new TextDecoder().decode(named('azure-maa-sevsnp-request', 'maa_report.json')),
    )
    const uvm = { Uvm: [base64UrlOf(named('azure-aci-milan-v2-uvm', 'uvm_reference_info.cose'))] }
    came.Endorsements = Buffer.from(JSON.stringify(uvm)).toString('base64url')
    const { type, body } = bodyOf(Buffer.from(JSON.stringify(came)))
    expect(type).toBe('SevSnpVm')
    const sent = JSON.parse(Buffer.from(String(body['report']), 'base64url').toString())
    expect(sent.SnpReport).toBe(came.SnpReport)
    expect(sent.Endorsements).toBe(came.Endorsements)
    const pem = (text: string): string =>
      Buffer.from(text, 'base64url').toString().replaceAll('\r', '').trim()
    expect(pem(sent.VcekCertChain)).toBe(pem(came.VcekCertChain))
  })
})
if (!hasSharedVectors) process.stdout.write(`${absentVectors}\n`)

test('a policy that nobody meets is told by its own code', async () => {
  const policy = parsePolicy('version=1.0; authorizationrules { };')
  if (!policy.ok) throw new Error(policy.problem.code)
  const { deps } = attester
  const instance = { ...deps.instance, policies: fixedPolicy(policy.value) }
  const strict = createAttestationService({ ...deps, instances: [instance] })
  const address = `http://127.0.0.1:${(await strict.listen()).port}`
  expect(await attestJson(documentFile, '--service', address)).toMatchObject({
    code: 1,
    problem: { code: 'not-permitted' },
  })
  await strict.close()
})

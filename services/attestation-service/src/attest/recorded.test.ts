/** Exchanges that were recorded from Azure Attestation, held again with this service. */

import { base64UrlOf, ok, type Problem, type Result, utf8Of } from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import { parseHclReport } from '@sealward/attestation/evidence'
import { parsePolicy } from '@sealward/attestation/policy'
import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import { pemOf } from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import type { EndorsementsCode } from '@sealward/enclave/endorsements'
import { type Server, systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
  readSharedText,
} from '../../../../packages/attestation/src/verification/shared-vectors.fixtures.ts'
import { createAttestationService } from '../app.ts'
import { createReplayMemory } from '../exchange/replay-memory.ts'
import { ringOf } from '../keys/key-ring.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import { fixedPolicy } from '../policies/fixed-policy.ts'
import { fixedDenials } from '../revocation/denials.ts'
import { newSigningKey, unremarkable } from '../testing/attester.fixtures.ts'

type Claims = Readonly<Record<string, unknown>>

interface Recording {
  readonly recording: string
  readonly exchanges: readonly {
    readonly path: string
    readonly status: number
    readonly token_header?: Readonly<Record<string, string>>
    readonly token_claims?: Claims
    readonly error_code?: string
    readonly error_message?: string
  }[]
}

const recordings: readonly Recording[] = hasSharedVectors
  ? (JSON.parse(readSharedText('maa/recordings-decoded.json')) as Recording[])
      .filter(({ recording }) => recording.includes('Attestation-AttestationTests.'))
      .map((one) => ({
        ...one,
        exchanges: one.exchanges.filter(({ path }) => path.startsWith('/attest/')),
      }))
  : []
const exchangeCount = recordings.flatMap(({ exchanges }) => exchanges).length
process.stdout.write(
  hasSharedVectors ? `${exchangeCount} recorded attestations read\n` : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are recordings to examine', () => {
  expect(recordings).toHaveLength(12)
  expect(exchangeCount).toBe(15)
})

describe.each(recordings)('$recording', ({ recording, exchanges }) => {
  test('is answered as it was', async () => {
    const vector = named('sgx', 'azure-sdk-oe-debug')
    const server = await serviceOf({
      at: vector.expected.verification_time,
      policy: readSharedText('policy/maa-default-sgx-2022.txt'),
      endorsements: vector.endorsements,
    })
    for (const [index, exchange] of exchanges.entries()) {
      const answer = await server.app.inject({
        method: 'POST',
        url: exchange.path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(requestOf(recording, index, exchange.path, vector)),
      })
      expect(answer.statusCode).toBe(exchange.status)
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'x-ms-request-id': expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
        'x-ms-maa-service-version': expect.any(String),
      })
      if (exchange.token_claims === undefined) {
        const { error } = answer.json() as { error: Readonly<Record<string, unknown>> }
        expect(error['code']).toBe(exchange.error_code)
        expect(answer.headers['x-ms-error-code']).toBe(exchange.error_code)
        expect(exchange.error_message).toContain(error['message'])
        expect(error['innererror']).toMatchObject({ code: 'not-permitted' })
        continue
      }
      const { token } = answer.json() as { readonly token: string }
      const claims = decodeJwt(token) as Claims
      expect(decodeProtectedHeader(token)).toEqual({
        ...exchange.token_header,
        jku: `${issuer}/certs`,
        kid: expect.any(String),
      })
      expect(token.endsWith('.')).toBe(exchange.token_header?.['alg'] === 'none')
      expect(withoutOwn(claims)).toEqual(withoutOwn(asRecorded(exchange.token_claims, claims)))
      expect(claims).toMatchObject({ iss: issuer, nbf: claims['iat'] })
    }
    await server.close()
  })
})

/**
 * TCB info and QE identity of the day of the recordings were not captured; those here are of the month before. Chains
 * and the root's revocation list are the same, and so have to be their hashes.
 */
function asRecorded(recorded: Claims, claims: Claims): Claims {
  const of = (name: string): Claims => claims[name] as Claims
  const documents = (name: string): Claims => {
    const { tcbinfohash, qeidhash } = of(name)
    expect([tcbinfohash, qeidhash]).toEqual(Array(2).fill(expect.stringMatching(/^[0-9a-f]{64}$/)))
    return { ...(recorded[name] as Claims), tcbinfohash, qeidhash }
  }
  return {
    ...recorded,
    'x-ms-sgx-collateral': documents('x-ms-sgx-collateral'),
    'maa-attestationcollateral': documents('maa-attestationcollateral'),
  }
}

/** The requests were not recorded; the tests that sent them are known. */
function requestOf(recording: string, index: number, path: string, vector: CapturedVector): object {
  const isOpenEnclave = path.startsWith('/attest/OpenEnclave')
  const file = (name: string): string => base64UrlOf(vector.file(name) ?? new Uint8Array())
  const dataType = recording.includes('RuntimeDataJson') ? 'JSON' : 'Binary'
  const draft = ['first_call_succeeds', 'second_call_denied'][index] ?? ''
  return {
    ...(isOpenEnclave ? { report: file('report.bin') } : { quote: file('quote.bin') }),
    ...(recording.includes('RuntimeData')
      ? { runtimeData: { data: file('runtime_data.bin'), dataType } }
      : {}),
    ...(recording.includes('DraftPolicy') ? { draftPolicyForAttestation: drafts()[draft] } : {}),
  }
}

function drafts(): Readonly<Record<string, string>> {
  return JSON.parse(readSharedText('maa/README-recordings.json')).draft_policies
}

describe.runIf(hasSharedVectors)('a recorded attestation of SEV-SNP', () => {
  const policy = 'version= 1.0;authorizationrules{=> permit();};'

  test('is answered as it was, policy hash included', async () => {
    const vector = named('snp', 'azure-maa-sevsnp-request')
    const server = await serviceOf({ at: vector.expected.verification_time, policy })
    const answer = await server.app.inject({
      method: 'POST',
      url: '/attest/SevSnpVm?api-version=2022-08-01',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        report: base64UrlOf(vector.file('maa_report.json') ?? new Uint8Array()),
      }),
    })
    const recorded = readSharedText('maa/tokens/sev-snp-2025-04.jwt').trim()
    expect(answer.statusCode, answer.body).toBe(200)
    const claims = decodeJwt((answer.json() as { readonly token: string }).token) as Claims
    expect(withoutOwn(claims)).toEqual(withoutOwn(decodeJwt(recorded) as Claims))
    await server.close()
  })
})

/** The forms of text that hide the value and keep what it is. */
function shapeOf(claims: Claims): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === 'string' && /^[0-9a-f]{16,}$/.test(value)
        ? `${value.length} digits`
        : typeof value,
    ]),
  )
}

describe.runIf(hasSharedVectors)(
  'evidence that was captured, and claims that are documented',
  () => {
    const permit = 'version=1.0; authorizationrules { => permit(); };'
    const documented = (name: string, without: readonly string[]): Claims =>
      Object.fromEntries(
        Object.entries(JSON.parse(readSharedText(`maa/tokens/${name}`)) as Claims).filter(
          ([claim]) => !without.includes(claim),
        ),
      )
    // Nobody outside can say which measurements Azure takes for its own confidential VMs.
    const azuresOwn = ['x-ms-compliance-status']

    test('of a trust domain have the documented names and kinds of values', async () => {
      const vector = named('tdx', 'trustee-azure-vtpm')
      const hcl = parseHclReport(vector.file('hcl-report.bin') ?? new Uint8Array())
      if (!hcl.ok) throw new Error(hcl.problem.code)
      const { claims } = await attested('TdxVm', vector, permit, {
        quote: base64UrlOf(vector.quote ?? new Uint8Array()),
        runtimeData: { data: base64UrlOf(hcl.value.variableData), dataType: 'JSON' },
      })
      expect(shapeOf(withoutOwn(claims))).toEqual(
        shapeOf(withoutOwn(documented('docs-tdx-claims.json', azuresOwn))),
      )
      expect(claims).toMatchObject({
        attester_tcb_status: vector.expected.intel_tcb_status,
        'x-ms-runtime': { keys: expect.any(Array) },
        tdx_mrsignerseam: '0'.repeat(96),
        'x-sealward-simulated': false,
      })
    })

    test('of a guest of SEV-SNP have the documented names and kinds of values', async () => {
      const vector = named('snp', 'trustee-azure-hcl-milan-v2')
      const hcl = parseHclReport(vector.file('hcl-report.bin') ?? new Uint8Array())
      if (!hcl.ok) throw new Error(hcl.problem.code)
      const { claims } = await attested('SevSnpVm', vector, permit, {
        report: snpReportOf(vector),
        runtimeData: { data: base64UrlOf(hcl.value.variableData), dataType: 'JSON' },
      })
      expect(shapeOf(withoutOwn(claims))).toEqual(
        shapeOf(withoutOwn(documented('docs-sevsnp-claims.json', azuresOwn))),
      )
      expect(claims).toMatchObject({
        'x-sealward-simulated': false,
        'x-sealward-revocation': 'unchecked',
      })
    })

    test('each trust domain and guest that verifies is attested, under a policy about it', async () => {
      let attestedCount = 0
      for (const vector of readCapturedVectors('tdx')) {
        const { intel_tcb_status: status } = vector.expected
        if (status === undefined || status.startsWith('(') || vector.quote === undefined) continue
        const policy = `version=1.0; authorizationrules {
        [type=="attester_tcb_status", value=="${status}"] && [type=="x-ms-attestation-type", value=="tdxvm"] => permit(); };`
        const { status: httpStatus } = await attested('TdxVm', vector, policy, {
          quote: base64UrlOf(vector.quote),
        })
        if (httpStatus === 200) attestedCount++
      }
      for (const vector of readCapturedVectors('snp')) {
        if (vector.file('vcek.der') === undefined) continue
        const policy = `version=1.0; authorizationrules {
        [type=="x-ms-sevsnpvm-launchmeasurement", value=="${measurementOf(vector)}"] => permit(); };`
        const { status: httpStatus } = await attested('SevSnpVm', vector, policy, {
          report: snpReportOf(vector),
        })
        if (httpStatus === 200) attestedCount++
      }
      process.stdout.write(`${attestedCount} captured domains and guests attested\n`)
      expect(attestedCount).toBeGreaterThan(15)
    })

    test('a utility VM that Microsoft endorsed is compliant, and no other endorsement counts', async () => {
      const vector = named('snp', 'azure-aci-milan-v2-uvm')
      const cose = vector.file('uvm_reference_info.cose') ?? new Uint8Array()
      const statusOf = async (
        endorsement: Uint8Array | undefined,
        of = vector,
      ): Promise<unknown> => {
        const { claims, code } = await attested('SevSnpVm', of, permit, {
          report: snpReportOf(of, endorsement),
        })
        return code ?? claims['x-ms-compliance-status'] ?? 'none'
      }
      expect(await statusOf(undefined)).toBe('none')
      expect(await statusOf(cose)).toBe('azure-compliant-uvm')
      const altered = cose.slice()
      altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
      expect(await statusOf(altered)).toBe('uvm-signature')
      expect(await statusOf(cose, named('snp', 'ms-milan'))).toBe('uvm-measurement-mismatch')
    })

    test('an EAT result says how trustworthy genuine platforms are', async () => {
      const vectorOf = async (vector: CapturedVector, type: string, body: object) => {
        const accept = 'application/eat-jwt; eat_profile="tag:github.com,2023:veraison/ear"'
        const { text, contentType } = await attested(type, vector, permit, body, accept)
        expect(contentType).toBe(accept)
        const { submods } = decodeJwt(text) as { submods: { cpu0: Claims } }
        const { 'ear.status': status, 'ear.trustworthiness-vector': trust } = submods.cpu0
        return [status, trust]
      }
      const domain = named('tdx', 'intel-trustauthority-azure')
      const quote = base64UrlOf(domain.quote ?? new Uint8Array())
      expect(await vectorOf(domain, 'TdxVm', { quote })).toMatchObject([
        'warning',
        { hardware: 2, configuration: 3, 'runtime-opaque': 2, executables: 33 },
      ])
      const debug = named('sgx', 'azure-sdk-oe-debug')
      const enclave = { quote: base64UrlOf(debug.quote ?? new Uint8Array()) }
      expect(await vectorOf(debug, 'SgxEnclave', enclave)).toMatchObject([
        'contraindicated',
        { hardware: 32, configuration: 96, 'runtime-opaque': 96 },
      ])
      const uvm = named('snp', 'azure-aci-milan-v2-uvm')
      const report = snpReportOf(uvm, uvm.file('uvm_reference_info.cose'))
      expect(await vectorOf(uvm, 'SevSnpVm', { report })).toMatchObject([
        'warning',
        { hardware: -33, executables: 3, 'runtime-opaque': 2 },
      ])
    })
  },
)

/** Asks a service that knows the vendors' roots, at the vector's time. */
async function attested(
  type: string,
  vector: CapturedVector,
  policy: string,
  body: object,
  accept?: string,
) {
  const server = await serviceOf({
    at: vector.expected.verification_time,
    policy,
    endorsements: vector.endorsements,
  })
  const answer = await server.app.inject({
    method: 'POST',
    url: `/attest/${type}?api-version=2025-06-01`,
    headers: { 'content-type': 'application/json', ...(accept === undefined ? {} : { accept }) },
    body: JSON.stringify(body),
  })
  await server.close()
  const json = answer.body.startsWith('{')
    ? (JSON.parse(answer.body) as {
        token?: string
        error?: { innererror: { code: string } }
      })
    : {}
  return {
    status: answer.statusCode,
    contentType: answer.headers['content-type'],
    text: answer.body,
    code: json.error?.innererror.code,
    claims: json.token === undefined ? {} : (decodeJwt(json.token) as Claims),
  }
}

/** As hosts of Azure hand it out. */
function snpReportOf(vector: CapturedVector, uvmEndorsement?: Uint8Array): string {
  const file = (name: string): Uint8Array => vector.file(name) ?? new Uint8Array()
  const chain = ['vcek.der', 'ask.der', 'ark.der'].map((name) => pemOf(file(name))).join('')
  const encoded = (value: object): string => base64UrlOf(utf8Of(JSON.stringify(value)))
  return encoded({
    SnpReport: base64UrlOf(file('report.bin')),
    VcekCertChain: base64UrlOf(utf8Of(chain)),
    ...(uvmEndorsement === undefined
      ? {}
      : { Endorsements: encoded({ Uvm: [base64UrlOf(uvmEndorsement)] }) }),
  })
}

function measurementOf({ expected }: CapturedVector): string {
  return (expected.parsed as unknown as { measurement: string }).measurement
}

const issuer = 'https://attestation.example'

/** `x-sealward-…` is ours; time, name and issuer are everybody's own. */
function withoutOwn(claims: Claims): Claims {
  return Object.fromEntries(
    Object.entries(claims).filter(
      ([name]) =>
        !name.startsWith('x-sealward-') && !['iat', 'nbf', 'exp', 'jti', 'iss'].includes(name),
    ),
  )
}

function named(tee: 'sgx' | 'snp' | 'tdx', name: string): CapturedVector {
  const vector = readCapturedVectors(tee).find((one) => one.name === name)
  if (vector === undefined) throw new Error(`no vector ${name}`)
  return vector
}

let key: Promise<SigningKey> | undefined

async function serviceOf(options: {
  readonly at: number | undefined
  readonly policy: string
  readonly endorsements?: Endorsements | undefined
}): Promise<Server> {
  const { at = Number.NaN, endorsements } = options
  const policy = parsePolicy(options.policy)
  if (!policy.ok) throw new Error(policy.problem.code)
  key ??= newSigningKey()
  const missing = async (): Promise<never> => Promise.reject(new Error('nothing to ask'))
  return createAttestationService({
    instances: [
      {
        name: 'default',
        issuer,
        development: false,
        roots: [intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)],
        ...unremarkable,
        keys: ringOf(await key),
        policies: fixedPolicy(policy.value),
        administration: { mode: 'shared', defaults: fixedPolicy(policy.value) },
        denials: fixedDenials(),
        assertions: createReplayMemory(8),
      },
    ],
    endorsements: {
      endorsementsFor: async (): Promise<Result<Endorsements, Problem<EndorsementsCode>>> =>
        endorsements === undefined ? missing() : ok(endorsements),
      snpEndorsementsFor: missing,
    },
    verification: { cryptography: nodeCryptography },
    snpRevocation: { unchecked: 'no list was captured' },
    clock: { now: () => at },
    random: systemRandom,
    log: createLogger('test', { level: 'silent' }),
  })
}

/** What every kind of evidence has in common, and what each has of its own. */

import { base64UrlOf, ok, refuse, sha256, utf8Of } from '@sealward/attestation/bytes'
import { type AttestationType, attestationTypes, parsePolicy } from '@sealward/attestation/policy'
import {
  verifyAccessToken,
  verifyAttestationResult,
  verifyAttestationToken,
} from '@sealward/attestation/token'
import type { SnpProduct } from '@sealward/attestation/verification'
import type { SnpEndorsementSet, TcbBaseline } from '@sealward/enclave/endorsements'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AmdInputChanges,
  type AmdWorld,
  amdWorld,
} from '../../../../packages/attestation/src/verification/amd-world.fixtures.ts'
import type { Answer } from '../answer.ts'
import type { ApiVersion } from '../api-version.ts'
import { exchangeToken } from '../exchange/exchange.ts'
import { limits } from '../limits.ts'
import { fixedPolicy } from '../policies/fixed-policy.ts'
import {
  type Attester,
  attestBodyOf,
  createAttester,
  issuer,
  startOfTests,
} from '../testing/attester.fixtures.ts'
import { type AttestDeps, attest } from './attest.ts'

let attester: Attester
let amd: AmdWorld
beforeAll(async () => {
  attester = await createAttester()
  amd = await amdWorld('Milan')
})
afterAll(() => attester.close())

const permitting = 'version=1.0; authorizationrules { => permit(); };'
const eat = 'application/eat+jwt'

function policyOf(text: string) {
  const policy = parsePolicy(text)
  if (!policy.ok) throw new Error(policy.problem.code)
  return fixedPolicy(policy.value)
}

/** Of the attester's, under another policy. */
function depsUnder(policy: string, changes: Partial<AttestDeps> = {}): AttestDeps {
  const { deps } = attester
  const instance = { ...deps.instance, policies: policyOf(policy) }
  return { ...deps, instance, ...changes }
}

function ask(
  deps: AttestDeps,
  type: string,
  body: unknown,
  { apiVersion = '2025-06-01', accept }: { apiVersion?: ApiVersion; accept?: string } = {},
): Promise<Answer> {
  return attest(deps, { type, apiVersion, accept, body: utf8Of(JSON.stringify(body)) })
}

function claimsIn(answer: Answer): Readonly<Record<string, unknown>> {
  expect(answer).toMatchObject({ status: 200 })
  return decodeJwt((answer.body as { readonly token: string }).token)
}

function earIn({ body }: Answer): string {
  return typeof body === 'string' ? body : ''
}

function refused(ours: string, status = 400, code = 'InvalidParameter'): object {
  return {
    status,
    headers: { 'x-ms-error-code': code },
    body: { error: { code, innererror: { code: ours } } },
  }
}

/** What a guest of SEV-SNP sends, and a service that knows its vendor. */
async function guest(
  changes: AmdInputChanges & {
    readonly reportData?: Uint8Array
    readonly hostData?: Uint8Array
    readonly withCertificates?: boolean
  } = {},
) {
  const { reportData, hostData, withCertificates = true } = changes
  const fields = [
    ...(reportData === undefined
      ? []
      : [[0x50, [...(await sha256(reportData)), ...Array(32).fill(0)]] as const]),
    ...(hostData === undefined ? [] : [[0xc0, [...(await sha256(hostData))]] as const]),
  ]
  const input = await amd.input({ ...changes, report: { ...changes.report, fields } })
  const [vcek = new Uint8Array(), intermediate = vcek, root = vcek] = input.certificates
  const [crl = new Uint8Array()] = input.crls
  const asked: (SnpProduct | undefined)[] = []
  const set: SnpEndorsementSet = {
    product: 'milan',
    key: 'vcek',
    certificate: vcek,
    intermediate,
    root,
    crl,
  }
  const chain = [vcek, intermediate, root].map(pem).join('')
  const report = {
    SnpReport: base64UrlOf(input.report),
    ...(withCertificates ? { VcekCertChain: base64UrlOf(utf8Of(chain)) } : {}),
  }
  const base = depsUnder(permitting)
  const deps: AttestDeps = {
    ...base,
    instance: { ...base.instance, roots: [amd.rootSpkiSha256] },
    endorsements: {
      endorsementsFor: async () => refuse('platform-unknown', '', 'of AMD'),
      snpEndorsementsFor: async (_report, certifiedAs) => {
        asked.push(certifiedAs)
        return ok(certifiedAs === undefined ? set : { ...set, certificate: undefined })
      },
    },
  }
  return { deps, asked, report, body: { report: base64UrlOf(utf8Of(JSON.stringify(report))) } }
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

describe('versions of the contract', () => {
  const known: Readonly<Record<AttestationType, readonly ApiVersion[]>> = {
    SgxEnclave: ['2020-10-01', '2022-08-01', '2025-06-01'],
    OpenEnclave: ['2020-10-01', '2022-08-01', '2025-06-01'],
    SevSnpVm: ['2022-08-01', '2025-06-01'],
    TdxVm: ['2025-06-01'],
  }

  test.each(attestationTypes)('%s is known to those that have it', async (type) => {
    for (const apiVersion of ['2020-10-01', '2022-08-01', '2025-06-01'] as const) {
      const answer = await ask(attester.deps, type, {}, { apiVersion })
      expect(answer).toMatchObject(
        refused(known[type].includes(apiVersion) ? 'field-missing' : 'api-version-unknown'),
      )
    }
  })

  test('what is not attested is said to be so', async () => {
    for (const type of ['AzureGuest', 'Tpm', 'sgxenclave', '__proto__', 'constructor']) {
      expect(await ask(attester.deps, type, {})).toMatchObject(
        refused('attestation-type-unknown', 404, 'NotFound'),
      )
    }
  })
})

describe('Open Enclave', () => {
  const header = (quote: Uint8Array): Uint8Array => {
    const report = new Uint8Array(16 + quote.length)
    const view = new DataView(report.buffer)
    view.setUint32(0, 1, true)
    view.setUint32(4, 2, true)
    view.setUint32(8, quote.length, true)
    report.set(quote, 16)
    return report
  }

  test('a report is its quote behind a header, and its hash is that of both', async () => {
    const body = await attestBodyOf(await attester.workload())
    const report = header(new Uint8Array(Buffer.from(String(body['quote']), 'base64url')))
    const claims = claimsIn(
      await ask(attester.deps, 'OpenEnclave', {
        report: base64UrlOf(report),
        runtimeData: body['runtimeData'],
      }),
    )
    expect(claims).toMatchObject({
      'x-ms-attestation-type': 'sgx',
      'x-ms-runtime': { role: 'platform' },
      'x-ms-sgx-collateral': { quotehash: Buffer.from(await sha256(report)).toString('hex') },
    })
    expect(await ask(attester.deps, 'OpenEnclave', { report: body['quote'] })).toMatchObject(
      refused('unsupported-version'),
    )
    expect(await ask(attester.deps, 'SgxEnclave', { quote: base64UrlOf(report) })).toMatchObject(
      refused('unsupported-version'),
    )
  })
})

describe('SEV-SNP', () => {
  test('the certificates of a request are used, and only what it does not bring is fetched', async () => {
    const with_ = await guest()
    expect(claimsIn(await ask(with_.deps, 'SevSnpVm', with_.body))).toMatchObject({
      'x-ms-attestation-type': 'sevsnpvm',
      'x-ms-sevsnpvm-bootloader-svn': 4,
      'x-ms-sevsnpvm-microcode-svn': 219,
      'x-ms-sevsnpvm-smt-allowed': true,
      'x-ms-sevsnpvm-migration-allowed': false,
      'x-sealward-simulated': true,
      'x-sealward-revocation': 'good',
    })
    expect(with_.asked).toEqual(['milan'])
    const without = await guest({ withCertificates: false })
    expect(claimsIn(await ask(without.deps, 'SevSnpVm', without.body))).toMatchObject({
      'x-ms-sevsnpvm-snpfw-svn': 24,
    })
    expect(without.asked).toEqual([undefined])
  })

  test('the certificates of a request are believed no more than others', async () => {
    const forged = await guest({ leaf: { signer: amd.keys.stranger } })
    expect(await ask(forged.deps, 'SevSnpVm', forged.body)).toMatchObject(refused('chain'))
    const { deps, body } = await guest()
    const other = { ...deps, instance: { ...deps.instance, roots: ['0'.repeat(64)] } }
    expect(await ask(other, 'SevSnpVm', body)).toMatchObject(refused('root-not-trusted'))
  })

  test('without a revocation list nothing is believed', async () => {
    const { deps, body } = await guest()
    const endorsements = {
      ...deps.endorsements,
      snpEndorsementsFor: async () => refuse('endorsements-unavailable', 'crl', 'nobody answers'),
    }
    expect(await ask({ ...deps, endorsements }, 'SevSnpVm', body)).toMatchObject(
      refused('endorsements-unavailable', 503, 'ServiceUnavailable'),
    )
    const revoked = await guest({ crl: { revoked: [0x1_0001] } })
    expect(await ask(revoked.deps, 'SevSnpVm', revoked.body)).toMatchObject(refused('revoked'))
  })

  test('runtime data is bound by REPORT_DATA, init-time data by HOST_DATA', async () => {
    const runtime = utf8Of('{"keys":[]}\0')
    const initTime = utf8Of('{"policy":"allow"}')
    const { deps, body } = await guest({ reportData: runtime, hostData: initTime })
    const data = (bytes: Uint8Array, dataType: string): object => ({
      data: base64UrlOf(bytes),
      dataType,
    })
    const asJson = claimsIn(
      await ask(deps, 'SevSnpVm', {
        ...body,
        runtimeData: data(runtime, 'JSON'),
        initTimeData: data(initTime, 'JSON'),
      }),
    )
    expect(asJson).toMatchObject({
      'x-ms-runtime': { keys: [] },
      'x-ms-inittime': { policy: 'allow' },
    })
    const asBinary = claimsIn(
      await ask(deps, 'SevSnpVm', {
        ...body,
        runtimeData: data(runtime, 'Binary'),
        initTimeData: data(initTime, 'Binary'),
      }),
    )
    for (const name of ['x-ms-runtime', 'x-ms-inittime', 'x-ms-sgx-ehd', 'aas-ehd', 'maa-ehd']) {
      expect(Object.keys(asBinary)).not.toContain(name)
    }
    const cases = [
      [{ runtimeData: data(utf8Of('{"keys":[]}'), 'JSON') }, 'runtime-data-binding'],
      [{ runtimeData: data(initTime, 'Binary') }, 'runtime-data-binding'],
      [{ initTimeData: data(runtime, 'Binary') }, 'init-time-data-binding'],
    ] as const
    for (const [change, code] of cases) {
      expect(await ask(deps, 'SevSnpVm', { ...body, ...change })).toMatchObject(refused(code))
    }
  })

  test('data that is said to be JSON is an object', async () => {
    for (const text of ['[]', '5', 'null', '{"a":1,"a":2}', '{}\0\0', 'not JSON']) {
      const runtime = utf8Of(text)
      const { deps, body } = await guest({ reportData: runtime })
      const runtimeData = { data: base64UrlOf(runtime), dataType: 'JSON' }
      expect(await ask(deps, 'SevSnpVm', { ...body, runtimeData })).toMatchObject(
        refused('runtime-data-malformed'),
      )
    }
  })

  test('the forms of base64 that clients write are one', async () => {
    const runtime = utf8Of('{"?":"\u00ff\u00fe>"}')
    const { deps, body } = await guest({ reportData: runtime })
    const plain = Buffer.from(runtime).toString('base64')
    for (const data of [plain, plain.replace(/=+$/, ''), base64UrlOf(runtime)]) {
      const runtimeData = { data, dataType: 'JSON' }
      expect((await ask(deps, 'SevSnpVm', { ...body, runtimeData })).status).toBe(200)
    }
  })

  test('simulated silicon is not made compliant by what it brings', async () => {
    const { deps, report } = await guest()
    const endorsed = {
      ...report,
      Endorsements: base64UrlOf(utf8Of(JSON.stringify({ Uvm: [base64UrlOf(utf8Of('COSE'))] }))),
    }
    const body = { report: base64UrlOf(utf8Of(JSON.stringify(endorsed))) }
    expect(await ask(deps, 'SevSnpVm', body)).toMatchObject(refused('uvm-malformed'))
  })
})

describe('the TCB baseline', () => {
  const baselines = async (policy: string): Promise<readonly unknown[]> => {
    const asked: (TcbBaseline | undefined)[] = []
    const { endorsements } = attester.deps
    const deps = depsUnder(policy, {
      endorsements: {
        ...endorsements,
        endorsementsFor: async (quote, baseline) => {
          asked.push(baseline)
          return baseline === 12
            ? refuse('evaluation-withdrawn', 'tcb-info', 'given up')
            : endorsements.endorsementsFor(quote)
        },
      },
    })
    const answer = await ask(deps, 'SgxEnclave', await attestBodyOf(await attester.workload()))
    const { error } = answer.body as { error?: { code: string; innererror: { code: string } } }
    return [...asked, answer.status, error?.code, error?.innererror.code]
  }
  const withIdentifier = (value: string): string =>
    `version=1.1; configurationrules { => issueproperty(type="x-ms-sgx-tcbidentifier", value=${value}); }; authorizationrules { => permit(); };`

  test('is that of the policy, and otherwise the one in force', async () => {
    const none = [200, undefined, undefined]
    expect(await baselines(permitting)).toEqual(['standard', ...none])
    expect(await baselines(withIdentifier('"azuredefault"'))).toEqual(['standard', ...none])
    expect(await baselines(withIdentifier('"1"'))).toEqual([1, ...none])
  })

  test('that nobody has is a refusal with a code', async () => {
    expect(await baselines(withIdentifier('"12"'))).toEqual([
      12,
      400,
      'PolicyEvaluationError',
      'evaluation-withdrawn',
    ])
    expect(await baselines(withIdentifier('"latest"'))).toEqual([
      400,
      'PolicyEvaluationError',
      'policy-configuration',
    ])
  })

  test('an older one than was asked for is not judged by', async () => {
    expect(await baselines(withIdentifier('"4000000"'))).toEqual([
      4_000_000,
      503,
      'ServiceUnavailable',
      'endorsements-malformed',
    ])
  })
})

describe('claims', () => {
  test('that another part adds are seen by the policy, and replace none of evidence', async () => {
    const policy =
      'version=1.0; authorizationrules { [type=="x-sealward-fresh", value==true] => permit(); };'
    const body = await attestBodyOf(await attester.workload())
    const asked: unknown[] = []
    const deps = depsUnder(policy, {
      additionalClaims: async ({ runtimeData, type }) => {
        asked.push(type, (runtimeData as { role: string }).role)
        return { 'x-sealward-fresh': true, 'x-ms-sgx-mrenclave': 'forged' }
      },
    })
    expect(claimsIn(await ask(deps, 'SgxEnclave', body))).toMatchObject({
      'x-sealward-fresh': true,
      'x-ms-sgx-mrenclave': 'e1'.repeat(32),
    })
    expect(asked).toEqual(['SgxEnclave', 'platform'])
    expect(await ask(depsUnder(policy), 'SgxEnclave', body)).toMatchObject(
      refused('not-permitted', 400, 'PolicyEvaluationError'),
    )
  })

  test('that are JSON are read by a policy as their text', async () => {
    const policy = `version=1.2; authorizationrules {
      c:[type=="x-ms-runtime"] => add(type="role", value=JmesPath(c.value, "role"));
      c:[type=="role"] => add(type="said", value=JsonToClaimValue(c.value));
      [type=="said", value=="platform"] => permit(); };`
    const body = await attestBodyOf(await attester.workload())
    expect((await ask(depsUnder(policy), 'SgxEnclave', body)).status).toBe(200)
  })

  test('of the service cannot be made by a policy on evidence of another kind', async () => {
    const issuance = ['tdx_mrtd', 'dbgstat', 'eat_profile', 'aas-ehd', 'ear.status', 'x-ms-ver']
      .map((type) => `=> issue(type="${type}", value="forged");`)
      .join(' ')
    const policy = `version=1.0; authorizationrules { => permit(); }; issuancerules { ${issuance} };`
    const body = await attestBodyOf(await attester.workload())
    const { quote } = body
    const claims = claimsIn(await ask(depsUnder(policy), 'SgxEnclave', { quote }))
    expect(Object.values(claims)).not.toContain('forged')
    expect(claims['x-ms-policy']).toMatchObject({ tdx_mrtd: 'forged' })
  })
})

describe('EAT Attestation Results', () => {
  const nonce = 'a nonce of the client'

  async function earOf(policy: string, extra: object = {}): Promise<Answer> {
    const body = { ...(await attestBodyOf(await attester.workload())), ...extra }
    return ask(depsUnder(policy), 'SgxEnclave', body, { accept: eat })
  }

  test('stand alone, with their media type', async () => {
    const answer = await earOf(permitting, { nonce })
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/eat+jwt; eat_profile="tag:github.com,2023:veraison/ear"',
      },
    })
    expect(decodeProtectedHeader(earIn(answer))).toMatchObject({
      alg: 'RS256',
      typ: 'eat+jwt',
      kid: attester.signingKey.kid,
    })
    expect(decodeJwt(earIn(answer))).toMatchObject({
      eat_profile: 'tag:github.com,2023:veraison/ear',
      iss: issuer,
      iat: startOfTests,
      exp: startOfTests + 3600,
      eat_nonce: nonce,
      'ear.verifier-id': { developer: 'Sealward', build: expect.stringMatching(/^attestation/) },
      submods: {
        cpu0: {
          // A simulated TEE protects nothing, and whoever reads the result is told so.
          'ear.status': 'contraindicated',
          'ear.trustworthiness-vector': {
            'instance-identity': 0,
            configuration: 3,
            executables: 33,
            'file-system': 0,
            hardware: 97,
            'runtime-opaque': 96,
            'storage-opaque': 0,
            'sourced-data': 0,
          },
          'ear.appraisal-policy-id': expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
          'ear.veraison.annotated-evidence': {
            sgx: {
              mrEnclave: 'e1'.repeat(32),
              tcb_status: 'UpToDate',
              advisory_ids: [],
              earliest_expiration_date: expect.stringMatching(/^2026-/),
            },
            simulated: true,
            report_data: expect.stringMatching(/^[0-9a-f]{64}0{64}$/),
            runtime_data_claims: { role: 'platform' },
            init_data_claims: { role: 'platform' },
          },
          'ear.veraison.policy-claims': {},
        },
      },
    })
  })

  test('are not given to who does not ask for them', async () => {
    const body = await attestBodyOf(await attester.workload())
    for (const accept of [undefined, '*/*', 'application/json', 'text/html']) {
      const options = accept === undefined ? {} : { accept }
      expect(
        claimsIn(await ask(depsUnder(permitting), 'SgxEnclave', body, options)),
      ).toHaveProperty('x-ms-ver')
    }
  })

  test('of another profile are not to be had', async () => {
    const body = await attestBodyOf(await attester.workload())
    const accept = 'application/eat+jwt; eat_profile="tag:example.org,2026:other"'
    expect(await ask(depsUnder(permitting), 'SgxEnclave', body, { accept })).toMatchObject(
      refused('eat-profile-unknown', 406, 'NotAcceptable'),
    )
  })

  test('a refusal is the same as for anybody: no result is signed over what a policy refuses', async () => {
    expect(await earOf('version=1.0; authorizationrules { => deny(); };')).toMatchObject(
      refused('denied', 400, 'PolicyEvaluationError'),
    )
  })

  test('a policy says which software is right, and cannot call better what was found', async () => {
    const answer = await earOf(`version=1.0; authorizationrules { => permit(); }; issuancerules {
      => issue(type="ear.executables", value=2); => issue(type="ear.hardware", value=2);
      => issue(type="ear.configuration", value=32); => issue(type="mine", value="x"); };`)
    expect(decodeJwt(earIn(answer))).toMatchObject({
      submods: {
        cpu0: {
          'ear.status': 'contraindicated',
          'ear.trustworthiness-vector': { executables: 2, hardware: 97, configuration: 32 },
          'ear.veraison.policy-claims': { mine: 'x' },
        },
      },
    })
    for (const rule of [
      'issue(type="ear.executables", value=200)',
      'issue(type="ear.executables", value="96")',
      'issue(type="ear.nothing", value=2)',
    ]) {
      const text = `version=1.0; authorizationrules { => permit(); }; issuancerules { => ${rule}; };`
      expect(await earOf(text)).toMatchObject(
        refused('ear-claim-malformed', 400, 'PolicyEvaluationError'),
      )
    }
  })

  test('a nonce has the length that EAT asks for', async () => {
    for (const [length, status] of [
      [7, 400],
      [8, 200],
      [88, 200],
      [89, 400],
    ] as const) {
      expect(await earOf(permitting, { nonce: 'n'.repeat(length) })).toMatchObject({ status })
    }
    expect(await earOf(permitting, { nonce: 'short' })).toMatchObject(refused('ear-nonce-length'))
  })
})

const trust = () => ({
  issuer,
  jwks: { keys: [attester.signingKey.jwk] },
  signers: [attester.signingKey.signer],
  at: startOfTests,
  clockSkewSeconds: 0,
  denyList: { unchecked: 'not what is tested here' },
})

describe('a signed result', () => {
  test('of every form is verified by its key, issuer and time, and told apart from tokens of enclaves', async () => {
    const { deps, body } = await guest()
    const azure = await ask(deps, 'SevSnpVm', body)
    const ear = await ask(deps, 'SevSnpVm', body, { accept: eat })
    for (const token of [(azure.body as { readonly token: string }).token, earIn(ear)]) {
      expect(await verifyAttestationResult(token, trust())).toMatchObject({
        ok: true,
        value: { issuer, issuedAt: startOfTests, signer: attester.signingKey.signer },
      })
      const cases = [
        [{ issuer: 'https://else.example' }, 'wrong-issuer'],
        [{ at: startOfTests + 3600 }, 'expired'],
        [{ at: startOfTests - 1 }, 'not-yet-valid'],
        [{ signers: [] }, 'unknown-signer'],
      ] as const
      for (const [change, code] of cases) {
        expect(await verifyAttestationResult(token, { ...trust(), ...change })).toMatchObject({
          problem: { code },
        })
      }
      const changed = `${token.slice(0, -8)}AAAAAAAA`
      expect(await verifyAttestationResult(changed, trust())).toMatchObject({
        problem: { code: 'bad-signature' },
      })
    }
    expect(await verifyAttestationToken(earIn(ear), trust())).toMatchObject({
      problem: { code: 'wrong-type' },
    })
  })
})

describe('a draft policy', () => {
  test('gives what nothing of ours accepts, in either form', async () => {
    const workload = await attester.workload()
    const body = { ...(await attestBodyOf(workload)), draftPolicyForAttestation: permitting }
    const azure = await ask(attester.deps, 'SgxEnclave', body)
    const ear = await ask(attester.deps, 'SgxEnclave', body, { accept: eat })
    const tokens = [(azure.body as { readonly token: string }).token, earIn(ear)]
    for (const token of tokens) {
      expect(decodeProtectedHeader(token).alg).toBe('none')
      expect(token.endsWith('.')).toBe(true)
      for (const verify of [verifyAttestationToken, verifyAttestationResult]) {
        expect(await verify(token, trust())).toMatchObject({ problem: { code: 'unsecured' } })
      }
      expect(
        await verifyAccessToken(token, {
          ...trust(),
          audience: 'anybody',
          peerCertificateSha256: 'A'.repeat(43),
          policyHashes: [attester.policyHash],
          purposes: ['cache'],
          expectation: {
            role: 'platform',
            mrEnclave: ['e1'.repeat(32)],
            mrSigner: ['51'.repeat(32)],
            isvProdId: 1,
            isvSvnMin: 1,
            debug: 'refused',
            tcbStatuses: ['UpToDate'],
          },
          deployment: 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11',
          development: true,
          admitJti: () => true,
        }),
      ).toMatchObject({ problem: { code: 'unsecured' } })
      const form = new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        subject_token: token,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: token,
        audience: 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11:cache-gateway',
        purpose: 'cache',
      })
      const exchanged = await exchangeToken(attester.deps, utf8Of(form.toString()))
      expect(exchanged).toMatchObject({ status: 400, body: { code: 'unsecured' } })
    }
  })
})

describe('bodies', () => {
  test.each(attestationTypes)('no bytes make %s throw', async (type) => {
    const { deps, report } = await guest()
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.base64String(),
      fc.record({ data: fc.base64String(), dataType: fc.constantFrom('JSON', 'Binary', 'x') }),
      fc
        .record({
          SnpReport: fc.oneof(fc.string(), fc.constant(report.SnpReport)),
          VcekCertChain: fc.oneof(fc.string(), fc.base64String()),
          Endorsements: fc.oneof(fc.string(), fc.base64String()),
        })
        .map((wrapped) => base64UrlOf(utf8Of(JSON.stringify(wrapped)))),
      fc.uint8Array({ maxLength: 256 }).map(base64UrlOf),
    )
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .record({
          quote: value,
          report: value,
          runtimeData: value,
          initTimeData: value,
          nonce: value,
          draftPolicyForAttestation: value,
        })
        .map((json) => utf8Of(JSON.stringify(json))),
    )
    await fc.assert(
      fc.asyncProperty(body, fc.option(fc.string(), { nil: undefined }), async (bytes, accept) => {
        const answer = await attest(deps, { type, apiVersion: '2025-06-01', accept, body: bytes })
        expect([400, 406]).toContain(answer.status)
      }),
      { numRuns: 200 },
    )
  })

  test('evidence has its limit, on each side of it', async () => {
    for (const [type, field, most] of [
      ['SgxEnclave', 'quote', limits.quoteCharactersMax],
      ['OpenEnclave', 'report', limits.quoteCharactersMax],
      ['TdxVm', 'quote', limits.quoteCharactersMax],
      ['SevSnpVm', 'report', limits.reportCharactersMax],
    ] as const) {
      const answerTo = (length: number): Promise<Answer> =>
        ask(attester.deps, type, { [field]: 'A'.repeat(length) })
      expect(await answerTo(most + 1)).toMatchObject(refused('too-long'))
      const { error } = (await answerTo(most)).body as { error: { innererror: { code: string } } }
      expect(error.innererror.code).not.toBe('too-long')
    }
  })
})

import { describe, expect, test } from 'vitest'
import { bytesOfBase64Url } from '../bytes/index.ts'
import { attestationClaimsOf } from '../token/index.ts'
import { intelSgxRootSpki, verifySgxEvidence } from '../verification/index.ts'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
  readSharedText,
} from '../verification/shared-vectors.fixtures.ts'
import {
  defaultPolicyFor,
  evaluatePolicy,
  explainPolicy,
  incomingClaims,
  type LintCode,
  lintPolicy,
  type PolicyClaim,
  parsePolicy,
  policyHashOf,
  printPolicy,
} from './index.ts'
import { limits, outcome, parsed } from './policy.fixtures.ts'

interface PublishedPolicy {
  readonly file: string
  readonly version: string
  readonly expected: 'valid' | 'invalid' | 'unclear'
}

interface RecordedEvaluation {
  readonly policy: string
  readonly evidence: string
  readonly expect: 'permit' | 'deny'
  readonly issued?: Readonly<Record<string, string | number | boolean>>
}

const read = (file: string): string => readSharedText(`policy/${file}`)
const listOf = <T>(file: string): readonly T[] =>
  hasSharedVectors ? (JSON.parse(read(file)) as T[]) : []

const all = listOf<PublishedPolicy>('policies.json')
const recorded = listOf<RecordedEvaluation>('evaluation.json')
process.stdout.write(
  hasSharedVectors
    ? `${all.length} published policies and ${recorded.length} recorded evaluations read\n`
    : `${absentVectors}\n`,
)

/** The text in a file: itself, or what a JWS carries. */
function textIn(file: string): string {
  if (!file.endsWith('.jws')) return read(file)
  const [, payload = ''] = read(file).split('.')
  const decoded = (text: string): string => new TextDecoder().decode(bytesOfBase64Url(text))
  return decoded((JSON.parse(decoded(payload)) as { AttestationPolicy: string }).AttestationPolicy)
}

describe.runIf(hasSharedVectors)('published policies', () => {
  test('there are some, of each version and of each validity', () => {
    expect(all.length).toBeGreaterThan(25)
    expect(new Set(all.map(({ version }) => version))).toEqual(new Set(['1.0', '1.1', '1.2']))
    expect(new Set(all.map(({ expected }) => expected))).toEqual(
      new Set(['valid', 'invalid', 'unclear']),
    )
  })

  test.each(all.filter(({ expected }) => expected !== 'unclear'))(
    '$file is $expected',
    ({ file, expected, version }) => {
      const result = parsePolicy(textIn(file))
      expect(result.ok ? 'valid' : 'invalid').toBe(expected)
      if (result.ok) expect(result.value.version).toBe(version)
    },
  )

  test('issue() in authorizationrules is refused, with a sentence that says what is allowed', () => {
    const unclear = all.filter(({ expected }) => expected === 'unclear')
    expect(unclear.length).toBe(1)
    for (const { file } of unclear) {
      expect(parsePolicy(textIn(file))).toMatchObject({
        ok: false,
        problem: { code: 'policy-action', detail: expect.stringContaining('add(…) expected') },
      })
    }
  })

  test.each(all.filter(({ expected }) => expected === 'valid'))(
    '$file says the same when it was printed',
    ({ file }) => {
      const policy = parsed(textIn(file))
      const again = parsed(printPolicy(policy))
      expect(printPolicy(again)).toBe(printPolicy(policy))
      expect(again.deviations).toEqual([])
      expect(again.authorization.length).toBe(policy.authorization.length)
      expect(again.issuance.length).toBe(policy.issuance.length)
      // Not one comment is lost.
      const comments = (text: string): number => text.split('//').length
      expect(comments(printPolicy(policy))).toBe(comments(textIn(file)))
    },
  )

  test('where a single = was recorded as refused, that is said at its place', () => {
    expect(parsePolicy(read('docs-author-sign-policy-L18.txt'))).toMatchObject({
      problem: {
        code: 'policy-syntax',
        at: '4:12',
        detail: expect.stringContaining('== expected'),
      },
    })
  })

  test('the hashes are those that tokens carry', async () => {
    expect(await policyHashOf(read('maa-default-sgx-2022.txt'))).toBe(
      'bROrN897ZfWmWY2V0FLUlu3uwk5xatGnKYHn3zBbSlw',
    )
    expect(await policyHashOf(read('azure-sdk-draft-permit.txt'))).toBe(
      '1wKUrF_E0X5CZUM9OMIF1PH3qn5iykWY_bWgBbiWJZ0',
    )
  })

  test('the linter warns of Azure’s own defaults and samples', () => {
    const codes = (file: string): ReadonlySet<LintCode> =>
      new Set(lintPolicy(parsed(textIn(file))).map(({ code }) => code))
    expect(codes('maa-default-sgx-2022.txt')).toEqual(new Set(['unconditional-permit']))
    expect(codes('azure-samples-deny-all.txt')).toEqual(new Set(['no-permit', 'always-denies']))
    expect(codes('docs-unsigned-policy-jws.jws')).toContain('deprecated-claim')
    expect(codes('docs-claim-sets-L45.txt')).toContain('measurement-form')
    expect(codes('azure-sdk-draft-permit.txt')).toContain('debug-not-refused')
  })

  test('ours of SGX issues what Azure’s default does, and lets in less', () => {
    const claims = incomingClaims({
      'x-ms-attestation-type': 'sgx',
      'x-ms-sgx-is-debuggable': false,
      'x-ms-sgx-mrenclave': 'aa',
      'x-ms-sgx-mrsigner': 'bb',
      'x-ms-sgx-product-id': 1,
      'x-ms-sgx-svn': 2,
      'x-sealward-simulated': false,
    })
    const theirs = read('maa-default-sgx-2022.txt')
    expect(outcome(defaultPolicyFor('SgxEnclave'), claims)).toEqual(outcome(theirs, claims))
    expect(outcome(theirs, [])).toEqual([])
    expect(outcome(defaultPolicyFor('SgxEnclave'), [])).toBe('not-permitted')
  })
})

describe.runIf(hasSharedVectors)('recorded evaluations', () => {
  test('there are some', () => {
    expect(recorded.length).toBeGreaterThan(2)
  })

  test.each(recorded)(
    '$policy: $expect',
    async ({ policy, evidence, expect: expected, issued }) => {
      const claims = await claimsOf(evidence)
      const result = evaluatePolicy(parsed(read(policy)), claims, limits)
      expect(result.ok ? 'permit' : 'deny').toBe(expected)
      if (result.ok) {
        expect(Object.fromEntries(result.value.map(({ type, value }) => [type, value]))).toEqual(
          issued,
        )
      } else {
        expect(result.problem.code).toBe('not-permitted')
      }
      const { verdict, rules } = explainPolicy(parsed(read(policy)), claims, limits)
      expect(verdict).toBe(expected === 'permit' ? 'permitted' : 'not-permitted')
      if (expected === 'deny') {
        expect(rules[0]?.conditions[0]?.nearest).toMatchObject({ expected: false, actual: true })
      }
    },
  )
})

/** What captured evidence says, verified at its time. */
async function claimsOf(evidence: string): Promise<readonly PolicyClaim[]> {
  const vector = readCapturedVectors('sgx').find(({ name }) => evidence === `sgx/${name}`)
  if (vector?.quote === undefined || vector.endorsements === undefined) {
    throw new Error(`no ${evidence}`)
  }
  const verified = await verifySgxEvidence({
    quote: vector.quote,
    endorsements: vector.endorsements,
    roots: [intelSgxRootSpki.sha256],
    at: vector.expected.verification_time ?? 0,
  })
  if (!verified.ok) throw new Error(verified.problem.code)
  const claims = await attestationClaimsOf({ evidence: verified.value })
  if (!claims.ok) throw new Error(claims.problem.code)
  return incomingClaims(claims.value)
}

describe.runIf(hasSharedVectors)('policies for TPM over an event log', () => {
  const events = {
    Events: [
      event('EV_EFI_VARIABLE_DRIVER_CONFIG', 7, {
        UnicodeName: 'SecureBoot',
        VariableGuid: '8BE4DF61-93CA-11D2-AA0D-00E098032B8C',
        VariableData: 'AQ',
      }),
      event('EV_EVENT_TAG', 12, {
        EVENT_TRUSTBOUNDARY: {
          EVENT_CODEINTEGRITY: true,
          EVENT_BITLOCKER_UNLOCK: [{ Value: 0 }, { Value: 4 }],
          EVENT_LOADEDMODULE_AGGREGATION: [
            {
              EVENT_IMAGEVALIDATED: true,
              EVENT_FILEPATH: String.raw`\Windows\System32\drivers\wd\WdBoot.sys`,
            },
          ],
        },
      }),
      event('EV_EVENT_TAG', 19, {
        EVENT_TRUSTBOUNDARY: { EVENT_CODEINTEGRITY: true, EVENT_BITLOCKER_UNLOCK: { Value: 0 } },
      }),
    ],
  }

  test('secure boot, code integrity and drivers are found', () => {
    const text = read('docs-tpm-attestation-sample-policies-L41.txt')
    const claims = incomingClaims({ aikValidated: true, events })
    expect(outcome(text, claims)).toEqual([
      { type: 'aikValidated', value: true },
      { type: 'SecureBootEnabled', value: true },
      { type: 'CodeIntegrityEnabled', value: true },
      { type: 'BitlockerStatus', value: false },
      { type: 'ELAMDriverLoaded', value: true },
    ])
    expect(outcome(text, incomingClaims({ events: { Events: [] } }))).toEqual([
      { type: 'SecureBootEnabled', value: false },
      { type: 'CodeIntegrityEnabled', value: false },
      { type: 'BitlockerStatus', value: false },
      { type: 'ELAMDriverLoaded', value: true },
    ])
  })

  test('PCRs are compared with what they should be', () => {
    const text = read('docs-tpm-attestation-sample-policies-L82.txt')
    const digests = [...text.matchAll(/=='([0-9a-f]{64})'/g)].map(([, digest]) => digest)
    const pcrs = (changed?: number) => ({
      PCRs: digests.map((digest, index) => ({
        Index: index,
        Digests: { SHA256: index === changed ? '00' : digest },
      })),
    })
    expect(digests.length).toBe(4)
    expect(outcome(text, incomingClaims({ pcrs: pcrs() }))).toEqual([])
    expect(outcome(text, incomingClaims({ pcrs: pcrs(2) }))).toBe('not-permitted')
  })

  test('keys of several kinds are told apart', () => {
    const text = read('docs-tpm-attestation-concepts-L198.txt')
    const key = (kty: string): object => ({
      jwk: { kty },
      info: {
        tpm_quote: { hash_alg: 'sha-256' },
        tpm_certify: { name_alg: 11, obj_attr: 50, auth_policy: 'AQIDBA' },
      },
    })
    const issued = outcome(
      text,
      incomingClaims({
        'x-ms-tpm-request-key': key('RSA'),
        'x-ms-tpm-other-keys': [key('EC'), key('RSA')],
      }),
    )
    expect(issued).toContainEqual({ type: 'requestKeyType', value: 'RSA' })
    expect(issued).toContainEqual({ type: 'otherKeysTypes', value: 'RSA' })
    expect(issued).not.toContainEqual({ type: 'otherKeysTypes', value: 'EC' })
  })
})

function event(name: string, pcr: number, processed: object): object {
  return { EventTypeString: name, PcrIndex: pcr, EventSeq: 1, ProcessedData: processed }
}

import { bufferSourceOf, utf8Of } from '@sealward/attestation/bytes'
import { verifyAttestationToken } from '@sealward/attestation/token'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer } from '../answer.ts'
import { limits } from '../limits.ts'
import {
  type Attester,
  attestBodyOf,
  attestSgx,
  createAttester,
  issuer,
  nonce,
  startOfTests,
} from '../testing/attester.fixtures.ts'

let attester: Attester
beforeAll(async () => {
  attester = await createAttester()
})
afterAll(() => attester.close())

function attest(body: unknown, deps = attester.deps): Promise<Answer> {
  return attestSgx(deps, utf8Of(JSON.stringify(body)))
}

function tokenOf(answer: Answer): string {
  expect(answer).toMatchObject({ status: 200 })
  return (answer.body as { readonly token: string }).token
}

function refused(status: number, code: string, ours: string): object {
  return {
    status,
    headers: { 'x-ms-error-code': code },
    body: { error: { code, message: expect.any(String), innererror: { code: ours } } },
  }
}

test('a workload gets a token that its relying parties accept, with the documented claims', async () => {
  const workload = await attester.workload()
  const token = tokenOf(await attest(await attestBodyOf(workload, { nonce: 'echo' })))
  expect(decodeProtectedHeader(token)).toEqual({
    alg: 'RS256',
    jku: `${issuer}/certs`,
    kid: attester.signingKey.kid,
    typ: 'JWT',
  })
  const claims = decodeJwt(token)
  expect(claims).toMatchObject({
    iss: issuer,
    iat: startOfTests,
    nbf: startOfTests,
    exp: startOfTests + 3600,
    jti: expect.stringMatching(/^[0-9a-f]{64}$/),
    nonce: 'echo',
    'x-ms-ver': '1.0',
    'x-ms-attestation-type': 'sgx',
    'x-ms-policy-hash': expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    'x-ms-runtime': { role: 'platform', keys: [{ kid: workload.kid }] },
    'x-ms-inittime': { role: 'platform', version: 1 },
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-mrenclave': 'e1'.repeat(32),
    'x-ms-sgx-mrsigner': '51'.repeat(32),
    'x-ms-sgx-product-id': 1,
    'x-ms-sgx-svn': 1,
    'x-ms-sgx-report-data': expect.stringMatching(/^[0-9a-f]{64}0{64}$/),
    'x-ms-sgx-config-id': expect.stringMatching(/^[0-9a-f]{64}0{64}$/),
    'x-ms-sgx-collateral': { quotehash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    'x-sealward-tcb-status': 'UpToDate',
    'x-sealward-advisory-ids': [],
    'x-sealward-simulated': true,
    'x-sealward-evidence-root': attester.vendor.rootSpkiSha256,
    'x-ms-policy': { tee: 'sgx', svn: 1 },
    tee: 'sgx',
    'is-debuggable': false,
    'sgx-mrenclave': 'e1'.repeat(32),
    'maa-attestationcollateral': { quotehash: expect.any(String) },
  })
  const verified = await verifyAttestationToken(token, {
    issuer,
    jwks: { keys: [attester.signingKey.jwk] },
    signers: [attester.signingKey.signer],
    at: startOfTests,
    clockSkewSeconds: 0,
    denyList: { unchecked: 'not what is tested here' },
  })
  expect(verified).toMatchObject({
    ok: true,
    value: { runtimeData: { nonce: expect.any(String) } },
  })
})

test('bytes that are not said to be JSON come back as they were, undeciphered', async () => {
  const body = await attestBodyOf(await attester.workload())
  const { data } = body['runtimeData'] as { readonly data: string }
  const claims = decodeJwt(
    tokenOf(await attest({ quote: body['quote'], runtimeData: { data, dataType: 'Binary' } })),
  )
  expect(claims).toMatchObject({ 'x-ms-sgx-ehd': data, 'aas-ehd': data, 'maa-ehd': data })
  expect(claims).not.toHaveProperty('x-ms-runtime')
  expect(claims).not.toHaveProperty('x-ms-inittime')
})

test('a token does not outlive the evidence that it rests on', async () => {
  const brief = await createAttester({ lifetimeSeconds: 1800 })
  const claims = decodeJwt(
    tokenOf(await attest(await attestBodyOf(await brief.workload()), brief.deps)),
  )
  expect(claims.exp).toBe(startOfTests + 1800)
  expect(claims['x-sealward-evidence-expires']).toBe(startOfTests + 1800)
  await brief.close()
})

test('a policy shortens the life of a token, and never lengthens it', async () => {
  const lifeUnder = async (minutes: number): Promise<number> => {
    const own = await createAttester({
      policy: `version=1.1; configurationrules {=> issueproperty(type="report_validity_in_minutes", value=${minutes});};
        authorizationrules {=> permit();}; issuancerules {};`,
    })
    const body = await attestBodyOf(await own.workload())
    const { iat, exp } = decodeJwt(tokenOf(await attest(body, own.deps)))
    await own.close()
    return Number(exp) - Number(iat)
  }
  expect([await lifeUnder(5), await lifeUnder(525_600)]).toEqual([300, 3600])
})

test('data that the quote does not bind is refused', async () => {
  const body = await attestBodyOf(await attester.workload())
  const other = await attestBodyOf(
    await attester.workload({
      initTimeData: { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' },
    }),
  )
  expect(await attest({ ...body, runtimeData: other['runtimeData'] })).toMatchObject(
    refused(400, 'InvalidParameter', 'runtime-data-binding'),
  )
  expect(await attest({ ...body, initTimeData: other['initTimeData'] })).toMatchObject(
    refused(400, 'InvalidParameter', 'init-time-data-binding'),
  )
})

test('data is hashed with SHA-256, or as the request says', async () => {
  const data = utf8Of('{"nonce":"n"}')
  const quoteOf = async (hash: 'SHA-256' | 'SHA-384' | 'SHA-512'): Promise<string> => {
    const reportData = new Uint8Array(64)
    reportData.set(new Uint8Array(await crypto.subtle.digest(hash, bufferSourceOf(data))))
    const quote = await attester.vendor.quote({ ...enclave, reportData })
    return Buffer.from(quote).toString('base64url')
  }
  const enclave = {
    mrEnclave: new Uint8Array(32).fill(0xe1),
    mrSigner: new Uint8Array(32).fill(0x51),
    isvProdId: 1,
    isvSvn: 1,
    configId: new Uint8Array(64),
    debug: false,
  }
  const hashes = ['SHA-256', 'SHA-384', 'SHA-512'] as const
  for (const made of hashes) {
    const quote = await quoteOf(made)
    for (const said of [undefined, ...hashes]) {
      const runtimeData = {
        data: Buffer.from(data).toString('base64url'),
        dataType: 'JSON',
        ...(said === undefined ? {} : { hashAlgorithm: said }),
      }
      const answer = await attest({ quote, runtimeData })
      if (made === (said ?? 'SHA-256')) {
        expect(decodeJwt(tokenOf(answer))['x-ms-runtime']).toEqual({ nonce: 'n' })
      } else {
        expect(answer).toMatchObject(refused(400, 'InvalidParameter', 'runtime-data-binding'))
      }
    }
  }
  const unknown = { data: '', dataType: 'JSON', hashAlgorithm: 'SHA-1' }
  expect(await attest({ quote: await quoteOf('SHA-256'), runtimeData: unknown })).toMatchObject({
    status: 400,
  })
})

test('one changed bit of a quote is refused', async () => {
  const body = await attestBodyOf(await attester.workload())
  const quote = Buffer.from(String(body['quote']), 'base64url')
  const cases = [
    [112, 'quote-signature'],
    [200, 'quote-signature'],
    [368, 'quote-signature'],
    [440, 'quote-signature'],
    [600, 'qe-report-signature'],
  ] as const
  for (const [offset, code] of cases) {
    const changed = Buffer.from(quote)
    changed[offset] = (changed[offset] ?? 0) ^ 1
    expect(await attest({ ...body, quote: changed.toString('base64url') })).toMatchObject(
      refused(400, 'InvalidParameter', code),
    )
  }
})

test('a debug enclave is refused by both built-in policies', async () => {
  const body = await attestBodyOf(await attester.workload({ debug: true }))
  const expected = refused(400, 'PolicyEvaluationError', 'not-permitted')
  expect(await attest(body)).toMatchObject(expected)
})

test('the default policy refuses evidence of a sample root, even where the root is accepted', async () => {
  const production = await createAttester({ development: false })
  const body = await attestBodyOf(await production.workload())
  expect(await attest(body, production.deps)).toMatchObject(
    refused(400, 'PolicyEvaluationError', 'not-permitted'),
  )
  await production.close()
})

test('a root that is not accepted is refused', async () => {
  const body = await attestBodyOf(await attester.workload())
  const instance = { ...attester.deps.instance, roots: ['0'.repeat(64)] }
  const deps = { ...attester.deps, instance }
  expect(await attest(body, deps)).toMatchObject(
    refused(400, 'InvalidParameter', 'root-not-trusted'),
  )
})

test('expired TCB info is not judged by: there are no endorsements for now', async () => {
  const expired = await createAttester({ issue: { expired: ['tcb-info'] } })
  const body = await attestBodyOf(await expired.workload())
  expect(await attest(body, expired.deps)).toMatchObject({
    status: 503,
    body: { error: { innererror: { code: 'endorsements-expired' } } },
  })
  await expired.close()
})

test('when endorsements cannot be had, the service says that it is not the evidence', async () => {
  const cut = await createAttester()
  const body = await attestBodyOf(await cut.workload())
  await cut.close()
  expect(await attest(body, cut.deps)).toMatchObject(
    refused(503, 'ServiceUnavailable', 'endorsements-unavailable'),
  )
})

test('a draft policy gives a token that nothing accepts', async () => {
  const workload = await attester.workload()
  const draft =
    'version=1.0; authorizationrules { => permit(); }; issuancerules { => issue(type="mine", value=true); };'
  const token = tokenOf(
    await attest(await attestBodyOf(workload, { draftPolicyForAttestation: draft })),
  )
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'none' })
  expect(token.endsWith('.')).toBe(true)
  expect(decodeJwt(token)).toMatchObject({ mine: true })
  const verified = await verifyAttestationToken(token, {
    issuer,
    jwks: { keys: [attester.signingKey.jwk] },
    signers: [attester.signingKey.signer],
    at: startOfTests,
    clockSkewSeconds: 0,
    denyList: { unchecked: 'not what is tested here' },
  })
  expect(verified).toMatchObject({ ok: false, problem: { code: 'unsecured' } })
})

test('a draft policy that denies or cannot be read is refused in the words that clients know', async () => {
  const body = await attestBodyOf(await attester.workload())
  const draft = (draftPolicyForAttestation: string): Promise<Answer> =>
    attest({ ...body, draftPolicyForAttestation })
  expect(
    await draft('version=1.0; authorizationrules { => permit(); => deny(); }; issuancerules { };'),
  ).toMatchObject({
    ...refused(400, 'PolicyEvaluationError', 'denied'),
    body: {
      error: { message: 'Policy Engine Exception: A Deny claim was issued, authorization failed.' },
    },
  })
  expect(await draft('version=1.0; authorizationrules { permit }')).toMatchObject({
    status: 400,
    headers: { 'x-ms-error-code': 'PolicyParsingError' },
  })
})

test('a policy cannot replace what the service found', async () => {
  const lying = await createAttester({
    policy: `version=1.0; authorizationrules { => permit(); };
      issuancerules { => issue(type="iss", value="somebody else"); => issue(type="x-ms-sgx-svn", value=99);
        => issue(type="x-sealward-simulated", value=false); };`,
  })
  const claims = decodeJwt(
    tokenOf(await attest(await attestBodyOf(await lying.workload()), lying.deps)),
  )
  expect(claims).toMatchObject({ iss: issuer, 'x-ms-sgx-svn': 1, 'x-sealward-simulated': true })
  await lying.close()
})

test('every field has its form and its limit', async () => {
  const body = await attestBodyOf(await attester.workload())
  const cases: readonly (readonly [object, string])[] = [
    [{ quote: undefined }, 'field-missing'],
    [{ quote: 5 }, 'wrong-type'],
    [{ quote: 'A' }, 'wrong-value'],
    [{ quote: 'AA===' }, 'wrong-value'],
    [{ quote: 'AA A' }, 'wrong-value'],
    [{ quote: 'A'.repeat(limits.quoteCharactersMax + 1) }, 'too-long'],
    [{ runtimeData: { data: 'e30' } }, 'field-missing'],
    [{ runtimeData: { data: 'e30', dataType: 'json' } }, 'wrong-value'],
    [
      { runtimeData: { data: 'A'.repeat(limits.boundDataCharactersMax + 1), dataType: 'JSON' } },
      'too-long',
    ],
    [{ nonce: 'n'.repeat(limits.nonceCharactersMax + 1) }, 'too-long'],
  ]
  for (const [change, code] of cases) {
    expect(await attest({ ...body, ...change })).toMatchObject(
      refused(400, 'InvalidParameter', code),
    )
  }
  const twice = `{"quote":"AA","quote":"AA"}`
  expect(await attestSgx(attester.deps, utf8Of(twice))).toMatchObject(
    refused(400, 'InvalidParameter', 'json-duplicate-key'),
  )
})

test('no bytes make it throw', async () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.base64String())
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .record({ quote: value, runtimeData: value, nonce: value })
      .map((json) => utf8Of(JSON.stringify(json))),
  )
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      expect((await attestSgx(attester.deps, bytes)).status).toBe(400)
    }),
  )
})

test('the nonce of a request is not mistaken for freshness: it is beside the evidence', async () => {
  const token = tokenOf(await attest(await attestBodyOf(await attester.workload())))
  expect(decodeJwt(token)).not.toHaveProperty('nonce')
  expect(decodeJwt(token)['x-ms-runtime']).toMatchObject({
    nonce: Buffer.from(nonce).toString('base64url'),
  })
})

test('drafts that ask for ever more baselines hold up nobody who asks for none', async () => {
  const own = await createAttester()
  const body = await attestBodyOf(await own.workload())
  const good = utf8Of(JSON.stringify(body))
  expect(await attestSgx(own.deps, good)).toMatchObject({ status: 200 })
  const drafts = Array.from({ length: 400 }, (_, index) => {
    const draftPolicyForAttestation = `version=1.1;
configurationrules { => issueproperty(type="x-ms-sgx-tcbidentifier", value="${1000 + index}"); };
authorizationrules { => permit(); };`
    return attestSgx(own.deps, utf8Of(JSON.stringify({ ...body, draftPolicyForAttestation })))
  })
  // Who comes last is refused at once: all turns have been asked for by then.
  expect(await drafts.at(-1)).toMatchObject({
    status: 503,
    body: { error: { innererror: { code: 'endorsements-rate-limited' } } },
  })
  expect(await attestSgx(own.deps, good)).toMatchObject({ status: 200 })
  await own.close()
  await Promise.all(drafts)
})

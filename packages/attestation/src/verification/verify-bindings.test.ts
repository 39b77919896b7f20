import { describe, expect, test } from 'vitest'
import { base64UrlOf, concat, hexOf, sha256, utf8Of } from '../bytes/index.ts'
import { initTimeDataOf, runtimeDataOf } from '../evidence/evidence-document.fixtures.ts'
import {
  encodeInitTimeData,
  encodeRuntimeData,
  type InitTimeData,
  type ParsedEvidenceDocument,
  type RuntimeData,
} from '../evidence/index.ts'
import type { SampleEnclave } from '../sample/index.ts'
import {
  type SgxEvidence,
  type TdxEvidence,
  type Verified,
  verifyBindings,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
} from './index.ts'
import {
  instant,
  sampleWorld,
  initTimeData as someInitTimeData,
  runtimeData as someRuntimeData,
} from './sample-world.fixtures.ts'

const world = await sampleWorld()
const runtimeData = await runtimeDataOf()
const initTimeData = initTimeDataOf()
const rsaKey = {
  kty: 'RSA',
  n: `${'x'.repeat(511)}B`,
  e: 'AQAB',
  use: 'enc',
  alg: 'RSA-OAEP-256',
} as const

test('data that a quote binds is believed', async () => {
  const { evidence, document } = await quoted({})
  expect(await verifyBindings(evidence, document)).toEqual({
    ok: true,
    value: { evidence, runtimeData, initTimeData },
  })
})

describe('a document is refused', () => {
  test('with the quote of another document', async () => {
    const { document } = await quoted({})
    const other = await quoted({})
    expect(await verifyBindings(other.evidence, document)).toMatchObject({
      problem: { code: 'quote-mismatch' },
    })
  })

  test('with other runtime data', async () => {
    const { evidence, document } = await quoted({})
    const runtimeDataBytes = concat(document.runtimeDataBytes, Uint8Array.of(0x20))
    expect(await verifyBindings(evidence, { ...document, runtimeDataBytes })).toMatchObject({
      problem: { code: 'runtime-data-binding' },
    })
  })

  test('with other init-time data', async () => {
    const { evidence, document } = await quoted({})
    const initTimeDataBytes = concat(document.initTimeDataBytes, Uint8Array.of(0x20))
    expect(await verifyBindings(evidence, { ...document, initTimeDataBytes })).toMatchObject({
      problem: { code: 'init-time-data-binding' },
    })
  })

  test('with something in the upper half of report data or configuration', async () => {
    const report = await quoted({ upperHalf: { reportData: 1 } })
    expect(await verifyBindings(report.evidence, report.document)).toMatchObject({
      problem: { code: 'runtime-data-binding' },
    })
    const config = await quoted({ upperHalf: { configId: 1 } })
    expect(await verifyBindings(config.evidence, config.document)).toMatchObject({
      problem: { code: 'init-time-data-binding' },
    })
  })

  test.each([
    ['deployment', { deployment: 'urn:uuid:00000000-0000-0000-0000-000000000000' }],
    ['role', { role: 'diagnostics' }],
  ] as const)('when runtime and init-time data are of another %s', async (_, changed) => {
    const { evidence, document } = await quoted({ initTimeData: { ...initTimeData, ...changed } })
    expect(await verifyBindings(evidence, document)).toMatchObject({
      problem: { code: 'runtime-init-time-mismatch' },
    })
  })

  test('when the identity key goes by the name of another', async () => {
    const [key] = runtimeData.keys
    const named: RuntimeData = { ...runtimeData, keys: [{ ...key, kid: 'A'.repeat(43) }] }
    const { evidence, document } = await quoted({ runtimeData: named })
    expect(await verifyBindings(evidence, document)).toMatchObject({
      problem: { code: 'identity-key-id' },
    })
  })

  test('when the encryption key goes by the name of another', async () => {
    const quotedWith = async (kid: string): Promise<unknown> => {
      const [key] = runtimeData.keys
      const encryptionKey = { ...rsaKey, kid }
      const named: RuntimeData = { ...runtimeData, keys: [key, encryptionKey] }
      const { evidence, document } = await quoted({ runtimeData: named })
      return verifyBindings(evidence, document)
    }
    const { e, kty, n } = rsaKey
    const thumbprint = await sha256(utf8Of(JSON.stringify({ e, kty, n })))
    expect(await quotedWith(base64UrlOf(thumbprint))).toMatchObject({ ok: true })
    expect(await quotedWith('A'.repeat(43))).toMatchObject({
      problem: { code: 'encryption-key-id', at: 'runtimeData.keys[1].kid' },
    })
  })
})

test('a configuration counts only in an enclave that measures it', async () => {
  const { configId: _none, ...withoutKss } = world.enclave
  const evidence = await verifiedQuote(withoutKss)
  expect(await verifyRuntimeDataBinding(evidence, someRuntimeData)).toMatchObject({ ok: true })
  expect(await verifyInitTimeDataBinding(evidence, someInitTimeData)).toMatchObject({
    problem: { code: 'init-time-data-binding', at: 'quote' },
  })
})

test('one quote binds one text of each kind', async () => {
  const evidence = await verifiedQuote(world.enclave)
  expect(await verifyRuntimeDataBinding(evidence, someRuntimeData)).toMatchObject({ ok: true })
  expect(await verifyInitTimeDataBinding(evidence, someInitTimeData)).toMatchObject({ ok: true })
  expect(await verifyRuntimeDataBinding(evidence, someInitTimeData)).toMatchObject({ ok: false })
  expect(await verifyInitTimeDataBinding(evidence, someRuntimeData)).toMatchObject({ ok: false })
})

async function verifiedQuote(enclave: SampleEnclave): Promise<Verified<SgxEvidence>> {
  const verified = await world.verify({ quote: await world.vendor.quote(enclave), at: instant })
  if (!verified.ok) throw new Error(verified.problem.code)
  return verified.value
}

async function quoted(changed: {
  readonly runtimeData?: RuntimeData
  readonly initTimeData?: InitTimeData
  readonly upperHalf?: { readonly reportData?: number; readonly configId?: number }
}): Promise<{
  readonly evidence: Verified<SgxEvidence>
  readonly document: ParsedEvidenceDocument
}> {
  const said = { runtimeData, initTimeData, ...changed }
  const runtimeDataBytes = encodeRuntimeData(said.runtimeData)
  const initTimeDataBytes = encodeInitTimeData(said.initTimeData)
  const field = async (data: Uint8Array, upper = 0): Promise<Uint8Array> =>
    concat(await sha256(data), new Uint8Array(31), Uint8Array.of(upper))
  const quote = await world.vendor.quote({
    ...world.enclave,
    reportData: await field(runtimeDataBytes, changed.upperHalf?.reportData),
    configId: await field(initTimeDataBytes, changed.upperHalf?.configId),
  })
  const verified = await world.verify({ quote })
  if (!verified.ok) throw new Error(verified.problem.code)
  return {
    evidence: verified.value,
    document: {
      kind: 'sgx',
      quote,
      runtimeDataBytes,
      runtimeData: said.runtimeData,
      claimsBytes: undefined,
      initTimeDataBytes,
      initTimeData: said.initTimeData,
      endorsements: world.endorsements,
    },
  }
}

describe('evidence of other kinds binds what was fixed at launch in a field of its own', () => {
  const data = Uint8Array.of(1, 2, 3)
  const cases = [
    ['tdx', 'mrConfigId', 48],
    ['snp', 'hostData', 32],
  ] as const

  test.each(cases)('%s: %s', async (kind, field, length) => {
    const digest = hexOf(await sha256(data))
    const bound = async (value: string): Promise<boolean> => {
      const evidence = { kind, [field]: value, configId: digest.padEnd(128, '0') }
      return (await verifyInitTimeDataBinding(evidence as unknown as Verified<TdxEvidence>, data))
        .ok
    }
    expect(await bound(digest.padEnd(2 * length, '0'))).toBe(true)
    expect(await bound('')).toBe(false)
    expect(await bound('00'.repeat(length))).toBe(false)
    expect(await bound(digest.slice(0, 62))).toBe(false)
    expect(await bound(`${digest.slice(0, 62)}ff`.padEnd(2 * length, '0'))).toBe(false)
    if (length > 32) expect(await bound(`${digest}${'00'.repeat(length - 33)}01`)).toBe(false)
  })
})

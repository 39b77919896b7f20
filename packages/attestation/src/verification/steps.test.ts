/** Rules that the sample vendor cannot break, put to the steps one by one. */

import { describe, expect, test } from 'vitest'
import { bytesOf, bytesOfBase64, bytesOfHex } from '../bytes/index.ts'
import { parseQeIdentity, type QeIdentity } from '../endorsements/index.ts'
import { parseQeReport, parseSgxQuote, type SgxReportBody } from '../evidence/index.ts'
import {
  type Certificate,
  type Crl,
  type Cryptography,
  parseCertificate,
  parseCrl,
  webCryptography,
} from '../x509/index.ts'
import { type ChainExpectation, verifyChain } from './chain.ts'
import { refuseOtherEnclave } from './quoting-enclave.ts'
import { settling } from './refusal.ts'
import { refuseRevoked, verifyCrl } from './revocation.ts'
import { sampleWorld } from './sample-world.fixtures.ts'
import { refuseOutside, windowOf } from './validity.ts'

const { vendor, quote, endorsements } = await sampleWorld()
const { certificates } = await vendor.export()
const root = parsed('root')
const authority = parsed('platformCa')
const leaf = parsed('pck')
const expected: ChainExpectation = {
  at: 'chain',
  length: 3,
  leafIsCa: false,
  roots: [vendor.rootSpkiSha256],
}
const anySignature: Cryptography = { ...webCryptography, verify: () => true }
const signs = { digitalSignature: true, keyCertSign: false, crlSign: false }

describe('a chain', () => {
  const verify = async (
    chain: readonly Certificate[],
    changed: Partial<ChainExpectation> = {},
  ): Promise<string> => {
    const settled = await settling(() =>
      verifyChain(chain, { ...expected, ...changed }, anySignature),
    )
    return settled.ok ? 'verified' : `${settled.problem.code} ${settled.problem.at}`
  }

  test('in any order is one', async () => {
    expect(await verify([leaf, authority, root])).toBe('verified')
    expect(await verify([root, leaf, authority])).toBe('verified')
  })

  test('ends with an end entity', async () => {
    const isCa: Certificate = { ...leaf, isCa: true }
    expect(await verify([isCa, authority, root])).toBe('chain chain[0]')
    expect(await verify([isCa, authority, root], { leafIsCa: true })).toBe('chain chain[0]')
  })

  test('ends with a key that is for signatures', async () => {
    const usages = [undefined, { ...signs, digitalSignature: false }]
    for (const keyUsage of usages) {
      expect(await verify([{ ...leaf, keyUsage }, authority, root])).toBe('chain chain[0]')
    }
  })

  test('goes through authorities only', async () => {
    expect(await verify([leaf, { ...authority, isCa: false }, root])).toBe('chain chain[1]')
    expect(await verify([leaf, authority, { ...root, isCa: false }])).toBe('chain chain[2]')
  })

  test('goes through keys that are for certificates', async () => {
    for (const keyUsage of [undefined, signs]) {
      expect(await verify([leaf, { ...authority, keyUsage }, root])).toBe('chain chain[1]')
      expect(await verify([leaf, authority, { ...root, keyUsage }])).toBe('chain chain[2]')
    }
  })

  test('has no more authorities than those above allow', async () => {
    expect(await verify([leaf, authority, { ...root, pathLength: 0 }])).toBe('chain chain[2]')
    expect(await verify([leaf, authority, { ...root, pathLength: 1 }])).toBe('verified')
    expect(await verify([leaf, authority, { ...root, pathLength: undefined }])).toBe('verified')
    const issuers = { length: 2, leafIsCa: true } as const
    expect(await verify([authority, { ...root, pathLength: 0 }], issuers)).toBe('chain chain[1]')
    expect(await verify([authority, root], issuers)).toBe('verified')
  })

  test.each([
    ['without its root', [leaf, authority, authority]],
    ['with a certificate twice', [leaf, leaf, root]],
    ['with two leaves', [leaf, parsed('tcbSigning'), root]],
    ['that goes round', [leaf, { ...authority, issuer: leaf.subject }, root]],
    ['with a stranger', [leaf, { ...authority, subject: leaf.subject }, root]],
  ])('%s is none', async (_, chain) => {
    expect(await verify(chain)).toBe('chain chain')
  })
})

test('what is in force is so from its first to its last second', async () => {
  const validities = [
    { kind: 'certificate', at: 'a', from: 10, until: 30 },
    { kind: 'crl', at: 'b', from: 20, until: 40 },
  ] as const
  const at = async (moment: number): Promise<string> => {
    const settled = await settling(async () => refuseOutside(validities, moment))
    return settled.ok ? 'in force' : `${settled.problem.code} ${settled.problem.at}`
  }
  expect(windowOf(validities)).toEqual({ from: 20, until: 30 })
  expect(await at(9)).toBe('certificate-not-yet-valid a')
  expect(await at(19)).toBe('crl-not-yet-valid b')
  expect(await at(20)).toBe('in force')
  expect(await at(30)).toBe('in force')
  expect(await at(31)).toBe('certificate-expired a')
})

describe('a revocation list', () => {
  const list = crl(endorsements.pck_crl)
  const verify = async (
    changed: Partial<Crl>,
    issuer: Certificate = authority,
  ): Promise<string> => {
    const settled = await settling(() =>
      verifyCrl({ ...list, ...changed }, issuer, 'crl', anySignature),
    )
    return settled.ok ? 'verified' : settled.problem.code
  }

  test('is of the issuer that signed it', async () => {
    expect(await verify({})).toBe('verified')
    expect(await verify({ issuer: root.subject })).toBe('crl-signature')
  })

  test('is signed by a key that is for revocation lists', async () => {
    for (const keyUsage of [undefined, { ...signs, keyCertSign: true }]) {
      expect(await verify({}, { ...authority, keyUsage })).toBe('crl-signature')
    }
  })

  test('says nothing of the certificates of others', async () => {
    const ask = async (certificate: Certificate): Promise<string> => {
      const settled = await settling(async () => refuseRevoked(certificate, list, 'certificate'))
      return settled.ok ? 'not revoked' : settled.problem.code
    }
    expect(await ask(leaf)).toBe('not revoked')
    expect(await ask(authority)).toBe('crl-signature')
  })
})

describe('a quoting enclave', () => {
  const report = qeReport()
  const identity = qeIdentity()
  const ask = async (
    changedReport: Partial<SgxReportBody>,
    changedIdentity: Partial<QeIdentity> = {},
  ): Promise<string> => {
    const settled = await settling(async () =>
      refuseOtherEnclave({ ...report, ...changedReport }, { ...identity, ...changedIdentity }),
    )
    return settled.ok ? 'the same' : settled.problem.at
  }

  test('as described is the one', async () => {
    expect(await ask({})).toBe('the same')
  })

  test('of another product is another', async () => {
    expect(await ask({ isvProdId: 2 })).toBe('qeReport.isvProdId')
  })

  test('with other MISCSELECT bits is another, where the mask asks', async () => {
    const miscSelect = fixed(4, [1, 0, 0, 0])
    expect(await ask({ miscSelect })).toBe('qeReport.miscSelect')
    expect(await ask({ miscSelect }, { miscSelectMask: fixed(4, [0xfe, 0xff, 0xff, 0xff]) })).toBe(
      'the same',
    )
  })

  test('with other attributes is another, where the mask asks', async () => {
    const flipped = (byte: number, bit: number): SgxReportBody['attributes'] => {
      const attributes = [...report.attributes]
      attributes[byte] = (attributes[byte] ?? 0) ^ (1 << bit)
      return fixed(16, attributes)
    }
    for (let bit = 0; bit < 8; bit++) {
      // Bit 2, MODE64BIT, is left open by Intel's mask.
      const outcome = bit === 2 ? 'the same' : 'qeReport.attributes'
      expect(await ask({ attributes: flipped(0, bit) })).toBe(outcome)
    }
    expect(await ask({ attributes: flipped(8, 0) })).toBe('the same')
  })
})

function parsed(name: 'root' | 'platformCa' | 'pck' | 'tcbSigning'): Certificate {
  const certificate = parseCertificate(bytesOfBase64(certificates[name]) ?? new Uint8Array())
  if (!certificate.ok) throw new Error(certificate.problem.code)
  return certificate.value
}

function crl(hex: string): Crl {
  const list = parseCrl(bytesOfHex(hex) ?? new Uint8Array())
  if (!list.ok) throw new Error(list.problem.code)
  return list.value
}

function qeReport(): SgxReportBody {
  const parsedQuote = parseSgxQuote(quote)
  if (!parsedQuote.ok) throw new Error(parsedQuote.problem.code)
  const report = parseQeReport(parsedQuote.value)
  if (!report.ok) throw new Error('no report')
  return report.value
}

function qeIdentity(): QeIdentity {
  const identity = parseQeIdentity(endorsements.qe_identity)
  if (!identity.ok) throw new Error(identity.problem.code)
  return identity.value
}

function fixed<const N extends number>(
  length: N,
  bytes: readonly number[],
): NonNullable<ReturnType<typeof bytesOf<N>>> {
  const found = bytesOf(length, Uint8Array.from(bytes))
  if (found === undefined) throw new Error('length')
  return found
}

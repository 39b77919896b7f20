import { describe, expect, test } from 'vitest'
import { concat, hexOf, sha256, utf8Of } from '../bytes/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import { writeCertificate, writeCrl } from '../sample/certificates.ts'
import { createSampleVendor, type SampleKeyName } from '../sample/index.ts'
import { generateSampleKey, importSampleKey, type SampleKey } from '../sample/keys.ts'
import { writeQuote } from '../sample/quote-writer.ts'
import { type Cryptography, pemOf, webCryptography } from '../x509/index.ts'
import { instant, lifetimeSeconds, sampleWorld } from './sample-world.fixtures.ts'
import type { DcapTools } from './verify-dcap-evidence.ts'
import { verifySgxEvidence } from './verify-sgx-evidence.ts'

const world = await sampleWorld()
const { vendor, enclave, quote, endorsements, verify, endorsementsWith } = world

const refusedWith = (code: string, at?: string): object => ({
  ok: false,
  problem: { code, ...(at === undefined ? {} : { at }) },
})

describe('sample evidence that is in order', () => {
  test('is verified, and says what was quoted', async () => {
    const verified = await verify()
    expect(verified).toMatchObject({
      ok: true,
      value: {
        mrEnclave: hexOf(enclave.mrEnclave),
        mrSigner: hexOf(enclave.mrSigner),
        isvProdId: 7,
        isvSvn: 3,
        configId: hexOf(enclave.configId ?? new Uint8Array()),
        reportData: hexOf(enclave.reportData),
        debug: false,
        tcbStatus: 'UpToDate',
        advisoryIds: [],
        fmspc: vendor.fmspc.toLowerCase(),
        rootSpkiSha256: vendor.rootSpkiSha256,
        earliestExpiry: instant + lifetimeSeconds,
        hashes: {
          quote: hexOf(await sha256(quote)),
          tcbInfo: hexOf(
            await sha256(
              utf8Of(
                `{"tcbInfo":${endorsements.tcb_info},"signature":"${endorsements.tcb_info_signature}"}\0`,
              ),
            ),
          ),
        },
      },
    })
  })

  test('is verified at the last second that it lasts, and at the first', async () => {
    expect(await verify({ at: instant + lifetimeSeconds })).toMatchObject({ ok: true })
    expect(await verify({ at: instant })).toMatchObject({ ok: true })
  })

  test('an enclave for debugging is verified, and reported as one', async () => {
    const debug = await vendor.quote({ ...enclave, debug: true })
    expect(await verify({ quote: debug })).toMatchObject({ ok: true, value: { debug: true } })
  })

  test.each([
    ['UpToDate', 'UpToDate', 'UpToDate'],
    ['SWHardeningNeeded', 'UpToDate', 'SWHardeningNeeded'],
    ['ConfigurationNeeded', 'UpToDate', 'ConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'UpToDate', 'ConfigurationAndSWHardeningNeeded'],
    ['OutOfDate', 'UpToDate', 'OutOfDate'],
    ['OutOfDateConfigurationNeeded', 'UpToDate', 'OutOfDateConfigurationNeeded'],
    ['UpToDate', 'OutOfDate', 'OutOfDate'],
    ['SWHardeningNeeded', 'OutOfDate', 'OutOfDate'],
    ['ConfigurationNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['OutOfDate', 'OutOfDate', 'OutOfDate'],
  ] as const)(
    'platform %s with quoting enclave %s is %s',
    async (tcbStatus, qeTcbStatus, merged) => {
      const advisoryIds = ['SEALWARD-SAMPLE-SA-00002']
      const changed = await endorsementsWith({ tcbStatus, qeTcbStatus, advisoryIds })
      expect(await verify({ endorsements: changed })).toMatchObject({
        ok: true,
        value: { tcbStatus: merged, advisoryIds },
      })
    },
  )
})

describe('dates', () => {
  test.each([
    ['tcb-info', 'tcb-info-expired'],
    ['qe-identity', 'qe-identity-expired'],
    ['pck-crl', 'crl-expired'],
    ['root-ca-crl', 'crl-expired'],
  ] as const)('an expired %s is refused', async (name, code) => {
    const changed = await endorsementsWith({ expired: [name] })
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith(code))
  })

  test('endorsements of the future are refused', async () => {
    expect(await verify({ at: instant - 1 })).toMatchObject(refusedWith('crl-not-yet-valid'))
  })

  test.each([
    ['tcb_info', 'tcb-info-not-yet-valid'],
    ['qe_identity', 'qe-identity-not-yet-valid'],
  ] as const)('%s of the future is refused', async (field, code) => {
    const later = await endorsementsWith({ at: instant + 60 })
    const changed = {
      ...endorsements,
      [field]: later[field],
      [`${field}_signature`]: later[`${field}_signature`],
    }
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith(code))
  })

  test('certificates are refused before they begin and after they end', async () => {
    expect(await verify({ at: instant - 90_000 })).toMatchObject(
      refusedWith('certificate-not-yet-valid'),
    )
    const years = 8 * 365 * 86_400
    expect(await verify({ at: instant + years })).toMatchObject(
      refusedWith('certificate-expired', 'pck_certificate_chain[0]'),
    )
  })

  test('an instant that is none is a broken program', async () => {
    await expect(verify({ at: Number.NaN })).rejects.toThrow(RangeError)
  })
})

describe('revocation', () => {
  test.each([
    ['pck', 'pck_certificate_chain[0]'],
    ['platform-ca', 'pck_crl_issuer_chain'],
    ['tcb-signing', 'tcb_info_issuer_chain'],
  ] as const)('a revoked %s is refused', async (name, at) => {
    const changed = await endorsementsWith({ revoked: [name] })
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith('revoked', at))
  })

  test('one list cannot stand in for the other', async () => {
    const changed = { ...endorsements, pck_crl: endorsements.root_ca_crl }
    expect(await verify({ endorsements: changed })).toMatchObject(
      refusedWith('crl-signature', 'pck_crl'),
    )
  })

  test('the list of another vendor is refused', async () => {
    const other = await createSampleVendor({ at: instant })
    const { pck_crl } = await other.endorsements({ at: instant, lifetimeSeconds })
    expect(await verify({ endorsements: { ...endorsements, pck_crl } })).toMatchObject(
      refusedWith('crl-signature', 'pck_crl'),
    )
  })
})

test('the list of a namesake of the issuer is refused', async () => {
  const { root } = await keysOf()
  const namesake = {
    commonName: 'Sealward Sample SGX PCK Platform CA',
    key: await generateSampleKey(),
  }
  const certificate = await writeCertificate({
    commonName: namesake.commonName,
    publicKey: namesake.key,
    issuer: { commonName: 'Sealward Sample SGX Root CA', key: root },
    notBefore: instant,
    notAfter: instant + lifetimeSeconds,
    pathLength: 0,
  })
  const list = await writeCrl({
    issuer: namesake,
    thisUpdate: instant,
    nextUpdate: instant + lifetimeSeconds,
    revoked: [],
  })
  const changed = {
    ...endorsements,
    pck_crl: hexOf(list),
    pck_crl_issuer_chain: pemOf(certificate) + vendor.rootCertificatePem,
  }
  expect(await verify({ endorsements: changed })).toMatchObject(
    refusedWith('crl-signature', 'pck_crl'),
  )
})

describe('roots', () => {
  test('a root that is not trusted is refused', async () => {
    expect(await verify({ roots: ['ab'.repeat(32)] })).toMatchObject(
      refusedWith('root-not-trusted', 'tcb_info_issuer_chain'),
    )
    expect(await verify({ roots: [] })).toMatchObject(refusedWith('root-not-trusted'))
  })

  test('a trusted root cannot vouch for the platforms of another trusted root', async () => {
    const other = await createSampleVendor({ at: instant })
    const roots = [vendor.rootSpkiSha256, other.rootSpkiSha256]
    const foreign = await other.endorsements({ at: instant, lifetimeSeconds })
    expect(await verify({ endorsements: foreign, roots })).toMatchObject(
      refusedWith('root-not-trusted', 'pck_certificate_chain'),
    )
  })
})

describe('chains', () => {
  test('the order of certificates does not matter', async () => {
    const reversed = (pem: string): string =>
      `${pem
        .trim()
        .split(/(?<=-----END CERTIFICATE-----)\n/)
        .reverse()
        .join('\n')}\n`
    const changed: Endorsements = {
      ...endorsements,
      tcb_info_issuer_chain: reversed(endorsements.tcb_info_issuer_chain),
      qe_identity_issuer_chain: reversed(endorsements.qe_identity_issuer_chain),
      pck_crl_issuer_chain: reversed(endorsements.pck_crl_issuer_chain),
    }
    expect(changed.tcb_info_issuer_chain).not.toBe(endorsements.tcb_info_issuer_chain)
    expect(await verify({ endorsements: changed })).toMatchObject({ ok: true })
  })

  test('a certificate too many is refused', async () => {
    const changed = {
      ...endorsements,
      tcb_info_issuer_chain: endorsements.tcb_info_issuer_chain + vendor.rootCertificatePem,
    }
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith('chain'))
  })

  test('an authority does not sign TCB info', async () => {
    const { platformCa } = await keysOf()
    const changed = await resigned('tcb_info', platformCa, endorsements.pck_crl_issuer_chain)
    expect(await verify({ endorsements: changed })).toMatchObject(
      refusedWith('chain', 'tcb_info_issuer_chain[0]'),
    )
  })

  test("a platform's key does not sign TCB info", async () => {
    const { pck } = await keysOf()
    const changed = await resigned('tcb_info', pck, await pckChainOf())
    expect(await verify({ endorsements: changed })).toMatchObject(
      refusedWith('chain', 'tcb_info_issuer_chain'),
    )
  })

  test('a leaf does not issue certificates', async () => {
    const { tcbSigning } = await keysOf()
    const key = await generateSampleKey()
    const leaf = await writeCertificate({
      commonName: 'Sealward Sample Impostor',
      publicKey: key,
      issuer: { commonName: 'Sealward Sample SGX TCB Signing', key: tcbSigning },
      notBefore: instant,
      notAfter: instant + lifetimeSeconds,
    })
    const pckChain = pemOf(leaf) + endorsements.tcb_info_issuer_chain
    const attestation = await generateSampleKey()
    const forged = await writeQuote(enclave, { attestation, pck: key, pckChain })
    expect(await verify({ quote: forged })).toMatchObject(
      refusedWith('chain', 'pck_certificate_chain[1]'),
    )
  })
})

describe('the quote', () => {
  test('a quoting enclave whose report another key signed is refused', async () => {
    const impostor = await generateSampleKey()
    const forged = await quoteBy({ pck: impostor })
    expect(await verify({ quote: forged })).toMatchObject(refusedWith('qe-report-signature'))
  })

  test('an attestation key that the quoting enclave did not certify is refused', async () => {
    const { attestation, pck } = await keysOf()
    const forged = await writeQuote(
      enclave,
      { attestation, pck, pckChain: await pckChainOf() },
      { reportData: new Uint8Array(64) },
    )
    expect(await verify({ quote: forged })).toMatchObject(refusedWith('attestation-key-binding'))
  })

  test('the upper half of the certifying report data is zero, or the key is refused', async () => {
    const { attestation, pck } = await keysOf()
    const bound = await sha256(
      concat(
        attestation.coordinates,
        Uint8Array.from({ length: 32 }, (_, index) => index),
      ),
    )
    const signer = { attestation, pck, pckChain: await pckChainOf() }
    const asIs = await writeQuote(enclave, signer, {
      reportData: concat(bound, new Uint8Array(32)),
    })
    expect(await verify({ quote: asIs })).toMatchObject({ ok: true })
    const forged = await writeQuote(enclave, signer, {
      reportData: concat(bound, new Uint8Array(32).fill(1)),
    })
    expect(await verify({ quote: forged })).toMatchObject(refusedWith('attestation-key-binding'))
  })

  test.each([
    ['of another signer', { mrSigner: new Uint8Array(32) }, 'qeReport.mrSigner'],
    ['for debugging', { debug: true }, 'qeReport.attributes'],
  ] as const)('a quoting enclave %s is refused', async (_, overrides, at) => {
    const { attestation, pck } = await keysOf()
    const signer = { attestation, pck, pckChain: await pckChainOf() }
    const forged = await writeQuote(enclave, signer, overrides)
    expect(await verify({ quote: forged })).toMatchObject(refusedWith('qe-identity-mismatch', at))
  })

  test('a quoting enclave older than any that is listed counts as revoked', async () => {
    const { attestation, pck } = await keysOf()
    const signer = { attestation, pck, pckChain: await pckChainOf() }
    const old = await writeQuote(enclave, signer, { isvSvn: 1 })
    expect(await verify({ quote: old })).toMatchObject(refusedWith('tcb-revoked'))
  })

  test('a quote that another key signed is refused', async () => {
    const changed = quote.slice()
    changed.set(new Uint8Array(32).fill(9), 48 + 64)
    expect(await verify({ quote: changed })).toMatchObject(refusedWith('quote-signature'))
  })

  test('bytes after the quote are not looked at', async () => {
    const longer = concat(quote, new Uint8Array(100))
    const verified = await verify({ quote: longer })
    expect(verified).toMatchObject({ ok: true, value: { quote: { trailingBytes: 100 } } })
  })

  test('certification data without a chain needs one beside it', async () => {
    const withoutChain = concat(quote.subarray(0, 436), new Uint8Array())
    const fixed = 64 + 64 + 384 + 64 + 2 + 32
    const signatureData = concat(
      quote.subarray(436, 436 + fixed),
      Uint8Array.of(1, 0, 4, 0, 0, 0),
      new Uint8Array(4),
    )
    new DataView(withoutChain.buffer).setUint32(432, signatureData.length, true)
    const named = concat(withoutChain, signatureData)
    expect(await verify({ quote: named })).toMatchObject(
      refusedWith('missing-endorsements', 'pck_certificate_chain'),
    )
    const beside = { ...endorsements, pck_certificate_chain: await pckChainOf() }
    expect(await verify({ quote: named, endorsements: beside })).toMatchObject({ ok: true })
  })
})

describe('TCB', () => {
  test('a revoked level is refused', async () => {
    const changed = await endorsementsWith({ tcbStatus: 'Revoked' })
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith('tcb-revoked'))
    const qe = await endorsementsWith({ qeTcbStatus: 'Revoked' })
    expect(await verify({ endorsements: qe })).toMatchObject(refusedWith('tcb-revoked'))
  })

  test.each([
    ['fmspc-mismatch', (text: string) => text.replace(vendor.fmspc, '5EA1AD000002')],
    ['pceid-mismatch', (text: string) => text.replace('"pceId":"0000"', '"pceId":"0001"')],
    ['pceid-mismatch', (text: string) => text.replace('"pceId":"0000",', '')],
    ['tcb-level-not-found', (text: string) => text.replaceAll('"svn":7', '"svn":8')],
  ] as const)('%s', async (code, change) => {
    const { tcbSigning } = await keysOf()
    const text = change(endorsements.tcb_info)
    expect(text).not.toBe(endorsements.tcb_info)
    const changed = await resigned('tcb_info', tcbSigning, endorsements.tcb_info_issuer_chain, text)
    expect(await verify({ endorsements: changed })).toMatchObject(refusedWith(code))
  })

  test('a description of another enclave cannot stand in for that of the quoting enclave', async () => {
    const { tcbSigning } = await keysOf()
    const text = endorsements.qe_identity.replace('"id":"QE"', '"id":"QVE"')
    const chain = endorsements.qe_identity_issuer_chain
    const changed = await resigned('qe_identity', tcbSigning, chain, text)
    expect(await verify({ endorsements: changed })).toMatchObject(
      refusedWith('endorsements-malformed', 'qe_identity'),
    )
  })
})

describe('endorsements', () => {
  test.each(
    (Object.keys(endorsements) as (keyof Endorsements)[]).filter(
      (name) => !name.endsWith('_signature'),
    ),
  )('are refused without %s', async (name) => {
    expect(await verify({ endorsements: { ...endorsements, [name]: '' } })).toMatchObject(
      refusedWith('missing-endorsements', name),
    )
  })

  test.each(Object.keys(endorsements) as (keyof Endorsements)[])(
    'are refused with nonsense for %s',
    async (name) => {
      expect(await verify({ endorsements: { ...endorsements, [name]: 'nonsense' } })).toMatchObject(
        refusedWith('endorsements-malformed'),
      )
    },
  )

  test('are refused with a field too many', async () => {
    const changed = { ...endorsements, extra: '' } as Endorsements
    expect(await verify({ endorsements: changed })).toMatchObject(
      refusedWith('endorsements-malformed'),
    )
  })
})

test('whoever verifies signatures is asked about every one of them', async () => {
  let asked = 0
  const roots = [vendor.rootSpkiSha256]
  const asking = (verify: Cryptography['verify']): DcapTools => ({
    cryptography: { ...webCryptography, verify },
  })
  await verifySgxEvidence(
    { quote, endorsements, roots, at: instant },
    asking(() => {
      asked += 1
      return true
    }),
  )
  // Four certificates, each once; two revocation lists; two documents; quoting enclave's report; quote.
  expect(asked).toBe(10)
  for (let refusal = 0; refusal < asked; refusal++) {
    let question = 0
    const verified = await verifySgxEvidence(
      { quote, endorsements, roots, at: instant },
      asking(() => question++ !== refusal),
    )
    expect(verified.ok).toBe(false)
  }
})

async function keysOf(): Promise<Readonly<Record<SampleKeyName, SampleKey>>> {
  const { keys } = await vendor.export()
  return {
    root: await importSampleKey(keys.root),
    platformCa: await importSampleKey(keys.platformCa),
    pck: await importSampleKey(keys.pck),
    tcbSigning: await importSampleKey(keys.tcbSigning),
    attestation: await importSampleKey(keys.attestation),
  }
}

async function pckChainOf(): Promise<string> {
  const { certificates } = await vendor.export()
  return (['pck', 'platformCa', 'root'] as const)
    .map((name) => pemOf(Uint8Array.from(atob(certificates[name]), (c) => c.charCodeAt(0))))
    .join('')
}

async function quoteBy(
  changed: Partial<Record<'attestation' | 'pck', SampleKey>>,
): Promise<Uint8Array> {
  const { attestation, pck } = { ...(await keysOf()), ...changed }
  return writeQuote(enclave, { attestation, pck, pckChain: await pckChainOf() })
}

/** Endorsements in which `key` signed the document, with a chain that may or may not be of that key. */
async function resigned(
  field: 'tcb_info' | 'qe_identity',
  key: SampleKey,
  chain: string,
  text: string = endorsements[field],
): Promise<Endorsements> {
  return {
    ...endorsements,
    [field]: text,
    [`${field}_signature`]: hexOf(await key.sign(utf8Of(text))),
    [`${field}_issuer_chain`]: chain,
  }
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSampleVendor } from '@sealward/attestation/sample'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AmdWorld,
  amdWorld,
} from '../../../../packages/attestation/src/verification/amd-world.fixtures.ts'
import { at, now, openScratch, pemOf, sealward, verifyJson } from './command.fixtures.ts'

// No captured evidence is needed for any of this.
const scratch = openScratch()
afterAll(() => scratch.remove())
const { written } = scratch

describe('a sample quote', async () => {
  const vendor = await createSampleVendor({ at: now })
  const runtimeData = new TextEncoder().encode('what the enclave said')
  const quoteOf = async (changes: { readonly debug?: boolean } = {}): Promise<Uint8Array> => {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', runtimeData))
    const reportData = new Uint8Array(64)
    reportData.set(digest)
    return vendor.quote({
      mrEnclave: new Uint8Array(32).fill(1),
      mrSigner: new Uint8Array(32).fill(2),
      isvProdId: 1,
      isvSvn: 2,
      debug: changes.debug === true,
      reportData,
    })
  }
  const quote = await quoteOf()
  const file = written(quote)
  const texts = await vendor.endorsements({ at: now, lifetimeSeconds: 86_400 })
  const collateral = written(JSON.stringify(texts))
  const root = written(vendor.rootCertificatePem)
  const options = ['--endorsements', collateral, '--root', root, ...at(now)]
  const good = [file, ...options]

  test('verifies under its own root, and under no vendor’s', async () => {
    expect(await verifyJson(...good)).toMatchObject({
      code: 0,
      err: '',
      json: {
        kind: 'sgx',
        verdict: 'affirming',
        tcbStatus: 'UpToDate',
        advisoryIds: [],
        debug: false,
        claims: { mrEnclave: '01'.repeat(32), mrSigner: '02'.repeat(32), isvProdId: 1, isvSvn: 2 },
        problem: null,
        expires: '2026-11-24T00:00:00Z',
      },
    })
    expect(await verifyJson(file, '--endorsements', collateral, ...at(now))).toMatchObject({
      code: 1,
      json: { verdict: 'contraindicated', problem: { code: 'root-not-trusted' }, expires: null },
    })
  })

  test('is the same in hex, base64 and base64url, in lines or not', async () => {
    const bytes = Buffer.from(quote)
    const lines = (text: string): string => text.replace(/(.{64})/g, '$1\n')
    for (const content of [
      bytes.toString('hex'),
      `0x${bytes.toString('hex').toUpperCase()}\n`,
      lines(bytes.toString('hex')),
      bytes.toString('base64'),
      `${lines(bytes.toString('base64'))}\r\n`,
      bytes.toString('base64url'),
      `\n {"quote": "${bytes.toString('base64url')}"}`,
    ]) {
      expect((await verifyJson(written(content), ...options)).code).toBe(0)
    }
  })

  test('the instant is now unless said, and has to be one', async () => {
    expect((await verifyJson(...good.slice(0, -2))).code).toBe(0)
    const late = await verifyJson(...good.slice(0, -1), '2026-11-25T00:00:00+02:00')
    expect(late).toMatchObject({
      code: 1,
      json: { problem: { code: expect.stringMatching(/-expired$/) }, debug: false },
    })
    for (const instant of [
      'yesterday',
      '2026-11-23',
      '2026-02-30T00:00:00Z',
      '2026-11-23T24:00:00Z',
      '2026-11-23T00:00:60Z',
      '2026-11-23T00:00:00',
      '1795392000',
    ]) {
      expect(await verifyJson(...good.slice(0, -1), instant)).toMatchObject({
        code: 2,
        json: { kind: null, problem: { code: 'usage', at: '--at' } },
      })
    }
  })

  test('meets the policy that was made of it, and no other', async () => {
    const made = await sealward('evidence', 'verify', ...good, '--skeleton')
    expect(made).toMatchObject({ code: 0 })
    expect(await verifyJson(...good, '--policy', written(made.out))).toMatchObject({
      code: 0,
      json: { verdict: 'affirming' },
    })
    const other = written(
      made.out.replace('01'.repeat(32), '03'.repeat(32)).replace('02'.repeat(32), '04'.repeat(32)),
    )
    const refused = await verifyJson(...good, '--policy', other)
    expect(refused).toMatchObject({
      code: 1,
      json: {
        tcbStatus: 'UpToDate',
        problem: { code: 'wrong-mr-enclave', at: 'mrEnclave' },
        problems: [{ code: 'wrong-mr-enclave' }, { code: 'wrong-mr-signer' }],
      },
    })
    const { out } = await sealward('evidence', 'verify', ...good, '--policy', other)
    expect(out).toContain(`expected ${'03'.repeat(32)}, found ${'01'.repeat(32)}`)
    const lacking = written(made.out.replace('"mrSigner"', '"mrsigner"'))
    expect(await verifyJson(...good, '--policy', lacking)).toMatchObject({
      code: 2,
      json: { problem: { code: 'field-missing' } },
    })
  })

  test('no skeleton is made of what is not verified', async () => {
    const made = await sealward('evidence', 'verify', file, '--root', root, '--skeleton')
    expect(made).toMatchObject({ code: 3, out: '' })
    expect(made.err).toContain('missing-endorsements')
  })

  test('debugging is a warning that cannot be overlooked, and refused by its own skeleton', async () => {
    const debug = written(await quoteOf({ debug: true }))
    const judged = await verifyJson(debug, ...options)
    expect(judged).toMatchObject({ code: 0, json: { verdict: 'warning', debug: true } })
    expect(judged.err).toContain('DEBUG')
    const { out } = await sealward('evidence', 'verify', debug, ...options)
    expect(out).toContain('DEBUG')
    const { out: policy } = await sealward('evidence', 'verify', debug, ...options, '--skeleton')
    expect(await verifyJson(debug, ...options, '--policy', written(policy))).toMatchObject({
      code: 1,
      json: { debug: true, problem: { code: 'debug' } },
    })
  })

  test('runtime data is the file whose digest it binds, and zeros', async () => {
    const said = written(runtimeData)
    expect((await verifyJson(...good, '--runtime-data', said)).code).toBe(0)
    for (const wrong of [
      ['--runtime-data', written('something else')],
      ['--runtime-data', said, '--runtime-data-digest', 'sha384'],
      ['--runtime-data', said, '--runtime-data-digest', 'sha512'],
    ]) {
      expect(await verifyJson(...good, ...wrong)).toMatchObject({
        code: 1,
        json: { problem: { code: 'runtime-data-binding' } },
      })
    }
    expect(
      (await sealward('evidence', 'verify', ...good, '--runtime-data-digest', 'md5')).code,
    ).toBe(2)
  })

  test('a request to Azure Attestation is held to the runtime data in it', async () => {
    const request = (data: Uint8Array): string =>
      JSON.stringify({
        quote: Buffer.from(quote).toString('base64url'),
        runtimeData: { data: Buffer.from(data).toString('base64url'), dataType: 'JSON' },
      })
    expect((await verifyJson(written(request(runtimeData)), ...options)).code).toBe(0)
    expect(await verifyJson(written(request(new Uint8Array(4))), ...options)).toMatchObject({
      code: 1,
      json: { problem: { code: 'runtime-data-binding', at: 'runtimeData' } },
    })
  })

  test('every endorsement that is not there is missing', async () => {
    const { pck_certificate_chain: _, ...needed } = texts
    for (const name of Object.keys(needed)) {
      if (name.endsWith('_signature')) continue
      const without = written(JSON.stringify({ ...texts, [name]: '' }))
      expect(
        await verifyJson(file, '--endorsements', without, '--root', root, ...at(now)),
      ).toMatchObject({ code: 3, json: { verdict: 'none', problem: { at: name } } })
    }
    expect(await verifyJson(file, '--root', root, ...at(now))).toMatchObject({
      code: 3,
      json: { problem: { code: 'missing-endorsements' }, claims: { mrEnclave: '01'.repeat(32) } },
    })
  })

  test('without endorsements a forgery is told from a gap', async () => {
    const forged = quote.slice()
    forged[112] = (forged[112] ?? 0) ^ 1
    expect(await verifyJson(written(forged), '--root', root, ...at(now))).toMatchObject({
      code: 1,
      json: { verdict: 'contraindicated', problem: { code: 'quote-signature' } },
    })
  })

  test('every truncation is unreadable, and says so in JSON too', async () => {
    for (let length = 0; length < quote.length; length += 211) {
      const { code, json } = await verifyJson(written(quote.subarray(0, length)), ...options)
      expect({ length, code, json }).toMatchObject({ code: 2, json: { kind: null } })
      expect(json['problem']).not.toBe(null)
    }
  })

  test('a person reads the verdict first, then why, then what to do', async () => {
    const { out } = await sealward('evidence', 'verify', ...good)
    expect(out.startsWith('AFFIRMING')).toBe(true)
    expect(out).toContain('01'.repeat(32))
    const missing = await sealward('evidence', 'verify', file, '--root', root, ...at(now))
    expect(missing.out).toMatch(/^NONE.*\n {2}missing-endorsements.*\n {2}Next: .*endorsements/)
    expect(missing.out).toContain('none of it is believed')
  })

  test('is inspected without being believed', async () => {
    const { code, out } = await sealward(
      'evidence',
      'inspect',
      written(Buffer.from(quote).toString('hex')),
    )
    expect(code).toBe(0)
    expect(out.startsWith('Nothing of this was verified.')).toBe(true)
    expect(out).toMatch(/Found as +hex, in it quote/)
    expect(out).toMatch(/platform\.fmspc +[0-9a-f]{12}/)
    const json = await sealward('evidence', 'inspect', file, '--json')
    expect(JSON.parse(json.out)).toMatchObject({
      kind: 'sgx',
      verified: false,
      forms: ['quote'],
      mrEnclave: '01'.repeat(32),
      quote: { version: 3, certificationDataType: 5, trailingBytes: 0 },
    })
    const broken = await sealward('evidence', 'inspect', written('{}'), '--json')
    expect([broken.code, JSON.parse(broken.out).problem.code]).toEqual([2, 'field-missing'])
  })

  test('the same endorsements change nothing, and both sets have to be given', async () => {
    const command = ['evidence', 'forecast', ...good, '--json']
    const same = await sealward(...command, '--early', collateral)
    expect(same.code).toBe(0)
    expect(JSON.parse(same.out)).toMatchObject({ changes: false, todayStandsUntil: null })
    expect((await sealward(...command)).code).toBe(2)
    const none = ['evidence', 'forecast', file, '--root', root, ...at(now), '--early', collateral]
    expect((await sealward(...none)).code).toBe(3)
  })

  test.each([
    [['evidence', 'verify']],
    [['evidence', 'verify', 'no-such-file']],
    [['evidence', 'verify', scratch.folder]],
    [['evidence', 'verify', file, '--at', 'yesterday']],
    [['evidence', 'verify', file, '--endorsements', file]],
    [['evidence', 'verify', file, '--endorsements', 'no-such-file']],
    [['evidence', 'verify', file, '--root', collateral]],
    [['evidence', 'verify', file, '--policy', collateral]],
    [['evidence', 'verify', file, '--unknown']],
  ])('%j is wrong usage', async (commandLine) => {
    const { code, err } = await sealward(...commandLine)
    expect(code).toBe(2)
    expect(err).not.toBe('')
  })
})

describe('a sample report', () => {
  let amd: AmdWorld
  beforeAll(async () => {
    amd = await amdWorld('Milan')
  })

  async function world(changes: Parameters<AmdWorld['input']>[0] = {}): Promise<{
    readonly report: string
    readonly pem: string
    readonly crl: string
    readonly root: readonly string[]
  }> {
    const { report, certificates, crls } = await amd.input(changes)
    const [, , ark] = certificates
    if (ark === undefined) throw new Error('three certificates')
    return {
      report: written(report),
      pem: written(pemOf(...certificates)),
      crl: written(Buffer.concat(crls)),
      root: ['--root', written(ark), ...at(now)],
    }
  }

  test('is affirming with a revocation list, and a warning that says so without', async () => {
    const { report, pem, crl, root } = await world()
    const with_ = ['--endorsements', pem, '--endorsements', crl]
    expect(await verifyJson(report, ...root, ...with_)).toMatchObject({
      code: 0,
      err: '',
      json: { kind: 'snp', verdict: 'affirming', tcbStatus: null, claims: { revocation: 'good' } },
    })
    const unchecked = await verifyJson(report, ...root, '--endorsements', pem)
    expect(unchecked).toMatchObject({
      code: 0,
      json: { verdict: 'warning', problem: null, claims: { revocation: 'unchecked' } },
    })
    expect(unchecked.err).toContain('nobody looked whether one is revoked')
    const { out } = await sealward('evidence', 'verify', report, ...root, '--endorsements', pem)
    expect(out).toContain('nobody looked whether one is revoked')
    const made = await sealward(
      'evidence',
      'verify',
      report,
      ...root,
      '--endorsements',
      pem,
      '--skeleton',
    )
    expect(
      await verifyJson(report, ...root, '--endorsements', pem, '--policy', written(made.out)),
    ).toMatchObject({ code: 1, json: { problem: { code: 'wrong-revocation' } } })
  })

  test('a revoked certificate is refused', async () => {
    const { report, pem, crl, root } = await world({
      intermediate: { serialNumber: 77 },
      crl: { revoked: [77] },
    })
    expect(
      await verifyJson(report, ...root, '--endorsements', pem, '--endorsements', crl),
    ).toMatchObject({ code: 1, json: { problem: { code: 'revoked' } } })
  })

  test('each certificate that is not there is missing', async () => {
    const { report, root } = await world()
    const { certificates } = await amd.input()
    for (const left of [[0, 1], [0, 2], [1, 2], []]) {
      const some = certificates.filter((_, index) => left.includes(index))
      const endorsements = some.length === 0 ? [] : ['--endorsements', written(Buffer.concat(some))]
      expect(await verifyJson(report, ...root, ...endorsements)).toMatchObject({
        code: 3,
        json: { kind: 'snp', verdict: 'none', problem: { code: 'missing-endorsements' } },
      })
    }
  })

  test('a folder is read whole, but for what is no endorsement', async () => {
    const { certificates, crls, report } = await amd.input()
    const folder = join(scratch.folder, 'chip')
    mkdirSync(folder)
    for (const [index, der] of certificates.entries())
      writeFileSync(join(folder, `${index}.der`), der)
    writeFileSync(join(folder, 'list.crl'), crls[0] ?? '')
    writeFileSync(join(folder, 'report.bin'), report)
    const { root } = await world()
    const judged = await verifyJson(written(report), ...root, '--endorsements', folder)
    expect(judged).toMatchObject({ code: 0, json: { verdict: 'affirming' } })
    expect(judged.err).toMatch(/^Passed over .*report\.bin: no endorsements\.\n$/)
    // A file that somebody named is not passed over.
    const named = ['--endorsements', folder, '--endorsements', written(report)]
    expect((await verifyJson(written(report), ...root, ...named)).code).toBe(2)
  })

  test('nothing of it can be foretold', async () => {
    const { report, pem } = await world()
    expect((await sealward('evidence', 'forecast', report, '--early', pem)).code).toBe(2)
  })
})

describe('hostile files', () => {
  const endless = '{"a":'.repeat(100_000)
  test.each([
    ['an empty file', '', 'evidence-unreadable'],
    ['20 MB of nothing', Buffer.alloc(20_000_000, 3), 'evidence-unreadable'],
    [
      'a quote that goes on',
      Buffer.concat([Buffer.from([3, 0, 2, 0]), Buffer.alloc(40_000)]),
      'quote-too-large',
    ],
    ['more than is read', Buffer.alloc(33_554_433), 'file-too-large'],
    ['JSON without an end', endless, 'json-too-deep'],
    ['words', 'this is no evidence at all, is it', 'evidence-unreadable'],
    ['a thing wrapped in itself', wrapped(12), 'evidence-unreadable'],
  ])('%s is refused as evidence', async (_, content, problem) => {
    const { code, json } = await verifyJson(written(content), ...at(now))
    expect([code, json['problem']]).toMatchObject([2, { code: problem }])
  })

  test.each([
    ['JSON without an end', endless, 'json-too-deep'],
    ['10 000 certificates', pemOf(Uint8Array.of(0x30, 0)).repeat(10_000), 'too-many-certificates'],
    ['other JSON', '{"tcb": 1}', 'endorsements-unreadable'],
    ['a bundle of another format', '{"format":"sealward-endorsements-9"}', 'wrong-value'],
  ])('%s is refused as endorsements', async (_, content, problem) => {
    const report = Buffer.alloc(1184)
    report[0] = 3
    report[0x34] = 1
    const { code, json } = await verifyJson(
      written(report),
      '--endorsements',
      written(content),
      ...at(now),
    )
    expect([code, json['problem']]).toMatchObject([2, { code: problem }])
  })
})

/** Base64 of base64 of …, as often as asked. */
function wrapped(times: number): string {
  let text = 'evidence of nothing'
  for (let time = 0; time < times; time++) text = Buffer.from(text).toString('base64')
  return text
}

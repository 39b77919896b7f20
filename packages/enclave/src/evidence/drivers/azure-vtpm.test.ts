import { createHash, verify } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createConnection, type Socket } from 'node:net'
import {
  type Bytes,
  base64UrlOf,
  bytesOf,
  bytesOfBase64Url,
  concat,
} from '@sealward/attestation/bytes'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type AzureVtpmSourceOptions, createAzureVtpmSource } from './azure-vtpm.ts'
import type { FileSystem } from './device-files.ts'
import {
  absentSwtpm,
  attestationKeyHandle,
  hasSwtpm,
  hclReportOf,
  holding,
  paravised,
  type Swtpm,
  startSwtpm,
} from './swtpm.fixtures.ts'
import type { Transmit } from './tpm/transact.ts'
import { deviceTransmit } from './tpm/transports.ts'
import { hasVectors, vector } from './vectors.fixtures.ts'

if (!hasSwtpm) process.stdout.write(`${absentSwtpm}\n`)

const reportData = bytesOf(64, new Uint8Array(64).fill(7)) as Bytes<64>
const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'

let swtpm: Swtpm
beforeAll(async () => {
  if (hasSwtpm) swtpm = await startSwtpm()
})
afterAll(async () => {
  if (hasSwtpm) await swtpm.close()
})

/** The metadata service on loopback, by path. */
let answers: Record<string, (body: string) => { status?: number; body: string | Uint8Array }>
let asked: { method: string; path: string; metadata: unknown }[]
const imds = createServer(async (request, response) => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const path = request.url ?? ''
  asked.push({ method: request.method ?? '', path, metadata: request.headers['metadata'] })
  const answer = answers[path]?.(Buffer.concat(parts).toString()) ?? { status: 404, body: '' }
  response.writeHead(answer.status ?? 200).end(answer.body)
})
beforeAll(() => new Promise<void>((resolve) => imds.listen(0, '127.0.0.1', resolve)))
afterAll(() => imds.close())
beforeEach(() => {
  asked = []
  answers = {
    '/metadata/THIM/amd/certification': () => ({
      body: JSON.stringify({ vcekCert: pem, certificateChain: pem + pem, tcbm: '00' }),
    }),
    '/acc/tdquote': (body) => {
      const { report } = JSON.parse(body) as { report: string }
      return { body: JSON.stringify({ quote: base64UrlOf(tdQuoteOf(bytesOfBase64Url(report))) }) }
    },
  }
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function source(options: AzureVtpmSourceOptions): ReturnType<typeof createAzureVtpmSource> {
  const { port } = imds.address() as AddressInfo
  const one = createAzureVtpmSource({ imdsUrl: `http://127.0.0.1:${port}`, ...options })
  open.push(one)
  return one
}

/** What the host's quoting enclave makes of a TD report. */
function tdQuoteOf(report: Uint8Array | undefined): Uint8Array {
  const quote = new Uint8Array(5000)
  quote[0] = 4
  if (report !== undefined) quote.set(report.subarray(128, 192), 568)
  return quote
}

test.skipIf(!hasSwtpm)(
  'an SNP machine gives its report, a TPM quote and certificates',
  async () => {
    const transmit = await paravised(swtpm, (userData) => hclReportOf('snp', userData), 2)
    const evidence = await source({ transmit }).evidence(reportData)
    if (!evidence.ok) throw new Error(evidence.problem.code)
    expect(evidence.value).toMatchObject({
      kind: 'azure-snp',
      hclReport: hclReportOf('snp', reportData),
      certificates: pem + pem + pem,
    })
    expect(asked).toEqual([
      { method: 'GET', path: '/metadata/THIM/amd/certification', metadata: 'true' },
    ])
    const { message, signature, pcrs } = evidence.value.tpmQuote
    expect(verify('sha256', message, swtpm.attestationKey, signature)).toBe(true)
    expect(pcrs).toHaveLength(24)
    expect(message.subarray(-32)).toEqual(
      new Uint8Array(
        createHash('sha256')
          .update(concat(...pcrs))
          .digest(),
      ),
    )
    expect(Buffer.from(message).includes(Buffer.from(reportData))).toBe(true)
  },
)

test.skipIf(!hasSwtpm)('a TDX machine gives the quote of exactly its TD report', async () => {
  const transmit = await paravised(swtpm, (userData) => hclReportOf('tdx', userData))
  const evidence = await source({ transmit }).evidence(reportData)
  const hclReport = hclReportOf('tdx', reportData)
  expect(evidence).toMatchObject({
    ok: true,
    value: { kind: 'azure-tdx', hclReport, quote: tdQuoteOf(hclReport.subarray(32, 1056)) },
  })
})

test.skipIf(!hasSwtpm)('a TD quote over another TD report is refused', async () => {
  answers['/acc/tdquote'] = () => ({
    body: JSON.stringify({ quote: base64UrlOf(tdQuoteOf(undefined)) }),
  })
  const transmit = await paravised(swtpm, (userData) => hclReportOf('tdx', userData))
  expect(await source({ transmit }).evidence(reportData)).toMatchObject({
    problem: { code: 'evidence-stale', at: 'tdquote' },
  })
})

test.skipIf(!hasSwtpm)('a report that never speaks of the user data is stale', async () => {
  const transmit = await paravised(swtpm, () => hclReportOf('snp', new Uint8Array(64)))
  expect(await source({ transmit, reportSecondsMax: 0.2 }).evidence(reportData)).toMatchObject({
    problem: { code: 'evidence-stale', at: 'TPM2_NV_Read' },
  })
})

test.skipIf(!hasSwtpm)(
  'a report whose hardware report is of another moment is refused',
  async () => {
    const transmit = await paravised(swtpm, (userData) =>
      hclReportOf('snp', userData, (report) => report.fill(1, 0x50, 0x70)),
    )
    expect(await source({ transmit, reportSecondsMax: 0.2 }).evidence(reportData)).toMatchObject({
      problem: { code: 'evidence-malformed', at: 'TPM2_NV_Read' },
    })
  },
)

test.skipIf(!hasSwtpm)(
  'a register that is extended between quote and reading is quoted again',
  async () => {
    let extensions = 1
    const inner = await paravised(swtpm, (userData) => hclReportOf('snp', userData))
    const transmit: Transmit = async (command) => {
      const answer = await inner(command)
      if (codeOf(command) === 0x158 && extensions-- > 0) await swtpm.extend(16)
      return answer
    }
    const evidence = await source({ transmit }).evidence(reportData)
    expect(evidence).toMatchObject({ ok: true })
    expect(extensions).toBe(-1)
  },
)

test.skipIf(!hasSwtpm)('registers that are extended all the time are a conflict', async () => {
  const inner = await paravised(swtpm, (userData) => hclReportOf('snp', userData))
  const transmit: Transmit = async (command) => {
    const answer = await inner(command)
    if (codeOf(command) === 0x17e) await swtpm.extend(16)
    return answer
  }
  expect(await source({ transmit }).evidence(reportData)).toMatchObject({
    problem: { code: 'pcr-conflict' },
  })
})

test.skipIf(!hasSwtpm)(
  'a TPM without the report, or without the key, has no such device',
  async () => {
    const bare = await startSwtpm()
    try {
      expect(await source({ transmit: bare.transmit }).evidence(reportData)).toMatchObject({
        problem: { code: 'device-missing', at: 'TPM2_NV_ReadPublic' },
      })
      expect(await bare.tpm.quote(attestationKeyHandle + 1, reportData)).toMatchObject({
        problem: { code: 'device-missing', at: 'TPM2_Quote' },
      })
      // The index for user data was missing as well, and was made.
      expect(await bare.tpm.nvSize(0x0140_0002)).toEqual({ ok: true, value: 64 })
    } finally {
      await bare.close()
    }
  },
)

test.skipIf(!hasSwtpm)(
  'an index that was defined and never written has nothing to say yet',
  async () => {
    expect(await swtpm.tpm.nvDefine(0x0140_0009, 16)).toEqual({ ok: true, value: undefined })
    expect(await swtpm.tpm.nvRead(0x0140_0009, 64)).toMatchObject({
      problem: { code: 'evidence-stale' },
    })
    expect(await swtpm.tpm.nvRead(0x0140_0009, 15)).toMatchObject({
      problem: { code: 'read-oversize' },
    })
    expect(await swtpm.tpm.nvWrite(0x0140_0009, new Uint8Array(17))).toMatchObject({
      problem: { code: 'device-failed' },
    })
  },
)

test.skipIf(!hasSwtpm)(
  'the host that quotes nothing, or has no certificates, is unavailable',
  async () => {
    const quoting = '/acc/tdquote'
    const certifying = '/metadata/THIM/amd/certification'
    for (const [kind, path, answer, code] of [
      ['tdx', quoting, { status: 503, body: '' }, 'quoting-service-unavailable'],
      ['tdx', quoting, { body: '{}' }, 'evidence-malformed'],
      ['tdx', quoting, { body: '[' }, 'evidence-malformed'],
      ['tdx', quoting, { body: '{"quote":"*"}' }, 'evidence-malformed'],
      ['tdx', quoting, { body: '{"quote":"AAAA"}' }, 'read-short'],
      ['tdx', quoting, { body: new Uint8Array(70_000) }, 'quoting-service-unavailable'],
      ['snp', certifying, { status: 429, body: '' }, 'certificates-unavailable'],
      ['snp', certifying, { body: '{"vcekCert":"x"}' }, 'evidence-malformed'],
    ] as const) {
      answers[path] = () => answer
      const transmit = await paravised(swtpm, (userData) => hclReportOf(kind, userData))
      expect(await source({ transmit }).evidence(reportData)).toMatchObject({ problem: { code } })
    }
    const transmit = await paravised(swtpm, (userData) => hclReportOf('snp', userData))
    expect(
      await source({ transmit, imdsUrl: 'http://127.0.0.1:1' }).evidence(reportData),
    ).toMatchObject({ problem: { code: 'certificates-unavailable' } })
  },
)

test.skipIf(!hasSwtpm)(
  'a character device takes a command in one write and answers in one read',
  async () => {
    const calls: string[] = []
    /** Linux's device in front of swtpm. */
    const files = (taken: (length: number) => number): FileSystem => ({
      makeFolder: async () => {},
      removeFolder: async () => {},
      async open(path, mode) {
        expect([path, mode]).toEqual(['/dev/tpmrm0', 'read-write'])
        const socket: Socket = createConnection({ path: swtpm.socketPath })
        return {
          async write(bytes) {
            calls.push('write')
            socket.write(bytes)
            return taken(bytes.length)
          },
          async read(buffer) {
            calls.push('read')
            const part = await new Promise<Uint8Array>((resolve) => socket.once('data', resolve))
            buffer.set(part)
            return part.length
          },
          async close() {
            socket.destroy()
          },
        }
      },
    })
    const transmit = deviceTransmit(
      '/dev/tpmrm0',
      files((length) => length),
    )
    await paravised(swtpm, (userData) => hclReportOf('snp', userData))
    const command = Uint8Array.of(0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x69, 1, 0x40, 0, 1)
    expect(await transmit(command)).toEqual(await swtpm.transmit(command))
    expect(calls).toEqual(['write', 'read'])
    expect(
      await deviceTransmit(
        '/dev/tpmrm0',
        files((length) => length - 1),
      )(command),
    ).toMatchObject({ problem: { code: 'write-short' } })
  },
)

test.runIf(hasSwtpm && hasVectors)(
  'captured: reports of Azure machines pass through unchanged',
  async () => {
    const zero = bytesOf(64, new Uint8Array(64)) as Bytes<64>
    const milan = vector('snp/trustee-azure-hcl-milan-v2/hcl-report.bin')
    expect(await source({ transmit: holding(swtpm.transmit, milan) }).evidence(zero)).toMatchObject(
      { ok: true, value: { kind: 'azure-snp', hclReport: milan } },
    )

    const td = vector('tdx/trustee-azure-vtpm/hcl-report.bin')
    const quote = vector('tdx/trustee-azure-vtpm/quote.bin')
    answers['/acc/tdquote'] = (body) => {
      const { report } = JSON.parse(body) as { report: string }
      expect(bytesOfBase64Url(report)).toEqual(td.slice(32, 1056))
      return { body: JSON.stringify({ quote: base64UrlOf(quote) }) }
    }
    expect(await source({ transmit: holding(swtpm.transmit, td) }).evidence(zero)).toMatchObject({
      ok: true,
      value: { kind: 'azure-tdx', hclReport: td, quote },
    })
  },
)

test('a machine without a TPM has no device', async () => {
  const transmit = deviceTransmit('/dev/there-is-no-such-tpm')
  expect(await source({ transmit }).evidence(reportData)).toMatchObject({
    problem: { code: 'device-missing' },
  })
})

function codeOf(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6)
}

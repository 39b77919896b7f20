import { generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { UnixSeconds } from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import { createSampleVendor } from '@sealward/attestation/sample'
import {
  amdRootSpkis,
  createDcapMemory,
  createSnpMemory,
  type DcapMemory,
  intelSgxRootSpki,
  type SnpVerificationInput,
  verifyDcapEvidence,
  verifySnpEvidence,
} from '@sealward/attestation/verification'
import { createNodeCryptography } from '@sealward/enclave/cryptography'
import { type ProfileShares, profileOf } from './profile.ts'
import { rounded } from './rate.ts'

const require = createRequire(import.meta.url)
const shared =
  process.env['SEALWARD_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url))

/** How often something was done in a second: the median, and the least and most, of several rounds. */
export interface Rounds {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** A ratio that the issue asks for, and what was found. */
export interface Target {
  readonly asked: string
  readonly found: number
  readonly met: boolean
}

export interface QuoteRates {
  /** What was verified: evidence of real hardware where the test data is, else a sample. */
  readonly evidence: string
  readonly perSecond: Readonly<Record<string, Rounds>>
  readonly targets: readonly Target[]
  /** Where the time goes, of the two ends. */
  readonly profile?: {
    readonly nothingCached: ProfileShares
    readonly platformKnown: ProfileShares
  }
}

/** Evidence verified a second, one thread: each thing in turn, round after round, in one run. */
export async function measureQuotes(): Promise<Readonly<Record<string, unknown>>> {
  const before = loadavg()[0]
  const sgx = await measureDcap('sgx', 'dcap-qvl-sample')
  const tdx = await measureDcap('tdx', 'dcap-qvl-v4-uptodate')
  const snp = await measureSnp()
  return { sgx, tdx, snp, loadBefore: before, loadAfter: loadavg()[0] }
}

interface DcapCase {
  readonly evidence: string
  readonly quote: Uint8Array
  readonly endorsements: Endorsements
  readonly roots: readonly string[]
  readonly at: UnixSeconds
}

async function measureDcap(tee: 'sgx' | 'tdx', name: string): Promise<QuoteRates | undefined> {
  const folder = join(shared, 'vectors', tee, name)
  const real = existsSync(folder) ? capturedCase(folder) : undefined
  if (real === undefined && tee === 'tdx') return undefined
  const { evidence, ...input } = real ?? (await sampleCase())
  const remembering = createDcapMemory({ endorsementsMax: 8, platformsMax: 8 })
  const known = createNodeCryptography(64)
  // The same memory, in which no platform is ever found.
  const platformNew: DcapMemory = {
    endorsements: remembering.endorsements,
    platform: (_name, _endorsements, verifyThis) => verifyThis(),
  }
  const verified = async (memory?: DcapMemory, cryptography = createNodeCryptography(64)) => {
    const tools = memory === undefined ? { cryptography } : { cryptography, memory }
    const result = await verifyDcapEvidence(input, tools)
    if (!result.ok) throw new Error(`refused: ${result.problem.code}`)
  }
  const perSecond = await inRounds({
    nothingCached: () => verified(),
    platformNew: () => verified(platformNew),
    platformKnown: () => verified(remembering, known),
    limit: limitOf('P-256', 'sha256', tee === 'sgx' ? 432 : 632, input.quote),
    ...(real === undefined ? {} : { dcapQvl: peerOf(real) }),
  })
  const { nothingCached, platformNew: fresh, platformKnown, limit, dcapQvl } = perSecond
  return {
    evidence,
    perSecond,
    profile: {
      nothingCached: await profileOf(() => verified()),
      platformKnown: await profileOf(() => verified(remembering, known)),
    },
    targets: [
      ...(dcapQvl === undefined
        ? []
        : [
            atLeast('nothing cached: 3 times the peer', nothingCached, dcapQvl, 3),
            atLeast('platform new: 7 times the peer', fresh, dcapQvl, 7),
            atLeast('platform known: 80 times the peer', platformKnown, dcapQvl, 80),
            // Not to be had where the peer does more than an eightieth of what the machine can sign.
            atLeast('(the limit itself, in times the peer)', limit, dcapQvl, 80),
          ]),
      atMost(
        'platform known: within 1.3 times of one P-256 and one hash',
        limit,
        platformKnown,
        1.3,
      ),
    ],
  }
}

async function measureSnp(): Promise<QuoteRates | undefined> {
  const folder = join(shared, 'vectors', 'snp', 'ms-milan')
  if (!existsSync(folder)) return undefined
  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
  const input: SnpVerificationInput = {
    report: file('report.bin'),
    certificates: [file('vcek.der'), file('ask.der'), file('ark.der')],
    crls: [],
    revocation: { unchecked: 'the captured report comes without a list' },
    roots: Object.values(amdRootSpkis),
    at: 1_880_715_873,
  }
  const memory = createSnpMemory(8)
  const known = createNodeCryptography(64)
  const verified = async (tools: Parameters<typeof verifySnpEvidence>[1]) => {
    const result = await verifySnpEvidence(input, tools)
    if (!result.ok) throw new Error(`refused: ${result.problem.code}`)
  }
  const perSecond = await inRounds({
    nothingCached: () => verified({ cryptography: createNodeCryptography(64) }),
    platformKnown: () => verified({ cryptography: known, memory }),
    limit: limitOf('P-384', 'sha384', 672, input.report),
  })
  return {
    evidence: 'real hardware (Milan, VCEK)',
    perSecond,
    targets: [
      atMost(
        'platform known: within 1.2 times of one P-384 and one hash',
        perSecond['limit'],
        perSecond['platformKnown'],
        1.2,
      ),
    ],
  }
}

function capturedCase(folder: string): DcapCase {
  const json = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>
  return {
    evidence: 'real hardware (sample of dcap-qvl)',
    quote: new Uint8Array(readFileSync(join(folder, 'quote.bin'))),
    endorsements: json('collateral.json') as unknown as Endorsements,
    roots: [intelSgxRootSpki.sha256],
    at: Number(json('expect.json')['verification_time']),
  }
}

async function sampleCase(): Promise<DcapCase> {
  const at = 1_790_000_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32),
    mrSigner: new Uint8Array(32),
    isvProdId: 1,
    isvSvn: 1,
    debug: false,
    reportData: new Uint8Array(64),
  })
  return {
    evidence: 'sample vendor',
    quote,
    endorsements: await vendor.endorsements({ at, lifetimeSeconds: 86_400 }),
    roots: [vendor.rootSpkiSha256],
    at: at + 60,
  }
}

/** `@phala/dcap-qvl`: the same quote, endorsements and instant. */
function peerOf({ quote, endorsements, at }: DcapCase): () => unknown {
  const peer = require('@phala/dcap-qvl') as {
    verify(quote: Uint8Array, collateral: unknown, at: number): unknown
  }
  const bytes = Buffer.from(quote)
  const collateral = {
    ...endorsements,
    root_ca_crl: Buffer.from(endorsements.root_ca_crl, 'hex'),
    pck_crl: Buffer.from(endorsements.pck_crl, 'hex'),
    tcb_info_signature: Buffer.from(endorsements.tcb_info_signature, 'hex'),
    qe_identity_signature: Buffer.from(endorsements.qe_identity_signature, 'hex'),
  }
  return () => peer.verify(bytes, collateral, at)
}

/** What no verifier can do without: one signature over what was signed, and the hash of the evidence. */
function limitOf(
  namedCurve: string,
  digest: string,
  signedBytes: number,
  evidence: Uint8Array,
): () => void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const data = new Uint8Array(signedBytes)
  const signature = sign(digest, data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return () => {
    hash('sha256', evidence, 'hex')
    if (!verify(digest, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) {
      throw new Error('the signature was refused')
    }
  }
}

const rounds = 7
const millisecondsEach = 500

async function inRounds(
  works: Readonly<Record<string, () => unknown>>,
): Promise<Readonly<Record<string, Rounds>>> {
  const found = new Map<string, number[]>()
  for (const work of Object.values(works)) await during(work, millisecondsEach)
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      found.set(name, [...(found.get(name) ?? []), await during(work, millisecondsEach)])
    }
  }
  return Object.fromEntries(
    [...found].map(([name, rates]) => {
      const sorted = rates.toSorted((a, b) => a - b)
      const at = (index: number): number => rounded(sorted[index] ?? 0)
      return [name, { median: at(rounds >> 1), min: at(0), max: at(rounds - 1) }]
    }),
  )
}

/** Times a second, one after the other. */
async function during(work: () => unknown, milliseconds: number): Promise<number> {
  const started = performance.now()
  let runs = 0
  while (performance.now() < started + milliseconds) {
    await work()
    runs += 1
  }
  return runs / ((performance.now() - started) / 1000)
}

function atLeast(
  asked: string,
  one: Rounds | undefined,
  other: Rounds | undefined,
  times: number,
): Target {
  const found = rounded((one?.median ?? 0) / (other?.median ?? Number.NaN))
  return { asked, found, met: found >= times }
}

function atMost(
  asked: string,
  one: Rounds | undefined,
  other: Rounds | undefined,
  times: number,
): Target {
  const found = rounded((one?.median ?? Number.NaN) / (other?.median ?? 0))
  return { asked, found, met: found <= times }
}

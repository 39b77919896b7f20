import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSampleVendor } from '@sealward/attestation/sample'
import {
  intelSgxRootSpki,
  type DcapVerificationInput,
  verifySgxEvidence,
} from '@sealward/attestation/verification'
import { type Rate, rateOf } from './rate.ts'

const require = createRequire(import.meta.url)
const shared =
  process.env['SEALWARD_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url))

/** Quotes verified a second: ours, a peer, and the machine's limit, in one run. */
export interface QuoteRates {
  /** The quote that was verified: one of real hardware where the test data is, else a sample. */
  readonly quote: string
  readonly sealward: Rate
  /** `@phala/dcap-qvl`; absent for a sample quote, whose root it does not take. */
  readonly dcapQvl?: Rate
  /** P-256 verifications with a cached key: what one signature costs at least. */
  readonly p256Verify: Rate
}

/** Measures the whole procedure, nothing remembered between two quotes. */
export async function measureQuotes(): Promise<QuoteRates> {
  const folder = join(shared, 'vectors', 'sgx', 'dcap-qvl-sample')
  return existsSync(folder) ? measureRealQuote(folder) : measureSampleQuote()
}

async function measureRealQuote(folder: string): Promise<QuoteRates> {
  const quote = new Uint8Array(readFileSync(join(folder, 'quote.bin')))
  const endorsements = JSON.parse(readFileSync(join(folder, 'collateral.json'), 'utf8'))
  const at = 1_752_919_277
  const peer = require('@phala/dcap-qvl') as {
    verify(quote: Uint8Array, collateral: unknown, at: number): { readonly status: string }
  }
  const collateral = {
    ...endorsements,
    root_ca_crl: Buffer.from(endorsements.root_ca_crl, 'hex'),
    pck_crl: Buffer.from(endorsements.pck_crl, 'hex'),
    tcb_info_signature: Buffer.from(endorsements.tcb_info_signature, 'hex'),
    qe_identity_signature: Buffer.from(endorsements.qe_identity_signature, 'hex'),
  }
  const sealward = await rateOf(() =>
    verified({ quote, endorsements, roots: [intelSgxRootSpki.sha256], at }),
  )
  const dcapQvl = await rateOf(() => peer.verify(Buffer.from(quote), collateral, at))
  return { quote: 'real hardware (dcap-qvl sample)', sealward, dcapQvl, p256Verify: await p256() }
}

async function measureSampleQuote(): Promise<QuoteRates> {
  const at = 1_790_000_000
  const vendor = await createSampleVendor({ at })
  const endorsements = await vendor.endorsements({ at, lifetimeSeconds: 86_400 })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32),
    mrSigner: new Uint8Array(32),
    isvProdId: 1,
    isvSvn: 1,
    debug: false,
    reportData: new Uint8Array(64),
  })
  const input = { quote, endorsements, roots: [vendor.rootSpkiSha256], at: at + 60 }
  return {
    quote: 'sample vendor',
    sealward: await rateOf(() => verified(input)),
    p256Verify: await p256(),
  }
}

async function verified(input: DcapVerificationInput): Promise<void> {
  const result = await verifySgxEvidence(input)
  if (!result.ok) throw new Error(`the quote was refused: ${result.problem.code}`)
}

function p256(): Promise<Rate> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const data = new Uint8Array(432)
  const signature = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return rateOf(() => {
    if (!verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) {
      throw new Error('the signature was refused')
    }
  })
}

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bytesOfBase64, bytesOfHex, utf8Of } from '@sealward/attestation/bytes'
import {
  hasSharedVectors,
  readCapturedVectors,
  readSharedText,
} from '../../../packages/attestation/src/verification/shared-vectors.fixtures.ts'

/** Seeds that every checkout has: see `write-seeds.ts`. */
export const fuzzSeedsFile: string = resolve(import.meta.dirname, '../../fixtures/fuzz-seeds.json')

export type FuzzSeeds = ReadonlyMap<string, readonly Uint8Array[]>

/** Inputs to start from that each parser accepts, by the name of its target. */
export function readFuzzSeeds(): FuzzSeeds {
  if (!existsSync(fuzzSeedsFile)) return new Map()
  const texts = JSON.parse(readFileSync(fuzzSeedsFile, 'utf8')) as Record<string, string[]>
  return new Map(
    Object.entries(texts).map(([name, list]) => [
      name,
      list.map((text) => bytesOfBase64(text) ?? new Uint8Array()),
    ]),
  )
}

/** What captured evidence adds, accepted or not. Empty where there is none. */
export function capturedFuzzSeeds(): FuzzSeeds {
  const seeds = new Map<string, Uint8Array[]>()
  const add = (name: string, bytes: Uint8Array | undefined): void => {
    if (bytes !== undefined) seeds.set(name, [...(seeds.get(name) ?? []), bytes])
  }
  for (const tee of ['sgx', 'tdx', 'snp'] as const) {
    for (const { quote, endorsements, file } of readCapturedVectors(tee)) {
      add('dcap-quote', quote)
      if (endorsements !== undefined) {
        add('tcb-info', utf8Of(endorsements.tcb_info))
        add('json', utf8Of(endorsements.tcb_info))
        add('qe-identity', utf8Of(endorsements.qe_identity))
        add('pem-chain', utf8Of(endorsements.pck_crl_issuer_chain))
        add('crl', bytesOfHex(endorsements.pck_crl))
        add('der', bytesOfHex(endorsements.pck_crl))
        add('endorsements', utf8Of(JSON.stringify(endorsements)))
      }
      if (tee === 'snp') add('snp-report', file('report.bin'))
      if (tee === 'sgx') add('ra-tls', file('certificate.der'))
      for (const [name, target] of capturedFiles) add(target, file(name))
    }
  }
  for (const text of publishedPolicies()) add('policy-text', utf8Of(text))
  return seeds
}

function publishedPolicies(): readonly string[] {
  if (!hasSharedVectors) return []
  const list = JSON.parse(readSharedText('policy/policies.json')) as { readonly file: string }[]
  return list.map(({ file }) => readSharedText(`policy/${file}`))
}

const capturedFiles: readonly (readonly [string, string])[] = [
  ['ark.der', 'certificate'],
  ['vcek.der', 'certificate'],
  ['vlek.der', 'certificate'],
  ['uvm_reference_info.cose', 'cose-sign1'],
  ['hcl-report.bin', 'hcl-report'],
  ['tpm-quote.msg', 'tpm-quote'],
  ['tpm-quote.sig', 'tpm-signature'],
  ['evidence.json', 'azure-vtpm-evidence'],
  ['evidence-v0.json', 'azure-vtpm-evidence'],
  ['evidence-v1.json', 'azure-vtpm-evidence'],
  ['azure_evidence.json', 'azure-vtpm-evidence'],
  ['host_amd_certificate.json', 'thim-certificates'],
  ['maa_report.json', 'maa-snp-report'],
  ['tsm-report.json', 'tsm-report'],
]

/**
 * Captured quotes of real platforms, which are not part of this repository.
 *
 * The folder is `../shared` beside the repository, or what SEALWARD_SHARED names. See its `vectors/README.md`.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Endorsements } from '../endorsements/index.ts'

const repository = resolve(import.meta.dirname, '../../../..')

const vectorsFolder = join(
  process.env['SEALWARD_SHARED'] ?? resolve(repository, '../shared'),
  'vectors',
)

export const hasSharedVectors: boolean = existsSync(join(vectorsFolder, 'sgx'))

/** What `expect.json` says, as far as it is compared. */
export interface VectorExpectation {
  readonly kind: string
  readonly verification_time?: number
  readonly intel_tcb_status?: string
  readonly intel_collateral_problem?: string
  readonly parsed?: ParsedExpectation
  readonly matched_levels?: {
    readonly fmspc_matches: boolean
    readonly pceid_matches: boolean
    readonly tcb_evaluation_data_number: {
      readonly tcb_info: number
      readonly qe_identity: number
    }
    readonly platform: MatchedLevel
    readonly qe: MatchedLevel
    readonly tdx_module?: MatchedLevel
  }
  readonly cases?: readonly VectorCase[]
}

interface MatchedLevel {
  readonly tcbStatus: string
  readonly tcbDate: string
  readonly advisoryIDs: readonly string[]
}

export interface VectorCase {
  readonly time: number
  /** `accept`, `reject`, or the TCB status that follows. */
  readonly expect: string
  readonly name?: string
  readonly set_byte?: { readonly offset: number; readonly value: number }
  readonly reason?: string
  readonly policy?: {
    readonly minTcbEvaluationDataNumber?: number
    readonly tcbBaselineDate?: number
  }
  readonly change?: string
}

export interface ParsedExpectation {
  readonly version: number
  readonly att_key_type: number
  readonly quote_length_by_header: number
  readonly file_length: number
  readonly mrenclave: string
  readonly mrsigner: string
  readonly isvprodid: number
  readonly isvsvn: number
  readonly attributes: string
  readonly miscselect: string
  readonly cpusvn: string
  readonly report_data: string
  readonly debug: boolean
  readonly qe_isvsvn: number
  readonly certification_data_type: number
  readonly pck?: {
    readonly fmspc: string
    readonly pceid: string
    readonly pcesvn: number
    readonly cpusvn: string
    readonly sgx_tcb_components: readonly number[]
    readonly sgx_type: string
    readonly issuer: string
    readonly not_before: string
    readonly not_after: string
    readonly root_certificate_sha256: string
  }
  readonly signatures_ok: {
    readonly quote: boolean
    readonly qe_report_binds_attestation_key: boolean
    readonly qe_report?: boolean
    readonly pck_chain_order?: boolean
  }
}

export interface CapturedVector {
  readonly name: string
  readonly expected: VectorExpectation
  readonly quote: Uint8Array | undefined
  readonly endorsements: Endorsements | undefined
  /** Any other file of the folder. */
  file(name: string): Uint8Array | undefined
}

/** Every vector of one TEE. */
export function readCapturedVectors(tee: 'sgx' | 'tdx' | 'snp'): readonly CapturedVector[] {
  if (!hasSharedVectors) return []
  return readdirSync(join(vectorsFolder, tee)).map((name) => {
    const file = (fileName: string): Uint8Array | undefined => {
      const path = join(vectorsFolder, tee, name, fileName)
      return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined
    }
    const json = (fileName: string): unknown => {
      const bytes = file(fileName)
      return bytes && JSON.parse(new TextDecoder().decode(bytes))
    }
    return {
      name,
      expected: json('expect.json') as VectorExpectation,
      quote: file('quote.bin'),
      endorsements: json('collateral.json') as Endorsements | undefined,
      file,
    }
  })
}

/** A text file of `vectors/`. */
export function readSharedText(path: string): string {
  return readFileSync(join(vectorsFolder, path), 'utf8')
}

export const absentVectors =
  'No captured quotes: put the vectors into ../shared/vectors, or name their folder in SEALWARD_SHARED.'

/**
 * What is written down: who did what to which key, how it ended, and what explains it.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import type { UnixSeconds } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

/** Who did something. */
export type AuditActor =
  /** Somebody whom the identity provider names. */
  | { readonly kind: 'person'; readonly subject: string }
  /** A workload, by the id of its verified attestation token. */
  | { readonly kind: 'workload'; readonly token: string; readonly issuer: string }
  /** The broker by itself: a rotation whose time has come. */
  | { readonly kind: 'broker' }
  /** Whoever has the machine: a command line. */
  | { readonly kind: 'operator' }

/** One thing that was done or refused. Never key material, never a token, never anything of a patient. */
export interface AuditEvent {
  readonly at: UnixSeconds
  readonly actor: AuditActor
  /** `key-create`, `key-release`, …: `<what>-<verb>`. */
  readonly action: string
  /** What it was done to: `keys/<name>/<version>`. */
  readonly target: string
  /** `done`, or the code of the problem why not. */
  readonly outcome: string
  readonly details?: AuditDetails | undefined
}

/** One condition of a release policy, and whether it was met. What the claim was is not told. */
export interface AuditCondition {
  /** Path in the policy: `anyOf[0].allOf[1]`. */
  readonly at: string
  readonly claim: string
  readonly operator: string
  /** What it was compared with. */
  readonly expected: string | number | boolean
  readonly met: boolean
  /** Why not. */
  readonly because?: string | undefined
}

/** The only details of an entry. Anything else is dropped, whatever a caller passes. */
export interface AuditDetails {
  /** Of what is about a key, and is not done to it: `keys/<name>/<version>`. */
  readonly key?: string
  /** `oct`, `RSA`, `EC`, … */
  readonly keyType?: string
  readonly keyOperations?: readonly string[]
  readonly algorithm?: string
  readonly exportable?: boolean
  readonly enabled?: boolean
  /** Which fields of something were changed. */
  readonly changed?: readonly string[]
  readonly count?: number
  readonly policyVersion?: number
  /** SHA-256, base64url. */
  readonly policyDigest?: string
  /** Whether the policy, as a whole, was met. */
  readonly met?: boolean
  readonly conditions?: readonly AuditCondition[]
  /** Of the one to whom a key was released: thumbprint of the key that it was encrypted to. */
  readonly recipient?: string
  readonly attestationType?: string
  readonly role?: string
  readonly deployment?: string
  /** Why somebody did it, in their own words. */
  readonly reason?: string
  readonly requestedBy?: string
  readonly approvedBy?: string
  readonly expiresAt?: number
  /** Of a recovery set: its id, how many shares there are, how many it takes, which were given. */
  readonly set?: string
  readonly shares?: number
  readonly threshold?: number
  readonly numbers?: readonly number[]
  /** Id of a key-encryption key, and what it is: `file`, `passphrase`, `pkcs11`, `tee`. */
  readonly keyEncryption?: string
  readonly keyEncryptionKind?: string
  /** Id of the one that it follows. */
  readonly follows?: string
  /** RFC 7638 thumbprint of the key that signs checkpoints. */
  readonly auditKey?: string
  readonly version?: string
}

type Form = 'boolean' | 'whole' | RegExp | { readonly listOf: RegExp | 'whole' } | 'conditions'

const name = /^[A-Za-z][A-Za-z0-9 _.:/-]{0,127}$/
const token = /^[A-Za-z0-9_-]{1,128}$/
// No control characters: an entry is one line, and is read in a terminal.
const words = new RegExp(`^[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]{1,${limits.reasonCharactersMax}}$`, 'u')

/** What each detail may hold, in the order in which an entry names them. */
const detailForms: { readonly [Name in keyof AuditDetails]-?: Form } = {
  key: /^keys\/[0-9A-Za-z-]{1,127}\/[0-9a-z]{32}$/,
  keyType: name,
  keyOperations: { listOf: name },
  algorithm: name,
  exportable: 'boolean',
  enabled: 'boolean',
  changed: { listOf: name },
  count: 'whole',
  policyVersion: 'whole',
  policyDigest: token,
  met: 'boolean',
  conditions: 'conditions',
  recipient: token,
  attestationType: name,
  role: name,
  deployment: words,
  reason: words,
  requestedBy: words,
  approvedBy: words,
  expiresAt: 'whole',
  set: token,
  shares: 'whole',
  threshold: 'whole',
  numbers: { listOf: 'whole' },
  keyEncryption: words,
  keyEncryptionKind: name,
  follows: words,
  auditKey: token,
  version: name,
}

/** Names of all details, for documentation and tests. */
export const auditDetailNames: readonly string[] = Object.keys(detailForms)

/**
 * The details that an entry has, in their order; `undefined` where there is none.
 *
 * @throws where a known one has another form: an entry that says less than was meant is not written.
 */
export function detailsOf(details: AuditDetails = {}): AuditDetails | undefined {
  const given = details as Readonly<Record<string, unknown>>
  const kept: [string, unknown][] = []
  for (const [field, form] of Object.entries(detailForms)) {
    const value = given[field]
    if (value === undefined) continue
    if (!isOf(form, value)) throw new Error(`an audit entry's detail ${field} has another form`)
    kept.push([field, form === 'conditions' ? (value as AuditCondition[]).map(conditionOf) : value])
  }
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

const conditionOf = ({
  at,
  claim,
  operator,
  expected,
  met,
  because,
}: AuditCondition): AuditCondition => ({
  at,
  claim,
  operator,
  expected,
  met,
  ...(because === undefined ? {} : { because }),
})

function isOf(form: Form, value: unknown): boolean {
  if (form === 'boolean') return typeof value === 'boolean'
  if (form === 'whole') return Number.isSafeInteger(value)
  if (form instanceof RegExp) return typeof value === 'string' && form.test(value)
  if (!Array.isArray(value)) return false
  if (form === 'conditions') return value.length <= limits.conditionsMax && value.every(isCondition)
  const { listOf } = form
  return value.length <= limits.namesMax && value.every((item: unknown) => isOf(listOf, item))
}

function isCondition(value: unknown): boolean {
  const {
    at,
    claim,
    operator,
    expected,
    met,
    because = 'none',
  } = value as Readonly<Record<string, unknown>>
  return (
    [at, claim, operator, because].every((text) => typeof text === 'string' && words.test(text)) &&
    (expected === '' || words.test(String(expected))) &&
    typeof met === 'boolean'
  )
}

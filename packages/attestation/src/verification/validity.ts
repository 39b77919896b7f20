import type { UnixSeconds } from '../bytes/index.ts'
import type { TrustedChain } from './chain.ts'
import { refused } from './refusal.ts'

/** From when to when one thing is in force, both included. */
export interface Validity {
  readonly kind: 'certificate' | 'crl' | 'tcb-info' | 'qe-identity'
  /** Its place, for problems. */
  readonly at: string
  readonly from: UnixSeconds
  readonly until: UnixSeconds
}

/** From when to when all of several things are in force. */
export interface Window {
  readonly from: UnixSeconds
  readonly until: UnixSeconds
}

export function windowOf(validities: readonly Validity[]): Window {
  return {
    from: Math.max(...validities.map(({ from }) => from)),
    until: Math.min(...validities.map(({ until }) => until)),
  }
}

/** Of each certificate of a chain. */
export function chainValidities({ at, certificates }: TrustedChain): readonly Validity[] {
  return certificates.map(({ notBefore, notAfter }, index) => ({
    kind: 'certificate',
    at: `${at}[${index}]`,
    from: notBefore,
    until: notAfter,
  }))
}

/** Refuses with `…-not-yet-valid` or `…-expired` of the first that is not in force at the instant. */
export function refuseOutside(validities: readonly Validity[], instant: UnixSeconds): void {
  for (const { kind, at, from, until } of validities) {
    if (instant < from) refused(`${kind}-not-yet-valid`, at, 'begins later')
    if (instant > until) refused(`${kind}-expired`, at, 'ended before')
  }
}

import type { Problem } from '@sealward/attestation/bytes'

/**
 * Why nothing came of talking with a peer: `unavailable` is the world's and is tried again, `refused` is
 * about the peer and is not.
 */
export interface PeerFailure extends Problem {
  readonly kind: 'unavailable' | 'refused'
}

/** A {@link PeerFailure} as a result. */
export function failure(
  kind: PeerFailure['kind'],
  code: string,
  at: string,
  detail: string,
): { readonly ok: false; readonly problem: PeerFailure } {
  return { ok: false, problem: { kind, code, at, detail } }
}

/** That nobody knows who has been denied is the world's fault, and not the peer's. */
export function kindOf({ code }: Problem): PeerFailure['kind'] {
  return code === 'deny-list-stale' ? 'unavailable' : 'refused'
}

/** A problem of somebody else's as a {@link PeerFailure}. */
export function failureOf(
  kind: PeerFailure['kind'],
  { code, at, detail }: Problem,
): { readonly ok: false; readonly problem: PeerFailure } {
  return failure(kind, code, at, detail)
}

/** A certificate that carries no evidence in the form that is expected. */
export function unreadable({ code, at, detail }: Problem): ReturnType<typeof failure> {
  return code === 'ra-tls-no-evidence'
    ? failure('refused', code, at, detail)
    : failure('refused', 'ra-tls-malformed', at, `${code}: ${detail}`)
}

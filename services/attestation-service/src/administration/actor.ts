/** Whoever changed something, or wanted to. Goes into history, never into a log. */
export type Actor = Person | SignerActor | OperatorActor

/** As the identity provider names them. */
export interface Person {
  readonly kind: 'person'
  readonly issuer: string
  readonly subject: string
}

/** Whoever holds a registered signer's key, or one that it vouches for. */
export interface SignerActor {
  readonly kind: 'signer'
  /** Of the registered certificate. */
  readonly thumbprint: string
}

/** Whoever wrote the service's configuration. */
export interface OperatorActor {
  readonly kind: 'operator'
}

export function isSameActor(a: Actor, b: Actor): boolean {
  if (a.kind === 'person' && b.kind === 'person') {
    return a.issuer === b.issuer && a.subject === b.subject
  }
  return a.kind === 'signer' && b.kind === 'signer' && a.thumbprint === b.thumbprint
}

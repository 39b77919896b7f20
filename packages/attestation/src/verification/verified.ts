declare const verified: unique symbol

/**
 * A value whose signature chain, revocation and freshness were checked.
 *
 * Only `verification/`, `token/`, `channel/` and `receipt/` make one. The symbol is not exported, so making one takes
 * a cast, and the architecture test finds the cast anywhere else.
 */
export type Verified<T> = T & { readonly [verified]: true }

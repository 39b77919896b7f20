/**
 * The HPKE suites that sealed HTTP is spoken with.
 *
 * @see RFC 9180, section 7; docs/spec/sealed-http.md
 * @module
 */

/**
 * HPKE KEM identifiers that are spoken here: DHKEM(P-256), DHKEM(X25519), and MLKEM768-X25519, which is also called
 * X-Wing and stays secret when either half of it is broken.
 *
 * @see draft-ietf-hpke-pq-05, section 4; draft-connolly-cfrg-xwing-kem
 */
export type KemId = 0x0010 | 0x0020 | 0x647a
/** HPKE KDF identifier: HKDF-SHA256. */
export type KdfId = 0x0001
/** HPKE AEAD identifiers: AES-128-GCM and AES-256-GCM. */
export type AeadId = 0x0001 | 0x0002

/** A key derivation and a cipher that one key may be used with. */
export interface SymmetricSuite {
  readonly kdf: KdfId
  readonly aead: AeadId
}

/** Bytes of a public key, and of an encapsulated key, of each KEM. */
export const kemBytes: Readonly<
  Record<KemId, { readonly publicKey: number; readonly enc: number }>
> = {
  16: { publicKey: 65, enc: 65 },
  32: { publicKey: 32, enc: 32 },
  25722: { publicKey: 1216, enc: 1120 },
}

/** Every KEM, the ones that a quantum computer does not break before the others. */
export const kemsInPreference: readonly KemId[] = [0x647a, 0x0020, 0x0010]

/** Of what can be sealed to: what a quantum computer does not break first, and otherwise in the order given. */
export function preferred<T extends { readonly kem: KemId }>(configs: readonly T[]): readonly T[] {
  const isHybrid = ({ kem }: T): boolean => kem === 0x647a
  return [...configs.filter(isHybrid), ...configs.filter((config) => !isHybrid(config))]
}

export function isKemId(id: number): id is KemId {
  return id in kemBytes
}

export function isSymmetricSuite(suite: {
  readonly kdf: number
  readonly aead: number
}): suite is SymmetricSuite {
  return suite.kdf === 0x0001 && (suite.aead === 0x0001 || suite.aead === 0x0002)
}

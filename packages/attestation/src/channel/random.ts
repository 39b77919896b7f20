/** A source of cryptographically secure bytes. */
export interface Random {
  bytes(length: number): Uint8Array
}

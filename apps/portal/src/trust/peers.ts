/** What the platform found out about whom it works with: `GET /trust`. */
export interface PlatformTrust {
  readonly peers: readonly PeerTrust[]
  /** Those that nothing is sent to now, with the code of the reason. */
  readonly refused: readonly { readonly role: PeerTrust['role']; readonly code: string }[]
}

export interface PeerTrust {
  readonly role: 'cache-gateway' | 'diagnostics' | 'key-broker'
  /** Of the token that it is shown, if any. */
  readonly audience?: string
  /** Unix seconds. */
  readonly verifiedAt: number
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly tcbStatus: string
  readonly simulated: boolean
  readonly model?: { readonly name: string; readonly version: string; readonly sha256: string }
  /** Unix seconds; absent before the first token for it. */
  readonly tokenExpires?: number
  readonly store?: 'redis' | 'in-process'
}

/** What the build bundles. Tokens of PKCS #11 are reached by a native module, which a TEE has no use for: its key is its own. */
export const build: {
  readonly entries: Readonly<Record<string, string>>
  readonly external: readonly string[]
} = {
  entries: { main: 'src/main.ts' },
  external: ['pkcs11js'],
}

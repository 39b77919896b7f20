/** What was measured, and what came out. */
export interface Measurement {
  /** Hex, 64 digits. */
  readonly mrEnclave: string
  /** SHA-256, hex, of the program that runs the files. */
  readonly runtime: string
  /** SHA-256, hex, by path relative to the folder, with `/`. */
  readonly files: Readonly<Record<string, string>>
}

/**
 * Measures all files below `folder` and the program that runs them.
 *
 * @param options.runtimePath - the program; this process's own unless said.
 * @throws when the folder holds a symbolic link or anything but files and folders, or nothing at all.
 * @see docs/spec/simulated-tee.md
 */
export async function measureTree(
  _folder: string,
  _options: { readonly runtimePath?: string } = {},
): Promise<Measurement> {
  throw new Error('under construction')
}

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One DICOM file of the shared test data, as its manifest describes it. */
export interface SharedFile {
  readonly path: string
  readonly kind: string
  readonly bytes: number
  readonly lossless?: boolean
  readonly max_abs_error?: number
  readonly grey8_sha256?: string
  readonly dicom?: {
    readonly transfer_syntax?: string
    readonly PhotometricInterpretation?: string
  }
  /** Digest of the stored values of all frames, little-endian, as GDCM and DCMTK decode them. */
  readonly decoded_pixels?: { readonly shape: readonly number[]; readonly sha256_le: string }
}

const folder = join(
  process.env['SEALWARD_SHARED'] ??
    fileURLToPath(new URL('../../../../../shared', import.meta.url)),
  'imaging',
)
const manifestFile = join(folder, 'MANIFEST.json')

/** Files of the manifest; none where the shared test data are absent. */
export const sharedFiles: readonly SharedFile[] = existsSync(manifestFile)
  ? (JSON.parse(readFileSync(manifestFile, 'utf8')) as { dicom_files: SharedFile[] }).dicom_files
  : []

/** Says in the test's output what was examined, or that nothing was. */
export function announce(what: string, count: number): void {
  process.stdout.write(
    count === 0
      ? `imaging: no shared test data (../shared/imaging), ${what} not examined\n`
      : `imaging: ${what}: ${count} files\n`,
  )
}

export function sharedBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, path)))
}

export function digestOf(parts: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of parts) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return hash.digest('hex')
}

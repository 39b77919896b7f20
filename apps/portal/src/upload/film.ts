/** What the platform recognised in an upload. */
export interface FilmSummary {
  readonly id: string
  /** `ImagingStudy/…` */
  readonly imagingStudy: string
  readonly modality: string
  readonly rows: number
  readonly columns: number
  /** A UID where the film came as DICOM. */
  readonly transferSyntax: string
  /** Hex. */
  readonly sha256: string
  /** What is not given on to the diagnostic provider. */
  readonly removed: readonly string[]
  readonly warnings: readonly string[]
}

/** Transfer syntaxes by the names that radiographers know. @see DICOM PS3.6, table A-1 */
const transferSyntaxNames: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2': 'Implicit VR Little Endian',
  '1.2.840.10008.1.2.1': 'Explicit VR Little Endian',
  '1.2.840.10008.1.2.1.99': 'Deflated Explicit VR Little Endian',
  '1.2.840.10008.1.2.2': 'Explicit VR Big Endian',
  '1.2.840.10008.1.2.4.50': 'JPEG Baseline',
  '1.2.840.10008.1.2.4.51': 'JPEG Extended',
  '1.2.840.10008.1.2.4.57': 'JPEG Lossless',
  '1.2.840.10008.1.2.4.70': 'JPEG Lossless SV1',
  '1.2.840.10008.1.2.4.80': 'JPEG-LS Lossless',
  '1.2.840.10008.1.2.4.81': 'JPEG-LS Near-Lossless',
  '1.2.840.10008.1.2.4.90': 'JPEG 2000 Lossless',
  '1.2.840.10008.1.2.4.91': 'JPEG 2000',
  '1.2.840.10008.1.2.4.201': 'HTJ2K Lossless',
  '1.2.840.10008.1.2.4.202': 'HTJ2K Lossless RPCL',
  '1.2.840.10008.1.2.4.203': 'HTJ2K',
  '1.2.840.10008.1.2.5': 'RLE Lossless',
}

export function transferSyntaxNameOf(uid: string): string {
  return transferSyntaxNames[uid] ?? uid
}

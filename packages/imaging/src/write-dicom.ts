import type { Result } from '@sealward/attestation/bytes'
import type { FilmIdentity, FilmProblem } from './film.ts'

/** A value as its VR wants it: text, numbers, bytes or items of a sequence. */
export type DicomValue =
  | string
  | number
  | readonly number[]
  | Uint8Array
  | readonly DicomAttributes[]

/** Data elements by keyword: `{ Modality: 'DX', Rows: 224 }`. */
export type DicomAttributes = Readonly<Record<string, DicomValue>>

export function writeDicom(_attributes: DicomAttributes, _transferSyntaxUid?: string): Uint8Array {
  throw new Error('being built')
}

export interface WrapOptions {
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
  /** 'secondary-capture' unless told. */
  readonly kind?: 'secondary-capture' | 'dx'
  readonly patient?: Partial<Pick<FilmIdentity, 'patientId' | 'name' | 'birthDate' | 'sex'>>
  /** Marks the film as showing no real person. */
  readonly synthetic?: boolean
  /** Further elements, by keyword; they win. */
  readonly attributes?: DicomAttributes
}

export function wrapImage(
  _image: Uint8Array,
  _options: WrapOptions,
): Promise<Result<Uint8Array, FilmProblem>> {
  throw new Error('being built')
}

import type { Problem } from '@sealward/attestation/bytes'

/** One picture as grey values, and what its file says about it. Holds no identity of a patient. */
export interface Film {
  readonly source: 'dicom' | 'png' | 'jpeg'
  readonly rows: number
  readonly columns: number
  /** `rows * columns` values in [0,1], row by row, 0 is black: what a screen would show. First frame. */
  readonly grey: Float32Array
  /** Mean over the pixels of the largest difference between two colour channels, of 1. 0 is grey. */
  readonly colour: number
  readonly modality: string | undefined
  readonly bodyPart: string | undefined
  readonly viewPosition: string | undefined
  readonly photometricInterpretation: string
  /** Bits of one stored sample that carry the picture. */
  readonly bitsStored: number
  readonly transferSyntaxUid: string | undefined
  /** The transfer syntax in words, or the picture format: 'JPEG lossless, SV1', 'PNG'. */
  readonly encoding: string
  readonly sopClassUid: string | undefined
  readonly studyInstanceUid: string | undefined
  readonly seriesInstanceUid: string | undefined
  readonly sopInstanceUid: string | undefined
  readonly numberOfFrames: number
  /** What a person who looks at the result should know. */
  readonly warnings: readonly FilmWarning[]
}

/** Something odd that did not prevent reading. Safe to log. */
export interface FilmWarning {
  readonly code: FilmWarningCode
  /** One sentence for a person. */
  readonly detail: string
}

export type FilmWarningCode =
  | 'bits-outside-stored'
  | 'burned-in-annotation'
  | 'first-frame-of-many'
  | 'length-of-pixels'
  | 'lossy'
  | 'mislabelled'
  | 'presentation-shape'
  | 'damaged-after-pixels'
  | 'transparency-ignored'
  | 'orientation-ignored'
  | 'window-from-pixels'
  | 'window-unusable'

/** Why a film was refused. */
export type FilmProblemCode =
  // The file.
  | 'empty'
  | 'too-large'
  | 'unknown-format'
  | 'content-type-differs'
  // The DICOM data set.
  | 'no-preamble'
  | 'no-transfer-syntax'
  | 'unsupported-transfer-syntax'
  | 'malformed-data-set'
  | 'truncated-data-set'
  | 'malformed-deflate'
  | 'inflated-too-large'
  | 'too-many-elements'
  | 'nested-too-deep'
  // The picture.
  | 'no-pixels'
  | 'malformed-image-header'
  | 'unsupported-pixels'
  | 'image-too-large'
  | 'too-many-frames'
  | 'too-many-scans'
  | 'truncated-pixels'
  | 'malformed-pixels'
  | 'pixels-contradict-header'
  // The worker.
  | 'timed-out'
  | 'out-of-memory'
  | 'cancelled'
  | 'busy'

export type FilmProblem = Problem<FilmProblemCode>

/** Why a film is not interpreted although it was read. */
export type GateCode =
  | 'not-a-chest-radiograph'
  | 'not-a-frontal-view'
  | 'more-than-one-frame'
  | 'too-small'

export type GateProblem = Problem<GateCode>

/** Who a DICOM file says is on the film. Patient data: for comparing and registering only, never to be logged. */
export interface FilmIdentity {
  readonly patientId: string | undefined
  readonly issuerOfPatientId: string | undefined
  /** Alphabetic group, DICOM form: `Family^Given^Middle^Prefix^Suffix`. */
  readonly name: string | undefined
  readonly family: string | undefined
  readonly given: string | undefined
  /** `YYYY-MM-DD`. */
  readonly birthDate: string | undefined
  /** FHIR's administrative gender for DICOM's M, F and O. */
  readonly sex: 'male' | 'female' | 'other' | undefined
  readonly accessionNumber: string | undefined
  /** `YYYY-MM-DD`. */
  readonly studyDate: string | undefined
  readonly otherPatientIds: readonly string[]
}

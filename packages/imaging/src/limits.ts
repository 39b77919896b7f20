/** Most that is read of one film. Each limit has a code of its own. */
export interface ImagingLimits {
  /** Largest file, in bytes: `too-large`. */
  readonly fileBytesMax: number
  /** Largest data set after inflating, in bytes: `inflated-too-large`. */
  readonly inflatedBytesMax: number
  /** Most data elements, those in sequences counted: `too-many-elements`. */
  readonly elementsMax: number
  /** Sequences within sequences: `nested-too-deep`. */
  readonly sequenceDepthMax: number
  /** Most rows, and most columns: `image-too-large`. */
  readonly sideMax: number
  /** Most pixels of one frame: `image-too-large`. */
  readonly pixelsMax: number
  /** Most frames: `too-many-frames`. */
  readonly framesMax: number
  /** Most fragments of encapsulated pixels: `too-many-elements`. */
  readonly fragmentsMax: number
  /** Most scans of one JPEG; a progressive one can hold thousands: `too-many-scans`. */
  readonly scansMax: number
  /** Longest wait for a worker, in milliseconds: `timed-out`. */
  readonly wallMillisecondsMax: number
  /** Largest heap of a worker, in megabytes: `out-of-memory`. */
  readonly workerHeapMegabytesMax: number
}

/**
 * Limits for chest radiographs. The largest detectors in use give about 4 800 x 5 400 pixels of 16
 * bits, 52 MB uncompressed.
 */
export const defaultImagingLimits: ImagingLimits = {
  fileBytesMax: 67_108_864,
  inflatedBytesMax: 134_217_728,
  elementsMax: 50_000,
  sequenceDepthMax: 16,
  sideMax: 16_384,
  pixelsMax: 33_554_432,
  framesMax: 1_024,
  fragmentsMax: 16_384,
  scansMax: 64,
  wallMillisecondsMax: 20_000,
  workerHeapMegabytesMax: 1_024,
}

/** Longest text value that is read from a file, in bytes. Longer ones count as absent. */
export const textBytesMax = 1_024

/** Smallest side of a chest radiograph that is interpreted, in pixels. */
export const chestSideMin = 128

/** Largest ratio of the longer to the shorter side of a chest radiograph. */
export const chestAspectMax = 2.5

/** Largest mean difference between colour channels, of 1, of a picture that still counts as grey. */
export const chestColourMax = 0.02

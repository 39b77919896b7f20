export type {
  Film,
  FilmIdentity,
  FilmProblem,
  FilmProblemCode,
  FilmWarning,
  FilmWarningCode,
  GateCode,
  GateProblem,
} from './film.ts'
export { type ChestRadiograph, chestRadiographGate } from './gate.ts'
export { readIdentity } from './identity.ts'
export { defaultImagingLimits, type ImagingLimits } from './limits.ts'
export {
  createImagingWorkerPool,
  type DecodeOptions,
  decodeInWorker,
  type Examination,
  type ExamineOptions,
  examineInWorker,
  type ImagingWorkerPool,
  type WorkerPlace,
  type WorkerPoolOptions,
} from './pool.ts'
export { type ReadOptions, readFilm } from './read-film.ts'
export { removedElements } from './removed.ts'
export { renderPng } from './render.ts'
export { areaAverage, type GreyPicture } from './scale.ts'
export { transferSyntaxUid } from './transfer-syntax.ts'
export { type WrapOptions, wrapImage } from './wrap-image.ts'
export { type DicomAttributes, type DicomValue, writeDicom } from './write-dicom.ts'

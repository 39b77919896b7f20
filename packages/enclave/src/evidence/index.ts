/**
 * Evidence: what a workload asks of its TEE, and the simulated TEE's host side.
 *
 * @module
 */

export { type OpenTeeOptions, openTee } from './open-tee.ts'
export {
  type EnclaveExit,
  type LaunchCode,
  LaunchFailure,
  type LaunchOptions,
  launch,
  type SimulatedEnclave,
} from './simulated/launch.ts'
export { type Measurement, MeasurementFailure, measureTree } from './simulated/measure-tree.ts'
export { type SamplePcs, type SamplePcsOptions, startSamplePcs } from './simulated/sample-pcs.ts'
export { createSampleTee, type SampleTeeOptions } from './simulated/sample-tee.ts'
export type { SealingPolicy, Tee, TeeCode, TeeSelf } from './tee.ts'

/**
 * Evidence: what a workload asks of its TEE, drivers for real ones, and the simulated TEE's host side.
 *
 * @module
 */

export {
  type AzureVtpmSource,
  type AzureVtpmSourceOptions,
  createAzureVtpmSource,
} from './drivers/azure-vtpm.ts'
export type {
  AzureEvidence,
  DriverCode,
  DriverEvidence,
  DriverName,
  EvidenceSource,
  SconeEvidence,
  SgxEvidence,
  TpmQuoteEvidence,
  TsmEvidence,
} from './drivers/evidence-source.ts'
export {
  createGramineSource,
  type GramineSource,
  type GramineSourceOptions,
} from './drivers/gramine.ts'
export { createSconeSource, type SconeSource, type SconeSourceOptions } from './drivers/scone.ts'
export type { Transmit } from './drivers/tpm/transact.ts'
export { deviceTransmit, socketTransmit } from './drivers/tpm/transports.ts'
export { createTsmSource, type TsmSource, type TsmSourceOptions } from './drivers/tsm.ts'
export { type OpenTeeOptions, openTee } from './open-tee.ts'
export {
  type EnclaveExit,
  type LaunchCode,
  LaunchFailure,
  type LaunchOptions,
  launch,
  memoryFlags,
  type SimulatedEnclave,
} from './simulated/launch.ts'
export { type Measurement, MeasurementFailure, measureTree } from './simulated/measure-tree.ts'
export { type SamplePcs, type SamplePcsOptions, startSamplePcs } from './simulated/sample-pcs.ts'
export { createSampleTee, type SampleTeeOptions } from './simulated/sample-tee.ts'
export type { SealingPolicy, SecurityVersion, Tee, TeeCode, TeeSelf } from './tee.ts'

/**
 * Sealing: everything written outside the TEE.
 *
 * @module
 */

export { openKeyFile } from './key-file.ts'
export { type MasterKey, masterKeyOf } from './master-key.ts'
export {
  createSealer,
  type PatientKey,
  type SealedAddress,
  type Sealer,
  type SealingCode,
  type WrappedDataKey,
} from './sealer.ts'

export { sampleCpuSvn } from './platform.ts'
export type { SampleEnclave } from './quote-writer.ts'
export {
  createSampleVendor,
  importSampleVendor,
  type SampleCertificateName,
  type SampleEndorsementOptions,
  type SampleKeyName,
  type SamplePcsResponses,
  type SampleVendor,
  type SampleVendorState,
} from './sample-vendor.ts'

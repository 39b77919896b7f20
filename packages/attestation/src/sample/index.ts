export {
  createSampleVendor,
  importSampleVendor,
  type SampleEnclave,
  type SampleEndorsementOptions,
  type SamplePcsResponses,
  type SampleVendor,
  type SampleVendorState,
} from './sample-vendor.ts'

/** Limits of what drivers read, and of how long they wait. */
export const driverLimits = {
  /** Gramine's own maximum of a quote. */
  quoteBytesMax: 8192,
  /** Header, report body and signature length of the smallest quote that Intel defines. */
  quoteBytesMin: 436,
  /** Linux's maximum of `outblob`, `auxblob` and `manifestblob`. */
  blobBytesMax: 32_768,
  /** An SNP report; it is followed by nothing, or by what a service provider adds. */
  snpReportBytesMin: 1184,
  /** A line such as `attestation_type`, `provider` or `generation`. */
  lineBytesMax: 64,
  /** One file operation or TPM command. A quoting enclave that has to fetch certificates takes seconds. */
  operationSecondsMax: 30,
  /** Requests of one source that wait for the one under way. */
  waitingMax: 64,
  /** Attempts when somebody else wrote, extended or held the device meanwhile. */
  attemptsMax: 5,
  /** Between two such attempts. */
  attemptMilliseconds: 50,
  /** A PEM file that SCONE CAS injected. */
  pemBytesMax: 65_536,
  certificatesMax: 8,
  /** A TPM 2.0 response; Linux's buffer has this size. */
  tpmResponseBytesMax: 4096,
  /** One TPM2_NV_Read. Every TPM of the PC client profile allows it. */
  nvChunkBytes: 512,
  /** The NV index of the HCL report; it has 2600 bytes today. */
  hclReportBytesMax: 16_384,
  /** Header, hardware report, and the header of the runtime data. */
  hclReportBytesMin: 1236,
  /** How long Azure's paravisor may take until the report speaks of new user data; 3 s are customary. */
  hclReportSecondsMax: 10,
  hclReportPollMilliseconds: 100,
  /** TPMS_ATTEST and a signature of RSA with 4096 bits stay below. */
  tpmQuoteBytesMax: 1024,
  imdsAnswerBytesMax: 65_536,
  imdsAnswerSecondsMax: 30,
} as const

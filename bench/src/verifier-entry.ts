/** What a page needs to verify evidence by itself. */
export {
  amdRootSpkis,
  intelSgxRootSpki,
  verifyDcapEvidence,
  verifySgxEvidence,
  verifySnpEvidence,
  verifyTdxEvidence,
} from '@sealward/attestation/verification'

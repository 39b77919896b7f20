import type { AttestationType } from '@sealward/attestation/policy'
import type { EvidenceType } from './evidence-type.ts'
import { openEnclave } from './open-enclave.ts'
import { sevSnpVm } from './sev-snp-vm.ts'
import { sgxEnclave } from './sgx-enclave.ts'
import { tdxVm } from './tdx-vm.ts'

export const evidenceTypes: Readonly<Record<AttestationType, EvidenceType>> = {
  SgxEnclave: sgxEnclave,
  OpenEnclave: openEnclave,
  SevSnpVm: sevSnpVm,
  TdxVm: tdxVm,
}

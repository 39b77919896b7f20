/** Kinds of evidence that are appraised, as paths of Azure's contract name them. */
export const attestationTypes = ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm'] as const

export type AttestationType = (typeof attestationTypes)[number]

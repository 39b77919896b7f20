export type { Certificate, KeyUsage } from './certificate.ts'
export type { X509Code } from './problems.ts'
export type { SgxExtension } from './sgx-extension.ts'

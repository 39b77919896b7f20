export { type Certificate, type KeyUsage, parseCertificate } from './certificate.ts'
export { type Crl, parseCrl } from './crl.ts'
export {
  certificateBytesMax,
  chainCertificatesMax,
  crlBytesMax,
  pemCharactersMax,
} from './limits.ts'
export {
  createWebCryptoP256,
  type P256Question,
  uncompressedPointOf,
  type VerifyP256,
  verifyCertificateSignature,
  verifyCrlSignature,
  webCryptoP256,
} from './p256.ts'
export { parseCertificateChain, pemOf } from './pem.ts'
export type { X509Code } from './problems.ts'
export {
  componentsCount,
  parseSgxExtension,
  type SgxConfiguration,
  type SgxExtension,
  sgxExtensionOid,
} from './sgx-extension.ts'

export { type AmdExtensions, type AmdTcb, parseAmdExtensions } from './amd-extensions.ts'
export { type Certificate, type KeyUsage, parseCertificate } from './certificate.ts'
export { type Crl, parseCrl } from './crl.ts'
export {
  type Cryptography,
  createWebCryptography,
  type DigestAlgorithm,
  isOfKind,
  isSignedBy,
  type PublicKey,
  p256KeyOf,
  type Signature,
  type SignatureAlgorithm,
  type SignatureQuestion,
  webCryptography,
} from './cryptography.ts'
export type { Extension } from './fields.ts'
export {
  certificateBytesMax,
  chainCertificatesMax,
  crlBytesMax,
  pemCharactersMax,
} from './limits.ts'
export { parseCertificateChain, pemOf, pemOfCrl } from './pem.ts'
export type { X509Code } from './problems.ts'
export { type RsaPublicKey, rsaKeyOf } from './rsa-key.ts'
export {
  componentsCount,
  parseSgxExtension,
  type SgxConfiguration,
  type SgxExtension,
  sgxExtensionOid,
} from './sgx-extension.ts'
export { publicKeyOf, rawEcdsaOf } from './signature-algorithms.ts'

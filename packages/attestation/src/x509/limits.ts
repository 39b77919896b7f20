/** Largest certificate, in bytes of DER. Intel's are below 1.5 kB; those with evidence in them have about 10 kB. */
export const certificateBytesMax = 81_920

/** Most certificates in one PEM text. Intel's chains have three. */
export const chainCertificatesMax = 6

/** Longest PEM text, in characters. */
export const pemCharactersMax = 65_536

/** Largest revocation list, in bytes of DER. Intel's are below 10 kB. */
export const crlBytesMax = 1_048_576

/** Most extensions in one certificate or revocation list. */
export const extensionsMax = 32

/** Longest serial number, in bytes: 20 (RFC 5280, section 4.1.2.2) and one for the sign. */
export const serialNumberBytesMax = 21

/** Sizes of RSA moduli that signatures are verified with, in bytes. AMD's have 512, Microsoft's 256 to 512. */
export const rsaModulusBytesMin = 256
export const rsaModulusBytesMax = 512

/** Most purposes in one extended key usage. */
export const keyPurposesMax = 16

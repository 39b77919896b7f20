/** Most certificates beside one SNP report. A chain has three; bundles carry those of every product line. */
export const snpCertificatesMax = 32

/** Most revocation lists beside one SNP report. A product line has two, of VCEKs and of VLEKs. */
export const snpCrlsMax = 8

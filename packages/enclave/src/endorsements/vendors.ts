/** Where Intel's service is. It publishes the root's list where its root certificate says. */
export const intelPcs: PcsAddress = {
  baseUrl: 'https://api.trustedservices.intel.com',
  rootCaCrlUrl: 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
}

/** Where AMD's service is. */
export const amdKds: KdsAddress = { baseUrl: 'https://kdsintf.amd.com' }

export interface PcsAddress {
  /** Address of a PCS or PCCS, without `/sgx/…`. */
  readonly baseUrl: string
  /**
   * Where the root CA's revocation list is, as DER, hex or PEM. A PCCS has it at `/sgx/certification/v4/rootcacrl`,
   * which is what is asked unless said; Intel has it elsewhere, see {@link intelPcs}.
   */
  readonly rootCaCrlUrl?: string
}

export interface KdsAddress {
  /** Address of AMD's KDS or of what stands for it, without `/vcek/…`. */
  readonly baseUrl: string
}

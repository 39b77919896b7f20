/** AMD's product lines, each with a root of its own. Bergamo and Siena are of the Genoa line. */
export type SnpProduct = 'milan' | 'genoa' | 'turin'

/**
 * Hex SHA-256 of the SubjectPublicKeyInfo of AMD's root keys (ARK).
 *
 * @see https://kdsintf.amd.com/vcek/v1/Milan/cert_chain, and the same for Genoa and Turin
 */
export const amdRootSpkis: Readonly<Record<SnpProduct, string>> = {
  milan: '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
  genoa: '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
  turin: '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
}

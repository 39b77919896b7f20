/** Most levels in TCB info or a QE identity. Intel's have fewer than 30. */
export const tcbLevelsMax = 256

/** Most advisories of one level. */
export const advisoryIdsMax = 256

/** How deep TCB info and QE identities may nest. */
export const signedJsonDepthMax = 8

/** Largest answer of a provisioning certification service, in characters. */
export const signedJsonCharactersMax = 1_048_576

/** Most generations of TDX modules in TCB info. Intel's have two. */
export const tdxModuleIdentitiesMax = 64

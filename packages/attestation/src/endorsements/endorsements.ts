import { type Problem, type Result, reading, type ShapeCode } from '../bytes/index.ts'
import { type EndorsementsJson, readEndorsements } from '../evidence/index.ts'

/** The shape that endorsements travel in: names of Intel's `sgx_ql_qve_collateral`. */
export type Endorsements = EndorsementsJson

/** Parses the shape of endorsements: names, types, sizes. What is inside is not looked at. */
export function parseEndorsements(json: unknown): Result<Endorsements, Problem<ShapeCode>> {
  return reading(json, '', readEndorsements)
}

import { bytesOfHex, hexOf, sha256 } from '../bytes/index.ts'
import type {
  Digest,
  SgxEvidence,
  SnpEvidence,
  TdxEvidence,
  Verified,
} from '../verification/index.ts'

/**
 * Names the machine that evidence comes from, without telling its number: hex SHA-256 of PPID or of CHIP_ID.
 *
 * @param digest - with what it is hashed; Web Crypto unless said.
 * @returns `undefined` where an owner has masked the chip's number.
 */
export async function platformIdOf(
  evidence: Verified<SgxEvidence | TdxEvidence | SnpEvidence>,
  digest?: Digest,
): Promise<string | undefined> {
  const number = bytesOfHex(evidence.kind === 'snp' ? evidence.chipId : evidence.ppid)
  if (number === undefined || number.every((byte) => byte === 0)) return undefined
  return hexOf(await (digest?.digest('SHA-256', number) ?? sha256(number)))
}

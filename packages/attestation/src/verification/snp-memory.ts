import { concat, hexOf, utf8Of } from '../bytes/index.ts'
import type { SnpReport } from '../evidence/index.ts'
import type { Cryptography } from '../x509/index.ts'
import type { VerifiedEndorsementKey } from './snp-endorsement-key.ts'
import type { SnpVerificationInput } from './verify-snp-evidence.ts'

/**
 * Endorsement keys that were verified before, by the exact bytes of certificates and revocation lists, and by what was
 * trusted. What is remembered is used only while all of it is in force; refusals are not remembered.
 */
export interface SnpMemory {
  endorsementKey(
    input: SnpVerificationInput,
    report: SnpReport,
    cryptography: Cryptography,
    verify: () => Promise<VerifiedEndorsementKey>,
  ): Promise<VerifiedEndorsementKey>
}

/** A memory of at most `keysMax` keys, about 20 kB each, that forgets what was used least recently. */
export function createSnpMemory(keysMax: number): SnpMemory {
  const keys = new Map<string, VerifiedEndorsementKey>()
  return {
    async endorsementKey(input, report, cryptography, verify) {
      const name = await nameOf(input, report, cryptography)
      const key = keys.get(name) ?? (await verify())
      keys.delete(name)
      keys.set(name, key)
      for (const oldest of keys.keys()) {
        if (keys.size <= keysMax) break
        keys.delete(oldest)
      }
      return key
    },
  }
}

/** Hex SHA-256; lengths come first, so that no two inputs read the same. Chip, TCB and processor choose among several leaves. */
async function nameOf(
  { certificates, crls, revocation, roots }: SnpVerificationInput,
  { chipId, reportedTcb, signingKey, cpuid }: SnpReport,
  cryptography: Cryptography,
): Promise<string> {
  const lengths = [certificates, crls].map((list) => list.map(({ length }) => length))
  const head = JSON.stringify([lengths, revocation, roots, signingKey, cpuid])
  const all = concat(utf8Of(head), chipId, reportedTcb, ...certificates, ...crls)
  return hexOf(await cryptography.digest('SHA-256', all))
}

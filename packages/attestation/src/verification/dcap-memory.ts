import { hexOf, utf8Of } from '../bytes/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import type { Cryptography } from '../x509/index.ts'
import type { VerifiedEndorsements } from './dcap-endorsements.ts'
import type { VerifiedPlatform } from './dcap-platform.ts'

/**
 * What was verified before, by the exact bytes that it was found in: endorsements, and the platforms that were
 * verified with them.
 *
 * Nothing is remembered of a quote. What is remembered is used only while everything that it rested on is in force;
 * other endorsements (a new TCB info, a list that revokes) are other bytes, and find nothing. Refusals are not
 * remembered.
 */
export interface DcapMemory {
  /** Endorsements of exactly these texts, verified with exactly these roots. */
  endorsements(
    texts: Endorsements,
    roots: readonly string[],
    cryptography: Cryptography,
    verify: () => Promise<VerifiedEndorsements>,
  ): VerifiedEndorsements | Promise<VerifiedEndorsements>
  /** A platform of exactly these bytes, verified with these very endorsements. */
  platform(
    name: string,
    endorsements: VerifiedEndorsements,
    verify: () => Promise<VerifiedPlatform>,
  ): VerifiedPlatform | Promise<VerifiedPlatform>
}

export interface DcapMemoryLimits {
  /** Sets of endorsements: one for each platform family and TEE. About 100 kB each. */
  readonly endorsementsMax: number
  /** Platforms of one set. About 10 kB each. */
  readonly platformsMax: number
}

/** A memory that forgets what was used least recently. */
export function createDcapMemory({ endorsementsMax, platformsMax }: DcapMemoryLimits): DcapMemory {
  const sets = new Map<string, VerifiedEndorsements>()
  const recent = new WeakMap<Endorsements, RecentEndorsements>()
  const platforms = new WeakMap<VerifiedEndorsements, Map<string, VerifiedPlatform>>()
  return {
    endorsements(texts, roots, cryptography, verify) {
      const same = recent.get(texts)
      if (same !== undefined && isUnchanged(same, texts, roots)) return same.verified
      return (async () => {
        const name = await nameOf(texts, roots, cryptography)
        const verified = remembered(sets, name, endorsementsMax) ?? (await verify())
        keep(sets, name, verified, endorsementsMax)
        recent.set(texts, { texts: { ...texts }, roots: [...roots], verified })
        return verified
      })()
    },
    platform(name, endorsements, verify) {
      let known = platforms.get(endorsements)
      if (known === undefined) {
        known = new Map()
        platforms.set(endorsements, known)
      }
      const found = remembered(known, name, platformsMax)
      if (found !== undefined) return found
      const ofThese = known
      return verify().then((verified) => {
        keep(ofThese, name, verified, platformsMax)
        return verified
      })
    },
  }
}

/** Texts as they were when they were verified: whoever holds the object may have changed it since. */
interface RecentEndorsements {
  readonly texts: Endorsements
  readonly roots: readonly string[]
  readonly verified: VerifiedEndorsements
}

function isUnchanged(
  { texts: before, roots: rootsBefore }: RecentEndorsements,
  texts: Endorsements,
  roots: readonly string[],
): boolean {
  return (
    textNames.every((name) => before[name] === texts[name]) &&
    roots.length === rootsBefore.length &&
    roots.every((root, index) => root === rootsBefore[index])
  )
}

const textNames: readonly (keyof Endorsements)[] = [
  'pck_crl_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'tcb_info_issuer_chain',
  'tcb_info',
  'tcb_info_signature',
  'qe_identity_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
  'pck_certificate_chain',
]

/** Hex SHA-256 over texts and roots; JSON keeps them apart. */
async function nameOf(
  texts: Endorsements,
  roots: readonly string[],
  cryptography: Cryptography,
): Promise<string> {
  const all = JSON.stringify([textNames.map((name) => texts[name] ?? null), roots])
  return hexOf(await cryptography.digest('SHA-256', utf8Of(all)))
}

/** Last used is last in order, so the first is the one to forget. */
function remembered<T>(entries: Map<string, T>, name: string, max: number): T | undefined {
  const found = entries.get(name)
  if (found !== undefined && entries.size > max / 2) {
    entries.delete(name)
    entries.set(name, found)
  }
  return found
}

function keep<T>(entries: Map<string, T>, name: string, value: T, max: number): void {
  entries.delete(name)
  entries.set(name, value)
  for (const oldest of entries.keys()) {
    if (entries.size <= max) break
    entries.delete(oldest)
  }
}

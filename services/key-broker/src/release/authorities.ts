import {
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
  reading,
  refuse,
} from '@sealward/attestation/bytes'
import {
  type AttestationResult,
  claimNames,
  earProfile,
  earSubmodule,
  snpClaimNames,
  type TokenCode,
  tdxClaimNames,
  tokenLimits,
  verifyAttestationResult,
} from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import {
  createDenyListKeeper,
  createSignerKeys,
  type DenyListKeeper,
  type SignerKeys,
} from '@sealward/enclave/identity'
import type { Clock } from '@sealward/enclave/server'

/** An attestation service whose tokens are believed here. */
export interface AuthoritySettings {
  /** As its tokens, and the release policies, name it. */
  readonly issuer: string
  /** Where it is reached, if not at itself. */
  readonly url?: string | undefined
  /** Base64url SHA-256 of the SPKI of each key whose signature is believed. */
  readonly signers: readonly string[]
  /** Policies whose tokens are accepted, as `x-ms-policy-hash` has them. */
  readonly policyHashes: readonly string[]
  /** Whether it may say of something simulated that it is there. */
  readonly development: boolean
}

export type AuthorityCode = TokenCode | 'authority-unknown' | 'attestation-unavailable'

/** Those whose tokens are believed; of everybody else's, none. */
export interface Authorities {
  /** @returns the token's claims, or why it is not believed: one of {@link AuthorityCode}. */
  verify(token: string): Promise<Result<Verified<AttestationResult>, Problem<AuthorityCode>>>
  /** Where its keys and its deny list are had; of one that is known. */
  sourcesOf(issuer: string):
    | {
        readonly attestationUrl: string
        readonly signerKeys: SignerKeys
        readonly denyList: DenyListKeeper
      }
    | undefined
  close(): Promise<void>
}

/** @param options.onProblem - told why a deny list was not renewed. */
export function createAuthorities(
  settings: readonly AuthoritySettings[],
  options: { readonly clock: Clock; readonly onProblem?: (problem: Problem) => void },
): Authorities {
  const { clock, onProblem } = options
  const authorities = settings.map((authority) => {
    const { issuer, url = issuer, signers } = authority
    const signerKeys = createSignerKeys({ url, clock })
    const denyList = createDenyListKeeper({
      url,
      issuer,
      signers,
      signerKeys,
      clock,
      ...(onProblem === undefined ? {} : { onProblem }),
    })
    return { authority, attestationUrl: url, signerKeys, denyList }
  })
  return {
    sourcesOf: (issuer) => authorities.find(({ authority }) => authority.issuer === issuer),
    async verify(token) {
      const issuer = issuerNamedIn(token)
      const found = authorities.find(({ authority }) => authority.issuer === issuer)
      if (found === undefined) {
        return refuse('authority-unknown', 'iss', 'No token of this issuer is believed here.')
      }
      const { authority, signerKeys, denyList } = found
      const list = await denyList.trust()
      if (!list.ok) return list
      const verifyWith = async (
        keys: Awaited<ReturnType<typeof signerKeys.keys>>,
      ): Promise<Result<Verified<AttestationResult>, Problem<AuthorityCode>>> =>
        keys.ok
          ? verifyAttestationResult(token, {
              issuer: authority.issuer,
              signers: authority.signers,
              jwks: keys.value,
              denyList: list.value,
              at: clock.now(),
              clockSkewSeconds,
            })
          : keys
      const first = await verifyWith(await signerKeys.keys())
      const isUnknown = !first.ok && first.problem.code === 'unknown-signer'
      // The attestation service may have begun to sign with another of the pinned keys.
      const verified = isUnknown ? await verifyWith(await signerKeys.refresh()) : first
      return verified.ok ? appraised(verified.value, authority) : verified
    },
    async close() {
      for (const { denyList, signerKeys } of authorities) {
        await denyList.close()
        await signerKeys.close()
      }
    },
  }
}

const clockSkewSeconds = 30

/** What holds for every release, whatever its policy says. */
function appraised(
  token: Verified<AttestationResult>,
  { development, policyHashes }: AuthoritySettings,
): Result<Verified<AttestationResult>, Problem<AuthorityCode>> {
  const { memory, policyHash, simulated } = appraisalIn(token.claims)
  if (typeof policyHash !== 'string' || !policyHashes.includes(policyHash)) {
    return refuse('wrong-policy', claimNames.policyHash, 'appraised under another policy')
  }
  // A token that does not say so may be about anything.
  if (simulated !== false && !(simulated === true && development)) {
    return refuse('simulated', claimNames.simulated, 'a simulated TEE protects nothing')
  }
  if (memory !== 'closed' && !development) {
    return refuse('debug', 'target', 'what is debugged can be read by whoever has the machine')
  }
  return { ok: true, value: token }
}

/** Under which policy, whether about something simulated, and whether others read its memory: in Azure's form, or in EAT's. */
function appraisalIn(claims: Readonly<Record<string, unknown>>): {
  readonly policyHash: unknown
  readonly simulated: unknown
  readonly memory: 'closed' | 'open'
} {
  // Azure's tokens about trust domains name a profile, too.
  if (member(claims, 'eat_profile') !== earProfile) {
    const said = [
      [claimNames.debug, false],
      [snpClaimNames.debug, false],
      [tdxClaimNames.debugStatus, 'disabled'],
    ] as const
    const debugged = said.filter(([name]) => Object.hasOwn(claims, name))
    const isClosed = debugged.length > 0 && debugged.every(([name, no]) => claims[name] === no)
    return {
      policyHash: claims[claimNames.policyHash],
      simulated: claims[claimNames.simulated],
      memory: isClosed ? 'closed' : 'open',
    }
  }
  const appraisal = member(member(claims, 'submods'), earSubmodule)
  return {
    policyHash: member(appraisal, 'ear.appraisal-policy-id'),
    simulated: member(member(appraisal, 'ear.veraison.annotated-evidence'), 'simulated'),
    // The attestation service's policy can only worsen it.
    memory: isAffirmed(member(member(appraisal, 'ear.trustworthiness-vector'), 'runtime-opaque'))
      ? 'closed'
      : 'open',
  }
}

/** draft-ietf-rats-ar4si, section 2.3.2: what is as it should be. */
function isAffirmed(value: unknown): boolean {
  return typeof value === 'number' && value >= 2 && value <= 31
}

function member(value: unknown, name: string): unknown {
  const object = Object(value) as Readonly<Record<string, unknown>>
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** Whom a token claims to be from; believed by nobody yet. */
function issuerNamedIn(token: string): string | undefined {
  if (token.length > tokenLimits.charactersMax) return undefined
  const bytes = bytesOfBase64Url(token.split('.')[1] ?? '')
  const json = bytes && jsonOf(bytes, { bytesMax: bytes.length, depthMax: tokenLimits.depthMax })
  if (!json?.ok) return undefined
  const issuer = reading(json.value, '', (top) =>
    top.object('ignored', ({ required }) => required('iss').string(tokenLimits.textMax)),
  )
  return issuer.ok ? issuer.value : undefined
}

import { createHash, X509Certificate } from 'node:crypto'
import { base64Of, jsonOf, ok, type UnixSeconds } from '@sealward/attestation/bytes'
import {
  type DenyListTrust,
  type SignatureTrust,
  type SigningKeys,
  type TokenProblem,
  verifyAttestationResult,
  verifyChallenge,
  verifyDenyList,
  verifyIssuedAccessToken,
} from '@sealward/attestation/token'
import { serviceOriginOf } from '../attest/ask-service.ts'
import { instantOf } from '../evidence/instant.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { failed } from '../failed.ts'
import { fetchJson } from '../http.ts'
import { limits } from '../limits.ts'
import { badInput, type ExitCode, type Outcome, refused, unavailable } from '../problem.ts'
import { readSigners } from '../receipt.ts'
import type { Surroundings } from '../surroundings.ts'
import { textOfToken } from './print-token.ts'
import { type ReadToken, readToken } from './read-token.ts'
import { kindOf, type TokenKind } from './token-kind.ts'

export interface VerifyFlags {
  readonly issuer: string
  readonly signer: readonly string[]
  readonly jwks?: string
  readonly service?: string
  readonly audience?: string
  readonly purpose?: string
  readonly certificate?: string
  readonly policyHash?: readonly string[]
  readonly denyList?: string
  readonly maxAge: number
  readonly at?: string
  readonly json?: true
}

/** `sealward token verify`. */
export async function runVerify(
  surroundings: Surroundings,
  file: string,
  flags: VerifyFlags,
): Promise<ExitCode> {
  const { out } = surroundings
  const verified = await verify(surroundings, file, flags)
  if (!verified.ok) {
    const { kind: _, ...problem } = verified.problem
    if (flags.json === true) out(`${JSON.stringify({ verified: false, problem })}\n`)
    return failed(surroundings, verified.problem)
  }
  const { token, kind, at, notes } = verified.value
  out(
    flags.json === true
      ? `${JSON.stringify({ verified: true, kind, claims: token.claims, notes })}\n`
      : textOfToken(headline, token, at, notes),
  )
  return 0
}

const headline = 'VERIFIED: by a key that you named with --signer, of the issuer that you named.'

interface VerifiedToken {
  readonly token: ReadToken
  readonly kind: TokenKind
  readonly at: UnixSeconds
  /** What was not asked. */
  readonly notes: readonly string[]
}

async function verify(
  surroundings: Surroundings,
  file: string,
  flags: VerifyFlags,
): Promise<Outcome<VerifiedToken>> {
  const at = flags.at === undefined ? surroundings.effects.clock.now() : instantOf(flags.at)
  if (at === undefined) return badInput('instant-malformed', '--at', 'RFC 3339 expected')
  const token = await readToken(file, 'FILE')
  if (!token.ok) return token
  const kind = kindOf(token.value)
  const misplaced = misplacedIn(kind, flags)
  if (misplaced !== undefined) return misplaced
  const certificate = await readCertificate(flags.certificate)
  if (!certificate.ok) return certificate
  const trust = await readTrust(surroundings, flags, at)
  if (!trust.ok) return trust
  const denyList = isDeniable(kind)
    ? await readDenyList(surroundings, flags, trust.value)
    : ok({ unchecked: 'nobody denies these' })
  if (!denyList.ok) return denyList

  const problem =
    (await signatureProblem(kind, token.value.text, trust.value, denyList.value)) ??
    claimProblem(token.value, flags, certificate.value)
  if (problem !== undefined) return refused(problem)
  return ok({ token: token.value, kind, at, notes: notesOf(kind, flags, denyList.value) })
}

/** Options about something that a token of this kind does not say. */
function misplacedIn(kind: TokenKind, flags: VerifyFlags): Outcome<never> | undefined {
  const wrong = (option: string): Outcome<never> =>
    badInput('usage', option, 'a token of this kind says nothing about that')
  if (flags.audience !== undefined && kind !== 'access-token') return wrong('--audience')
  if (flags.purpose !== undefined && kind !== 'access-token') return wrong('--purpose')
  if (flags.policyHash !== undefined && !isDeniable(kind)) return wrong('--policy-hash')
  if (flags.certificate !== undefined && !isHeld(kind)) return wrong('--certificate')
  if (flags.jwks === undefined && flags.service === undefined) {
    return badInput('usage', '--jwks', '--jwks FILE or --service URL says where the keys are')
  }
  return undefined
}

function isDeniable(kind: TokenKind): boolean {
  return kind === 'attestation-token' || kind === 'ear' || kind === 'access-token'
}

function isHeld(kind: TokenKind): boolean {
  return kind === 'attestation-token' || kind === 'access-token'
}

async function readTrust(
  { effects }: Surroundings,
  flags: VerifyFlags,
  at: UnixSeconds,
): Promise<Outcome<SignatureTrust>> {
  const signers: string[] = []
  for (const signer of flags.signer) {
    const named = pinForm.test(signer) ? ok([signer]) : await readSigners(signer)
    if (!named.ok) return named
    signers.push(...named.value)
  }
  const jwks =
    flags.jwks === undefined
      ? await keysFrom(effects, flags.service ?? '')
      : await keysInFile(flags.jwks)
  return jwks.ok
    ? ok({
        issuer: flags.issuer,
        signers,
        jwks: jwks.value,
        at,
        clockSkewSeconds: limits.clockSkewSeconds,
      })
    : jwks
}

const pinForm = /^[A-Za-z0-9_-]{43}$/

async function keysFrom(
  effects: Surroundings['effects'],
  service: string,
): Promise<Outcome<SigningKeys>> {
  const origin = serviceOriginOf(service)
  if (!origin.ok) return origin
  const certs = await fetchJson(effects, 'attestation-service', `${origin.value}/certs`)
  if (!certs.ok) return certs
  return (
    keySetOf(certs.value) ??
    unavailable('attestation-service-malformed', '--service', 'it did not answer with keys')
  )
}

async function keysInFile(file: string): Promise<Outcome<SigningKeys>> {
  const bytes = await bytesIn(file, '--jwks')
  if (!bytes.ok) return bytes
  const json = jsonOf(bytes.value, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  return (
    keySetOf(json.ok ? json.value : undefined) ??
    badInput('jwks-malformed', '--jwks', `${file} is no key set`)
  )
}

function keySetOf(value: unknown): Outcome<SigningKeys> | undefined {
  const { keys } = Object(value) as Partial<SigningKeys>
  return Array.isArray(keys)
    ? ok({ keys: keys.filter((key: unknown) => Object(key) === key) })
    : undefined
}

/** From the file that was named, or from the service; where there is neither, nobody is asked. */
async function readDenyList(
  { effects }: Surroundings,
  flags: VerifyFlags,
  trust: SignatureTrust,
): Promise<Outcome<DenyListTrust>> {
  const text =
    flags.denyList === undefined
      ? await denyListFrom(effects, flags.service)
      : await denyListIn(flags.denyList)
  if (!text.ok) return text
  if (text.value === undefined) return ok({ unchecked: 'none was given' })
  const list = await verifyDenyList(text.value, trust)
  return list.ok ? ok({ list: list.value, ageSecondsMax: flags.maxAge }) : refused(list.problem)
}

async function denyListIn(file: string): Promise<Outcome<string>> {
  const list = await readToken(file, '--deny-list')
  return list.ok ? ok(list.value.text) : list
}

async function denyListFrom(
  effects: Surroundings['effects'],
  service: string | undefined,
): Promise<Outcome<string | undefined>> {
  if (service === undefined) return ok(undefined)
  const origin = serviceOriginOf(service)
  if (!origin.ok) return origin
  const answer = await fetchJson(effects, 'attestation-service', `${origin.value}/deny-list`)
  if (!answer.ok) return answer
  const { token } = Object(answer.value) as { readonly token?: unknown }
  return typeof token === 'string'
    ? ok(token)
    : unavailable(
        'attestation-service-malformed',
        '--service',
        'it did not answer with a deny list',
      )
}

async function readCertificate(file: string | undefined): Promise<Outcome<string | undefined>> {
  if (file === undefined) return ok(undefined)
  const bytes = await bytesIn(file, '--certificate')
  if (!bytes.ok) return bytes
  try {
    // DER as PEM: else Node takes the first PEM that it finds inside, and evidence in a certificate has some.
    const { raw } = new X509Certificate(isDer(bytes.value) ? pemOf(bytes.value) : bytes.value)
    return ok(createHash('sha256').update(raw).digest('base64url'))
  } catch {
    return badInput('certificate-malformed', '--certificate', `${file} is no certificate`)
  }
}

/** A SEQUENCE of more than 127 bytes, which no text begins with. */
function isDer([tag, length = 0]: Uint8Array): boolean {
  return tag === 0x30 && length > 0x80
}

function pemOf(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${base64Of(der)}\n-----END CERTIFICATE-----\n`
}

async function signatureProblem(
  kind: TokenKind,
  text: string,
  trust: SignatureTrust,
  denyList: DenyListTrust,
): Promise<TokenProblem | undefined> {
  const result = await verifierOf(kind)(text, { ...trust, denyList })
  return result.ok ? undefined : result.problem
}

function verifierOf(kind: TokenKind) {
  switch (kind) {
    case 'access-token':
      return verifyIssuedAccessToken
    case 'deny-list':
      return verifyDenyList
    case 'challenge':
      return verifyChallenge
    default:
      return verifyAttestationResult
  }
}

/** What the caller asks of it beyond its signature. */
function claimProblem(
  { claims }: ReadToken,
  { audience, purpose, policyHash }: VerifyFlags,
  certificate: string | undefined,
): TokenProblem | undefined {
  const problem = (code: TokenProblem['code'], at: string, detail: string): TokenProblem => ({
    code,
    at,
    detail,
  })
  if (audience !== undefined && claims['aud'] !== audience) {
    return problem('wrong-audience', 'aud', 'made for somebody else')
  }
  if (purpose !== undefined && claims['purpose'] !== purpose) {
    return problem('wrong-purpose', 'purpose', 'made for something else')
  }
  if (certificate !== undefined && holderIn(claims) !== certificate) {
    return problem('wrong-holder', 'cnf', 'bound to another certificate, or to none')
  }
  if (policyHash !== undefined && !policyHash.includes(String(policyIn(claims)))) {
    return problem('wrong-policy', 'policy', 'appraised under another policy')
  }
  return undefined
}

type Claims = Readonly<Record<string, unknown>>

function holderIn(claims: Claims): unknown {
  const runtime = Object(claims['x-ms-runtime']) as Claims
  return (Object(claims['cnf'] ?? runtime['tls']) as Claims)['x5t#S256']
}

function policyIn(claims: Claims): unknown {
  const sealward = Object(claims['sealward']) as Claims
  const submodules = Object(claims['submods']) as Claims
  const appraisal = Object(submodules['cpu0']) as Claims
  return (
    claims['x-ms-policy-hash'] ?? sealward['policyHash'] ?? appraisal['ear.appraisal-policy-id']
  )
}

function notesOf(kind: TokenKind, flags: VerifyFlags, denyList: DenyListTrust): readonly string[] {
  const asks: readonly (readonly [boolean, string])[] = [
    [
      isDeniable(kind) && 'unchecked' in denyList,
      'No --deny-list was given: whether it was revoked since was not asked.',
    ],
    [
      isDeniable(kind) && flags.policyHash === undefined,
      'No --policy-hash was given: under which policy was not asked.',
    ],
    [
      isHeld(kind) && flags.certificate === undefined,
      'No --certificate was given: who may show it was not asked.',
    ],
    [
      kind === 'access-token' && flags.audience === undefined,
      'No --audience was given: for whom it is was not asked.',
    ],
  ]
  return asks.flatMap(([is, note]) => (is ? [note] : []))
}

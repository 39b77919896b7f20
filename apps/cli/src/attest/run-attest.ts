import { writeFile } from 'node:fs/promises'
import { bytesOfBase64Url, jsonOf, ok, textOf } from '@sealward/attestation/bytes'
import { signerOf, verifyAttestationResult } from '@sealward/attestation/token'
import { readEvidence } from '../evidence/read-evidence.ts'
import { bytesIn } from '../evidence/read-file.ts'
import { failed } from '../failed.ts'
import { limits } from '../limits.ts'
import { badInput, type CommandProblem, type ExitCode, type Outcome, refused } from '../problem.ts'
import { readSigners } from '../receipt.ts'
import type { Surroundings } from '../surroundings.ts'
import {
  askForToken,
  type PublishedIdentity,
  publishedIdentity,
  type ResultForm,
  serviceOriginOf,
} from './ask-service.ts'
import {
  type AttestationType,
  type AttestData,
  type AttestExtras,
  attestBodyOf,
  type DataType,
} from './attest-body.ts'
import { summaryOf, type TokenSummary, textOfToken } from './print-token.ts'

export interface AttestFlags {
  readonly service: string
  readonly type?: AttestationType
  readonly runtimeData?: string
  readonly runtimeDataType: DataType
  readonly initTimeData?: string
  readonly initTimeDataType: DataType
  readonly nonce?: string
  readonly draftPolicy?: string
  readonly format: ResultForm
  readonly signer?: string
  readonly issuer?: string
  readonly out?: string
  readonly json?: true
}

/** `sealward attest`. */
export async function runAttest(
  surroundings: Surroundings,
  file: string,
  flags: AttestFlags,
): Promise<ExitCode> {
  const { out, err } = surroundings
  const attested = await attest(surroundings, file, flags)
  if (!attested.ok) {
    if (flags.json === true) out(`${JSON.stringify({ problem: withoutKind(attested.problem) })}\n`)
    return failed(surroundings, attested.problem)
  }
  const { token, summary } = attested.value
  if (flags.out !== undefined) {
    const written = await writeFile(flags.out, `${token}\n`, { mode: 0o600 }).then(
      () => true,
      () => false,
    )
    if (!written) {
      const detail = `${flags.out} cannot be written`
      return failed(surroundings, badInput('file-unwritable', '--out', detail).problem)
    }
    err(`The token is in ${flags.out}.\n`)
  }
  out(flags.json === true ? `${JSON.stringify({ ...summary, token })}\n` : textOfToken(summary))
  return exitCodeOfStatus(summary.status)
}

/** A result that speaks against the evidence is none to go on with. */
function exitCodeOfStatus(status: string | null): ExitCode {
  if (status === 'contraindicated') return 1
  return status === 'none' ? 3 : 0
}

interface Attested {
  readonly token: string
  readonly summary: TokenSummary
}

async function attest(
  { effects }: Surroundings,
  file: string,
  flags: AttestFlags,
): Promise<Outcome<Attested>> {
  const service = serviceOriginOf(flags.service)
  if (!service.ok) return service
  const pins = flags.signer === undefined ? undefined : await readSigners(flags.signer)
  if (pins !== undefined && !pins.ok) return pins
  const bytes = await bytesIn(file, 'FILE')
  if (!bytes.ok) return bytes
  const evidence = readEvidence(bytes.value)
  if (!evidence.ok) return evidence
  const extras = await readExtras(flags)
  if (!extras.ok) return extras
  const request = attestBodyOf(evidence.value, extras.value)
  if (!request.ok) return request

  const token = await askForToken(effects, service.value, request.value, flags.format)
  if (!token.ok) return token
  const about = { type: request.value.type, format: flags.format }
  if (flags.draftPolicy !== undefined) return draftIn(token.value, about)
  const identity = await publishedIdentity(effects, service.value)
  if (!identity.ok) return identity
  const verified = await verifyAttestationResult(token.value, {
    issuer: flags.issuer ?? identity.value.issuer,
    jwks: identity.value.jwks,
    signers: pins?.value ?? (await allSignersOf(identity.value)),
    at: effects.clock.now(),
    clockSkewSeconds: limits.clockSkewSeconds,
    denyList: { unchecked: 'the service that keeps the list has issued it this moment' },
  })
  if (!verified.ok) return refused(verified.problem)
  const signature = pins === undefined ? 'published' : 'pinned'
  const summary = summaryOf(verified.value.claims, { ...about, signature })
  return ok({ token: token.value, summary })
}

async function readExtras(flags: AttestFlags): Promise<Outcome<AttestExtras>> {
  const { runtimeDataType, initTimeDataType } = flags
  const runtimeData = await readData(flags.runtimeData, '--runtime-data', runtimeDataType)
  if (!runtimeData.ok) return runtimeData
  const initTimeData = await readData(flags.initTimeData, '--init-time-data', initTimeDataType)
  if (!initTimeData.ok) return initTimeData
  const draft =
    flags.draftPolicy === undefined
      ? ok(undefined)
      : await bytesIn(flags.draftPolicy, '--draft-policy')
  if (!draft.ok) return draft
  const draftPolicy = draft.value && textOf(draft.value)
  if (draft.value !== undefined && draftPolicy === undefined) {
    return badInput('policy-unreadable', '--draft-policy', 'no UTF-8')
  }
  const { type, nonce } = flags
  return ok({
    type,
    nonce,
    draftPolicy,
    runtimeData: runtimeData.value,
    initTimeData: initTimeData.value,
  })
}

async function readData(
  file: string | undefined,
  option: string,
  type: DataType,
): Promise<Outcome<AttestData | undefined>> {
  if (file === undefined) return ok(undefined)
  const bytes = await bytesIn(file, option)
  return bytes.ok ? ok({ bytes: bytes.value, type }) : bytes
}

/** Anybody's key: it is said that this pins nothing. */
async function allSignersOf({ jwks }: PublishedIdentity): Promise<readonly string[]> {
  const signers = await Promise.all(jwks.keys.map((key) => signerOf(Object(key))))
  return signers.filter((signer) => signer !== undefined)
}

/** A draft is only shown. */
function draftIn(token: string, about: Pick<TokenSummary, 'type' | 'format'>): Outcome<Attested> {
  const part = (index: number): unknown => {
    const bytes = bytesOfBase64Url(token.split('.')[index] ?? '')
    const json =
      bytes && jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
    return json?.ok === true ? json.value : undefined
  }
  const { alg } = Object(part(0)) as { readonly alg?: unknown }
  if (alg !== 'none' || !token.endsWith('.')) {
    return refused({
      code: 'draft-signed',
      at: 'token',
      detail: 'a draft policy’s token is signed',
    })
  }
  const summary = summaryOf(Object(part(1)), { ...about, signature: 'unsecured' })
  return ok({ token, summary: { ...summary, status: null } })
}

function withoutKind({ code, at, detail }: CommandProblem): object {
  return { code, at, detail }
}

import { skeletonOf } from '@sealward/attestation/claims'
import { parseDcapQuote } from '@sealward/attestation/evidence'
import type { ExitCode } from '../problem.ts'
import { textOf } from './print.ts'
import { type ReadEvidence, readEvidence } from './read-evidence.ts'
import { bytesIn } from './read-file.ts'
import { readOptions, type VerifyFlags } from './read-options.ts'
import type { EvidenceSurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'
import { type EvidenceVerdict, verifyEvidence } from './verify.ts'

/** `sealward evidence verify`. */
export async function runVerify(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: VerifyFlags & { readonly skeleton?: true },
): Promise<ExitCode> {
  const { out, err } = surroundings
  const bytes = await bytesIn(file, 'FILE')
  if (!bytes.ok) return unreadable(surroundings, flags, bytes.problem)
  const evidence = readEvidence(bytes.value)
  if (!evidence.ok) return unreadable(surroundings, flags, evidence.problem)
  const options = await readOptions(surroundings, evidence.value, flags)
  if (!options.ok) return unreadable(surroundings, flags, options.problem)
  const { verdict, evidence: verified } = await verifyEvidence(evidence.value, options.value)
  const notes = notesOf(verdict, evidence.value, flags)
  if (flags.skeleton === true) {
    // Standard output becomes a policy: what is no policy does not belong there.
    err(verified === undefined ? textOf(verdict, notes) : linesOf(notes))
    if (verified !== undefined) out(`${JSON.stringify(skeletonOf(verified), undefined, 2)}\n`)
  } else if (flags.json === true) {
    out(`${JSON.stringify(verdict)}\n`)
    err(linesOf(notes.filter((note) => note !== noPolicy)))
  } else {
    out(textOf(verdict, notes))
  }
  return exitCodes[verdict.verdict]
}

const exitCodes: Readonly<Record<EvidenceVerdict['verdict'], ExitCode>> = {
  affirming: 0,
  warning: 0,
  contraindicated: 1,
  none: 3,
}

const noPolicy = 'No --policy was given: it is what it says; whether that is right was not asked.'

/** What a verdict does not say by itself. */
function notesOf(
  { verdict, debug, claims }: EvidenceVerdict,
  evidence: ReadEvidence,
  { policy }: VerifyFlags,
): readonly string[] {
  const isVerified = verdict === 'affirming' || verdict === 'warning'
  const quote = evidence.kind === 'dcap' ? parseDcapQuote(evidence.quote) : undefined
  const trailing = quote?.ok === true ? quote.value.trailingBytes : 0
  return [
    ...(debug === true
      ? ['DEBUG: anybody on the machine can read its memory. For development only.']
      : []),
    ...(claims['revocation'] === 'unchecked'
      ? ['No revocation list came with the certificates: nobody looked whether one is revoked.']
      : []),
    ...(trailing > 0 ? [`${trailing} bytes follow the quote; nothing in them was read.`] : []),
    ...(isVerified && policy === undefined ? [noPolicy] : []),
  ]
}

function linesOf(notes: readonly string[]): string {
  return notes.map((note) => `${note}\n`).join('')
}

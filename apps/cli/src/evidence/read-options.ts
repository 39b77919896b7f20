/**
 * What the options of `evidence verify` and `evidence forecast` name, read.
 *
 * @module
 */

import { hexOf, jsonOf, ok, sha256 } from '@sealward/attestation/bytes'
import { parseReferenceValues, type ReferenceValues } from '@sealward/attestation/claims'
import {
  amdRootSpkis,
  intelSgxRootSpki,
  snpCertificatesMax,
  snpCrlsMax,
} from '@sealward/attestation/verification'
import { parseCertificate } from '@sealward/attestation/x509'
import { limits } from '../limits.ts'
import { badInput, type Outcome } from '../problem.ts'
import { endorsementsFromBundle } from './bundled.ts'
import { instantOf } from './instant.ts'
import { type ReadEndorsements, readEndorsements, together } from './read-endorsements.ts'
import type { ReadEvidence } from './read-evidence.ts'
import { bytesIn, filesInFolder } from './read-file.ts'
import type { EvidenceSurroundings } from './surroundings.ts'
import type { RuntimeDataDigest, VerifyOptions } from './verify.ts'

/** As the command line has them. */
export interface VerifyFlags {
  readonly endorsements?: readonly string[]
  readonly at?: string
  readonly root?: readonly string[]
  readonly runtimeData?: string
  readonly runtimeDataDigest?: RuntimeDataDigest
  readonly policy?: string
  readonly json?: true
}

/** Which endorsements are read. */
interface EndorsementFiles {
  readonly files: readonly string[]
  /** Of bundles, which hold several. */
  readonly baseline: 'standard' | 'early'
}

/** Reads the files that options name; another set of endorsements than that of `flags`, where one is given. */
export async function readOptions(
  surroundings: EvidenceSurroundings,
  evidence: ReadEvidence,
  flags: VerifyFlags,
  endorsementFiles: EndorsementFiles = { files: flags.endorsements ?? [], baseline: 'standard' },
): Promise<Outcome<VerifyOptions>> {
  const at = flags.at === undefined ? surroundings.effects.clock.now() : instantOf(flags.at)
  if (at === undefined) {
    return badInput('usage', '--at', 'an instant such as 2026-11-27T00:00:00Z expected')
  }
  const endorsements = await endorsementsIn(surroundings, endorsementFiles, evidence)
  if (!endorsements.ok) return endorsements
  const roots = await rootsIn(flags.root ?? [])
  if (!roots.ok) return roots
  const referenceValues = flags.policy === undefined ? undefined : await policyIn(flags.policy)
  if (referenceValues !== undefined && !referenceValues.ok) return referenceValues
  const runtimeData =
    flags.runtimeData === undefined ? undefined : await bytesIn(flags.runtimeData, '--runtime-data')
  if (runtimeData !== undefined && !runtimeData.ok) return runtimeData
  return ok({
    endorsements: endorsements.value,
    roots: roots.value,
    at,
    ...(referenceValues === undefined ? {} : { referenceValues: referenceValues.value }),
    ...(runtimeData === undefined
      ? {}
      : { runtimeData: { bytes: runtimeData.value, digest: flags.runtimeDataDigest ?? 'sha256' } }),
  })
}

async function endorsementsIn(
  { err }: EvidenceSurroundings,
  { files, baseline }: EndorsementFiles,
  evidence: ReadEvidence,
): Promise<Outcome<ReadEndorsements>> {
  const parts: ReadEndorsements[] = []
  for (const file of files) {
    const inFolder = await filesInFolder(file)
    for (const one of inFolder ?? [file]) {
      const bytes = await bytesIn(one, '--endorsements')
      if (!bytes.ok) return bytes
      const read = readEndorsements(bytes.value, '--endorsements')
      if (read.ok) {
        parts.push(read.value)
      } else if (inFolder !== undefined && read.problem.code === 'endorsements-unreadable') {
        // Somebody named the folder and not this file. To leave one out never makes a verdict better.
        err(`Passed over ${one}: no endorsements.\n`)
        continue
      } else {
        return { ok: false, problem: { ...read.problem, detail: `${one}: ${read.problem.detail}` } }
      }
      for (const bundle of read.value.bundles) {
        const bundled = await endorsementsFromBundle(bundle, evidence, baseline)
        if (!bundled.ok) return bundled
        parts.push(bundled.value)
      }
    }
  }
  const all = together(parts)
  if (all.certificates.length > snpCertificatesMax) {
    const detail = `more than ${snpCertificatesMax} certificates`
    return badInput('too-many-certificates', '--endorsements', detail)
  }
  return all.crls.length > snpCrlsMax
    ? badInput('too-many-certificates', '--endorsements', `more than ${snpCrlsMax} lists`)
    : ok(all)
}

/** Hex SHA-256 of the SPKI of each certificate; the vendors' own where none is given. */
async function rootsIn(files: readonly string[]): Promise<Outcome<readonly string[]>> {
  if (files.length === 0) return ok([intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)])
  const roots: string[] = []
  for (const file of files) {
    const bytes = await bytesIn(file, '--root')
    if (!bytes.ok) return bytes
    const read = readEndorsements(bytes.value, '--root')
    if (!read.ok) return read
    if (read.value.certificates.length === 0) {
      return badInput('root-malformed', '--root', `no certificate in ${file}`)
    }
    for (const der of read.value.certificates) {
      const certificate = parseCertificate(der)
      if (!certificate.ok) {
        return badInput(certificate.problem.code, '--root', certificate.problem.detail)
      }
      roots.push(hexOf(await sha256(certificate.value.spki)))
    }
  }
  return ok(roots)
}

async function policyIn(file: string): Promise<Outcome<ReferenceValues>> {
  const bytes = await bytesIn(file, '--policy')
  if (!bytes.ok) return bytes
  const json = jsonOf(bytes.value, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return badInput(json.problem.code, '--policy', json.problem.detail)
  const values = parseReferenceValues(json.value)
  return values.ok
    ? ok(values.value)
    : badInput(values.problem.code, `--policy ${values.problem.at}`, values.problem.detail)
}

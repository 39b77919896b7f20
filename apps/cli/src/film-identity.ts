import { createHash } from 'node:crypto'
import type { Patient } from '@medplum/fhirtypes'

/** What kind of file a film is, from its first bytes; `undefined` for anything else. */
export function mediaTypeOf(film: Uint8Array): string | undefined {
  const starts = (offset: number, ...bytes: readonly number[]): boolean =>
    bytes.every((byte, index) => film[offset + index] === byte)
  if (starts(128, 0x44, 0x49, 0x43, 0x4d)) return 'application/dicom'
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'image/png'
  if (starts(0, 0xff, 0xd8, 0xff)) return 'image/jpeg'
  return undefined
}

/** How a patient is found again, and what is registered the first time. */
export interface PatientIdentity {
  readonly system: string
  readonly value: string
  readonly resource: Patient
}

/** The system of patient numbers, the one that the portal uses. */
const patientNumberSystem = 'urn:sealward:patient-number'

/**
 * Who a film is of: the caller's identifier, else the DICOM file's patient, else nobody but the file itself.
 *
 * @param identifier - `system|value`, checked before.
 */
export async function identityOf(
  film: Uint8Array,
  identifier: readonly [system: string, value: string] | undefined,
): Promise<PatientIdentity> {
  const said = mediaTypeOf(film) === 'application/dicom' ? await dicomIdentityOf(film) : undefined
  const [system, value] =
    identifier ??
    (said?.patientId === undefined ? fileIdentifierOf(film) : [patientNumberSystem, said.patientId])
  const { family, given, birthDate, sex } = said ?? {}
  return {
    system,
    value,
    resource: {
      resourceType: 'Patient',
      identifier: [{ system, value }],
      ...(family === undefined
        ? {}
        : { name: [{ family, ...(given === undefined ? {} : { given: given.split(' ') }) }] }),
      ...(birthDate === undefined ? {} : { birthDate }),
      ...(sex === undefined ? {} : { gender: sex }),
    },
  }
}

async function dicomIdentityOf(film: Uint8Array) {
  // Loaded only now: commands that read no DICOM start without its codecs.
  const { readIdentity } = await import('@sealward/imaging')
  const identity = readIdentity(film)
  return identity.ok ? identity.value : undefined
}

/** A film that says nothing of a patient is a patient of its own; the same film is the same one. */
function fileIdentifierOf(film: Uint8Array): readonly [string, string] {
  return ['urn:sealward:cli', createHash('sha256').update(film).digest('hex').slice(0, 16)]
}

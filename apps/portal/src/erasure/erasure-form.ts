import type { Patient } from '@medplum/fhirtypes'
import { erasureReasonCharactersMax } from '../limits.ts'
import { nameOf, numberIn } from '../patients/patient-words.ts'

/** What whoever erases a patient has to write. */
export interface ErasureForm {
  readonly reason: string
  /** Written anew, so that it is this patient and no other. */
  readonly proof: string
}

export const emptyErasureForm: ErasureForm = { reason: '', proof: '' }

/** What is wrong with one field. */
export type ErasureProblem = 'missing' | 'too-long' | 'differs'

export type ErasureProblems = Readonly<Partial<Record<keyof ErasureForm, ErasureProblem>>>

/** What has to be written to erase a patient: the number, or the name of one who has none. */
export function proofFor(patient: Patient): {
  readonly of: 'number' | 'name'
  readonly text: string
} {
  const number = numberIn(patient)
  return number === undefined
    ? { of: 'name', text: nameOf(patient) }
    : { of: 'number', text: number }
}

/** Finds what is wrong with each field. */
export function problemsOfErasure(form: ErasureForm, proof: string): ErasureProblems {
  const found = {
    reason: problemOfReason(form.reason.trim()),
    proof: problemOfProof(form.proof, proof),
  }
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== undefined))
}

function problemOfReason(reason: string): ErasureProblem | undefined {
  if (reason === '') return 'missing'
  return reason.length > erasureReasonCharactersMax ? 'too-long' : undefined
}

function problemOfProof(given: string, proof: string): ErasureProblem | undefined {
  const written = likeWritten(given)
  if (written === '') return 'missing'
  return written === likeWritten(proof) ? undefined : 'differs'
}

/** An input method may write digits in full width, which nobody means as other ones. */
function likeWritten(text: string): string {
  return text.normalize('NFKC').trim()
}

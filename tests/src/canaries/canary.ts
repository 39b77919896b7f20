import { randomBytes } from 'node:crypto'

/** A patient that nobody has, of this run only: whatever of it is found somewhere else was written now. */
export interface Canary {
  readonly identifier: string
  readonly family: string
  readonly given: string
  readonly street: string
  readonly phone: string
  /** In a file's name, as clerks name files. */
  readonly fileName: string
  /** What a clinician writes. */
  readonly conclusion: string
  /** What an identifier, a path or a field is in requests that are refused. */
  readonly refused: string
  /** `PatientName` inside the film. */
  readonly nameInFilm: string
}

export function newCanary(): Canary {
  return {
    identifier: `MRN-${digits(10)}-Q`,
    family: `Zzyz${letters(10)}`,
    given: `Quill${letters(9)}`,
    street: `${letters(12)} lane 7`,
    phone: `+44 ${digits(12)}`,
    fileName: `thorax-${letters(10)}`,
    conclusion: `Shadow beside ${letters(14)}, to be seen again.`,
    refused: `wrong-${letters(14)}`,
    // As long as the name that it takes the place of.
    nameInFilm: `Yx${letters(11)}`,
  }
}

function letters(count: number): string {
  return [...randomBytes(count)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('')
}

function digits(count: number): string {
  return [...randomBytes(count)].map((byte) => byte % 10).join('')
}

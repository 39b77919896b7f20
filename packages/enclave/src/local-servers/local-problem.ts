/** A reason for stopping that a person can act on: the launcher prints its sentence without a stack. */
export class LocalProblem extends Error {
  readonly code: string
  constructor(code: string, sentence: string) {
    super(sentence)
    this.code = code
  }
}

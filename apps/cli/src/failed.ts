import { type CommandProblem, type ExitCode, exitCodeOf } from './problem.ts'

/** Says on standard error why a command ends, and gives what the process answers. */
export function failed(
  { err }: { readonly err: (text: string) => void },
  { kind, code, at, detail }: CommandProblem,
): ExitCode {
  err(`${words[kind]}: ${code}${at === '' ? '' : ` (${at})`}: ${detail}\n`)
  return exitCodeOf(kind)
}

const words = {
  refused: 'Refused by verification',
  input: 'Not possible',
  unavailable: 'Unavailable',
} as const

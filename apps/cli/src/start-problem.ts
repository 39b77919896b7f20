import { LocalProblem } from '@sealward/enclave/local-servers'
import { StartRefusal } from '@sealward/enclave/server'
import { badInput, type CommandProblem, unavailable } from './problem.ts'

/** Why it did not start, where an operator can do something about it. */
export function startProblemOf(
  error: unknown,
  { address, port }: { readonly address: string; readonly port: number },
): CommandProblem | undefined {
  if (error instanceof StartRefusal) {
    const { code, at, detail } = error.problem
    const outcome =
      code === 'store-unavailable' ? unavailable(code, at, detail) : badInput(code, at, detail)
    return outcome.problem
  }
  if (error instanceof LocalProblem)
    return unavailable(error.code, 'database', error.message).problem
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
    case 'EADDRNOTAVAIL':
      return badInput('address-unavailable', '--port', `${address}:${port} cannot be listened at.`)
        .problem
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return badInput(
        'denied',
        '--state',
        'The state folder or the port may not be used by this user.',
      ).problem
    case 'EEXIST':
    case 'ENOTDIR':
      return badInput(
        'file-unwritable',
        '--state',
        'The state folder is a file, or lies below one.',
      ).problem
    default:
      return undefined
  }
}

/** Which database, without its user and password. */
export function placeOf(databaseUrl: string): string {
  const host = URL.parse(databaseUrl)?.host ?? ''
  return host === '' ? '' : ` at ${host}`
}

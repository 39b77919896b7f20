import { LocalProblem } from '@sealward/enclave/local-servers'
import { step } from '../bootstrap/steps.mjs'
import { startStack } from './stack.ts'

const defaultPort = 4400
const secondSignalMsMin = 1000

try {
  const stack = await startStack({
    home: process.env['SEALWARD_HOME'] ?? '.sealward',
    port: portOf(process.env['PORT']),
    announce: step,
  })
  process.stdout.write(`
Sealward is ready: ${stack.url}

  Sign in as clerk (password clerk), radiologist (password radiologist)
  or privacy (password privacy), who may erase a patient.
  Films to try: models/synthetic-films
  The TEE is simulated. It protects nothing: do not use it for patients.
  State: ${stack.home}    Stop: Ctrl-C    Start afresh: npm run reset
`)
  const stopped = await Promise.race([toldToStop(), stack.failed])
  process.stdout.write(stopped === undefined ? '\nStopping …\n' : `\n${stopped}\nStopping …\n`)
  await stack.stop()
  process.exit(stopped === undefined ? 0 : 1)
} catch (error) {
  if (!(error instanceof LocalProblem)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return defaultPort
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port
  throw new LocalProblem('port-invalid', `PORT is to be a number from 1 to 65535, not ${text}.`)
}

/**
 * Resolves at the first signal. One more, a second later or more, does not wait for an orderly end: the
 * children's pipes close with this process. Sooner it is the same Ctrl-C, come by another way.
 */
function toldToStop(): Promise<undefined> {
  return new Promise((resolve) => {
    let first: number | undefined
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        first ??= performance.now()
        if (performance.now() - first >= secondSignalMsMin) process.exit(130)
        resolve(undefined)
      })
    }
  })
}

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, pinnedNode, preparePostgres, root } from './install.mjs'
import { Stop } from './steps.mjs'

/**
 * Installs what is missing, then hands over to `program` on the pinned Node and ends with its code.
 *
 * @param {string} program path from the root of the project
 * @param {() => Promise<void>} [more] what else must be there first
 */
export async function main(program, more) {
  try {
    await installPackages()
    await preparePostgres()
    await more?.()
    process.exit(await handOver(program, process.argv.slice(2)))
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

/** Signals are passed on; a terminal has sent Ctrl-C to the whole group as well, so it may come twice. */
function handOver(program, parameters) {
  const node = pinnedNode()
  const child = spawn(node, [join(root, program), ...parameters], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(node)}:${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0))),
  )
}

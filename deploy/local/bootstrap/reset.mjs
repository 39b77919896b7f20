import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const home = resolve(process.env.SEALWARD_HOME ?? '.sealward')
const lock = join(home, 'stack.pid')

if (!existsSync(home)) {
  process.stdout.write(`Nothing to remove: ${home} is not there.\n`)
} else if (!existsSync(join(home, 'sealward-home'))) {
  process.stderr.write(`${home} was not made by Sealward; it is left alone.\n`)
  process.exitCode = 1
} else if (running()) {
  process.stderr.write(
    `Sealward is running from ${home}. Stop it first (Ctrl-C where it was started).\n`,
  )
  process.exitCode = 1
} else {
  rmSync(home, { recursive: true, force: true })
  process.stdout.write(`Removed ${home}: keys, patients and all.\n`)
}

function running() {
  if (!existsSync(lock)) return false
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}

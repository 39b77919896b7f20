#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript: this one, or the one that the lockfile pins.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major > 22 || (major === 22 && minor >= 18)) {
  leaveOutExperimentalWarnings()
  await import('../src/main.ts')
} else {
  const node = pinnedNode()
  if (node === undefined || process.env.SEALWARD_NODE_CHOSEN !== undefined) {
    process.stderr.write(
      `Sealward needs Node 22.18 or later; this is ${process.versions.node}. Run npm install to get the pinned one.\n`,
    )
    process.exitCode = 2
  } else {
    const child = spawn(node, process.argv.slice(1), {
      stdio: 'inherit',
      env: { ...process.env, SEALWARD_NODE_CHOSEN: node },
    })
    // The terminal sends Ctrl-C to both; the child says what becomes of it.
    process.on('SIGINT', () => {})
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    child.once('exit', (code, signal) => {
      process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143)
    })
  }
}

/** Node calls a method of Web Crypto experimental that HPKE stands on: nobody at a terminal can act on that. */
function leaveOutExperimentalWarnings() {
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') process.stderr.write(`${name}: ${message}\n`)
  })
}

/** The Node that npm installed for this machine, if it did. */
function pinnedNode() {
  const require = createRequire(import.meta.url)
  const names = [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ]
  for (const name of names) {
    try {
      const file = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node')
      if (existsSync(file)) return file
    } catch {
      // Not installed under this name.
    }
  }
  return undefined
}

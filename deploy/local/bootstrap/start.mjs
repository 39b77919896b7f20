import { requireNode } from './node-version.mjs'

requireNode()

const help = `npm start builds Sealward and runs all of it on this machine, in a simulated TEE, until Ctrl-C.

  PORT=4400                 the portal's port; the others are free ones
  SEALWARD_HOME=.sealward   the folder that state is kept in

  npm run reset             removes that folder's state, to start afresh
`

const [argument] = process.argv.slice(2)
if (argument === '--help' || argument === '-h') {
  process.stdout.write(help)
} else if (argument !== undefined) {
  process.stderr.write(`npm start takes no ${argument}.\n\n${help}`)
  process.exit(2)
} else {
  const { main } = await import('./launch.mjs')
  await main('deploy/local/src/main.ts')
}

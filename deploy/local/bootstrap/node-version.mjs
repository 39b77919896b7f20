// Plain JavaScript without dependencies: it runs before anything is installed, on whatever Node is there.

const needed = [20, 19]

/** Ends the process with one sentence when the Node that runs it is too old to start the rest. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return
  process.stderr.write(
    `Sealward needs Node ${needed.join('.')} or later to start; this is Node ${process.versions.node}.\n`,
  )
  process.exit(1)
}

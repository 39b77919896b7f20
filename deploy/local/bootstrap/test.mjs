import { requireNode } from './node-version.mjs'

requireNode()
const { installTestPrograms } = await import('./test-programs.mjs')
const { main } = await import('./launch.mjs')
const quick = process.argv[2] === 'quick'
await main('tests/src/run.ts', quick ? undefined : installTestPrograms)

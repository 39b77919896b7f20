import { requireNode } from './node-version.mjs'

requireNode()
const { main } = await import('./launch.mjs')
await main('deploy/local/src/main.ts')

import { step } from '../../bootstrap/steps.mjs'
import { buildAll } from './build.ts'

await buildAll((target, build) => step(`Building ${target}`, build))

import { measureVerification } from './measure-verification.ts'

// Bundled and started by `measure-on-node-20.ts`, which reads the figures from standard output.
process.stdout.write(JSON.stringify(await measureVerification()))

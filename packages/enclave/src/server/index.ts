/**
 * The shell of every service: HTTP with limits, its life as a process.
 *
 * @module
 */

export { type Clock, type Random, systemClock, systemRandom } from '../effects/index.ts'
export { answerWhileWaiting, type WaitingAnswer } from './answer-while-waiting.ts'
export { type ServerLimits, serverLimits } from './limits.ts'
export { type ProblemDocument, problemOf, sendProblem } from './problem.ts'
export {
  type Running,
  runPlainService,
  runService,
  type ServiceOptions,
  type ServiceStart,
} from './run-service.ts'
export { createServer, type Server, type ServerCode, type ServerOptions } from './server.ts'
export { StartRefusal, taken, takenDatabase } from './start-refusal.ts'

/** Limits of what a provisioning certification service answers, and of how long it is waited for. */
export const endorsementsLimits = {
  /** TCB info is the largest, about 15 KiB. */
  answerBytesMax: 1_048_576,
  answerSecondsMax: 10,
  /** Platform families whose endorsements are kept. */
  platformsMax: 64,
  /** How long endorsements are used without asking for newer ones. */
  freshSeconds: 43_200,
  /** How long a failure is remembered, so that strangers cannot have us ask in a loop. */
  failureSeconds: 2,
} as const

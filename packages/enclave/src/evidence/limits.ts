/** Limits of the pipe between host and workload, and of what is measured. */
export const evidenceLimits = {
  /** One message on the pipe, newline included. A quote is about 5 KiB, 7 KiB as text. */
  pipeMessageBytesMax: 65_536,
  /** Requests of one workload that wait for an answer. */
  pipeRequestsMax: 256,
  /** How long a workload waits for the host's answer. */
  pipeAnswerSecondsMax: 30,
  /** How long a workload may drain once the host has gone, before it ends itself. */
  orphanSecondsMax: 20,
  initTimeDataBytesMax: 65_536,
  measuredFilesMax: 20_000,
  measuredBytesMax: 4_294_967_296,
  /** One line of a workload's output that is passed on. */
  logLineCharactersMax: 8192,
} as const

export const limits = {
  /** How long a policy that was read is in force without asking the database again. */
  freshSeconds: 5,
  /** How long it stays in force while the database is away. */
  staleSecondsMax: 300,
} as const

/** How long after it was signed a statement about a restore is taken. Seconds. */
export const restoreStatementSeconds: number = 72 * 3600
/** The administrator's clock may be ahead of the platform's by this much. Seconds. */
export const restoreStatementAheadSeconds = 300

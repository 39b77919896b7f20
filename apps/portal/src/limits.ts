/**
 * The most of everything that the portal takes from elsewhere.
 *
 * @module
 */

export const configurationBytesMax: number = 256 * 1024
export const sealedResponseBytesMax: number = 64 * 1024 * 1024
/** As much as the platform takes. */
export const filmBytesMax: number = 48 * 1024 * 1024

export const nameCharactersMax = 100
export const identifierCharactersMax = 64
export const conclusionCharactersMax = 4000
/** As many as the platform takes. */
export const erasureReasonCharactersMax = 1000

export const verificationTimeoutMs = 20_000
export const requestTimeoutMs = 120_000

/** A verification is renewed this long before what it rests on expires. */
export const renewalLeadSeconds = 120
export const renewalRetrySeconds = 15

export const taskPollMs = 700
/** How long the page waits for a result before it says that the report will appear by itself. */
export const taskWaitSecondsMax = 180
/** A list of reports that is being looked at is read again so often. */
export const listRefreshMs = 15_000

/** A film that broke off on its way is sent again after each of these: a platform that starts anew is back by then. */
export const filmRetryDelaysMs: readonly number[] = [1000, 2000, 4000, 8000, 15_000, 30_000]
/** What was typed or chosen stays in a page whose session has ended for so long, unseen; then it is forgotten. */
export const expiredPageMs: number = 15 * 60_000

/**
 * Every limit of this service, with its unit.
 *
 * @module
 */

/** One sealed request, and so the largest film. Bytes. */
export const sealedRequestBytesMax: number = 64 * 1024 * 1024
/** One FHIR resource as JSON. Bytes. */
export const resourceBytesMax: number = 256 * 1024
/** Nesting of one FHIR resource. */
export const resourceDepthMax = 32
/** A film file as it is uploaded. Bytes. */
export const filmBytesMax: number = 48 * 1024 * 1024
/** Path and query of an inner request. Characters. */
export const innerPathCharactersMax = 2048
/** Resources in the answer to one search. */
export const searchResultsMax = 100
/** A clinician's conclusion. Characters. */
export const conclusionCharactersMax = 4000
/** The provider's answer to one inference. Bytes. */
export const inferenceAnswerBytesMax: number = 256 * 1024
/** The provider's model card. Bytes. */
export const modelCardBytesMax: number = 256 * 1024
/** One value in the cache, sealed. Bytes. */
export const cacheValueBytesMax: number = 4 * 1024 * 1024
/** How long a value stays in the cache. Seconds. */
export const cacheLifetimeSeconds = 600
/** How long one answer of the cache is waited for before the database answers instead. Milliseconds. */
export const cachePatienceMs = 500
/** How long the cache is left alone after it failed. Seconds. */
export const cacheRestSeconds = 10
/** A peer's evidence is verified again after this long. Seconds. */
export const peerVerificationLifetimeSeconds = 600
/** An exchanged token is replaced when it has less than this left. Seconds. */
export const accessTokenReserveSeconds = 60
/** Attempts at one order while the provider or the attestation service is unavailable. */
export const orderAttemptsMax = 5
/** Wait before the first new attempt; it doubles. Seconds. */
export const orderRetrySeconds = 1
/** One attempt at one order. Seconds. */
export const orderAttemptSecondsMax = 120
/** An order whose replica has not said for so long that it works on it is given to another one. Seconds. */
export const orderHeartbeatSeconds = 15
/** How often it is looked for such orders. Seconds. */
export const orderSupervisionSeconds = 5
/** Orders interpreted at once by one replica. */
export const ordersAtOnceMax = 2
/** Longest side of a rendered film. Pixels. */
export const renderedSidePixelsMax = 1024
/** Highest versions remembered against rows rolled back, in this process. */
export const rememberedVersionsMax = 100_000
/** From the first byte of a sealed request to the last of its answer. Seconds. */
export const sealedRequestSecondsMax = 120
/** What one transaction tells the ledger. Bytes. */
export const ledgerEntryBytesMax: number = 1024 * 1024
/** Entries of one block of the ledger. */
export const ledgerBlockEntriesMax = 2000
/** Rows that are read at once while the ledger is verified. */
export const ledgerPageRows = 2000
/** From a commit until it is in a block and anchored, while the anchor answers. Milliseconds. */
export const anchorEveryMs = 1000
/** From one look for what others committed and did not anchor to the next. Milliseconds. */
export const anchorIdleMs = 10_000
/** With what the anchor does not know for longer than this, nothing more is written. Seconds. */
export const anchorLagSecondsMax = 60
/** Data keys or records that are moved to a new master key in one transaction. */
export const sweepRows = 100
/** Why a patient is erased. Characters. */
export const erasureReasonCharactersMax = 1000
/** From one look for what is under an older master key to the next. Seconds. */
export const sweepEverySeconds = 60
/** From a start to the first such look. Seconds. */
export const sweepFirstSeconds = 5

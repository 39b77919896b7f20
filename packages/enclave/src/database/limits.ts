/** How long a service waits for its database when it starts. Seconds. */
export const databasePatienceSeconds = 30
/** Connections that one process opens, where it does not say otherwise. */
export const databaseConnectionsMax = 8
/** How long a connection, or the answer to one statement, is waited for. Seconds. */
export const databaseAnswerSecondsMax = 30

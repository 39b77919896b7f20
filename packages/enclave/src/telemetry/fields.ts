/** The only fields of a log record. Anything else is dropped, whatever a caller passes. */
export interface LogFields {
  /** A stable code: of a problem, an outcome, an event. Lower case, digits, hyphens. */
  readonly code?: string
  /** The pattern of a route, never the path that was asked for: `/fhir/Patient/:id`. */
  readonly route?: string
  readonly method?: string
  /** HTTP status. */
  readonly status?: number
  readonly durationMs?: number
  readonly count?: number
  readonly bytes?: number
  readonly port?: number
  readonly attempt?: number
  readonly pid?: number
  /** Role of this side's peer: `diagnostics`. */
  readonly peer?: string
  readonly role?: string
  /** Hex. */
  readonly mrEnclave?: string
  /** Hex. */
  readonly configId?: string
  readonly tcbStatus?: string
  readonly simulated?: boolean
  readonly expiresAt?: number
  /** Where in our code or in an input's structure: `@0x188`, `peers[0]`. Never a value. */
  readonly at?: string
  /** Class name of an error, and the place in our code that threw it. Never its message. */
  readonly errorName?: string
  readonly errorAt?: string
  readonly version?: string
  /** Name of a background job or queue. */
  readonly job?: string
}

const code = /^[a-z0-9][a-z0-9-]{0,63}$/
const hex = /^[0-9a-f]{1,128}$/
const word = /^[A-Za-z][A-Za-z0-9]{0,63}$/

/** What each field may hold. A value of another form is dropped with its field. */
export const fieldForms: { readonly [Name in keyof LogFields]-?: RegExp | 'number' | 'boolean' } = {
  code,
  route: /^\/[A-Za-z0-9/:*._$-]{0,127}$/,
  method: /^[A-Z]{1,16}$/,
  status: 'number',
  durationMs: 'number',
  count: 'number',
  bytes: 'number',
  port: 'number',
  attempt: 'number',
  pid: 'number',
  peer: code,
  role: code,
  mrEnclave: hex,
  configId: hex,
  tcbStatus: word,
  simulated: 'boolean',
  expiresAt: 'number',
  at: /^[A-Za-z0-9_.@#:[\]-]{1,128}$/,
  errorName: word,
  errorAt: /^[A-Za-z0-9_.-]{1,64}:\d{1,7}:\d{1,7}$/,
  version: /^[0-9A-Za-z.+-]{1,32}$/,
  job: code,
}

/** Names of all fields, for documentation and tests. */
export const logFieldNames: readonly string[] = Object.keys(fieldForms)

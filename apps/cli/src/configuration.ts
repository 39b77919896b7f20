import { ok, type Problem, type Result, reading, type Shape } from '@sealward/attestation/bytes'
import { type PeerExpectation, teeRoles } from '@sealward/attestation/evidence'
import { type Effects, fetchJson } from './http.ts'
import { badInput, type Outcome } from './problem.ts'

/** Whom a hospital talks to, and what it accepts of them: what `/config.json` says. */
export interface Configuration {
  readonly deployment: string
  readonly development: boolean
  /** Addresses, absolute. */
  readonly platformUrl: string
  readonly attestation: {
    readonly issuer: string
    readonly url: string
    readonly signers: readonly string[]
    /** Accepted appraisal policies, as `x-ms-policy-hash` has them. */
    readonly policyHashes: readonly string[]
  }
  readonly identity: {
    readonly issuer: string
    readonly audience: string
  }
  /** Hex SHA-256 of the SPKI of accepted evidence roots. */
  readonly roots: readonly string[]
  readonly expectation: PeerExpectation
}

/**
 * The stack's address, as the caller gave it.
 *
 * @returns its origin, or `stack-address`: an address that is not of this machine must be HTTPS.
 */
export function stackOriginOf(text: string): Outcome<string> {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return badInput('stack-address', '--stack', 'an address like http://localhost:4400 is expected')
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    return badInput('stack-address', '--stack', 'only this machine may be asked without HTTPS')
  }
  return ok(url.origin)
}

export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
}

/** Reads what the stack says of itself. */
export async function readStackConfiguration(
  effects: Pick<Effects, 'fetch'>,
  origin: string,
): Promise<Outcome<Configuration>> {
  const json = await fetchJson(effects, 'stack', `${origin}/config.json`)
  return json.ok ? parseConfiguration(json.value, origin) : json
}

/**
 * Parses a configuration.
 *
 * @param origin - what addresses in it are relative to.
 * @returns the configuration, or `configuration-malformed`.
 */
export function parseConfiguration(json: unknown, origin: string): Outcome<Configuration> {
  const parsed = readConfiguration(json, origin)
  if (parsed.ok) return parsed
  const { at, detail } = parsed.problem
  return badInput('configuration-malformed', at, detail)
}

function readConfiguration(json: unknown, origin: string): Result<Configuration, Problem> {
  return reading(json, '', (top) =>
    top.object('ignored', (fields) => ({
      deployment: text(fields.required('deployment')),
      development: fields.required('development').boolean(),
      platformUrl: address(fields.required('platform'), origin),
      attestation: fields.required('attestation').object('ignored', (attestation) => ({
        issuer: text(attestation.required('issuer')),
        url: address(attestation.required('url'), origin),
        signers: attestation.required('signers').list(16, text, 1),
        policyHashes: attestation.required('policyHashes').list(16, text, 1),
      })),
      identity: fields.required('identity').object('ignored', (identity) => ({
        issuer: address(identity.required('issuer'), origin),
        audience: text(identity.required('audience')),
      })),
      roots: fields.required('roots').list(16, (root) => root.string(64, hex64), 1),
      expectation: expectation(fields.required('expectation')),
    })),
  )
}

function expectation(shape: Shape): PeerExpectation {
  return shape.object('refused', (fields) => {
    const configId = fields.optional('configId')?.list(16, (id) => id.string(64, hex64), 1)
    return {
      role: fields.required('role').oneOf(teeRoles),
      mrEnclave: fields.required('mrEnclave').list(16, (value) => value.string(64, hex64), 1),
      mrSigner: fields.required('mrSigner').list(16, (value) => value.string(64, hex64), 1),
      isvProdId: fields.required('isvProdId').integer(0, 0xffff),
      isvSvnMin: fields.required('isvSvnMin').integer(0, 0xffff),
      debug: fields.required('debug').oneOf(['refused', 'dangerously-allowed']),
      tcbStatuses: fields.required('tcbStatuses').list(16, text, 1),
      ...(configId === undefined ? {} : { configId }),
    }
  })
}

const hex64 = /^[0-9a-f]{64}$/

function text(shape: Shape): string {
  return shape.string(1024)
}

/** An address, absolute or from the stack's root, without a slash at its end. */
function address(shape: Shape, origin: string): string {
  const url = URL.parse(text(shape), origin)
  if (url === null) return shape.fail('wrong-value', 'an address expected')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url))) {
    return shape.fail('wrong-value', 'an address of HTTPS expected')
  }
  return url.href.replace(/\/$/, '')
}

/**
 * What is counted, by the names that Trustee's dashboards know.
 *
 * @see confidential-containers/trustee, kbs/docs/metrics.md
 * @module
 */

import type { Metrics } from '@sealward/enclave/telemetry'
import type { FastifyInstance } from 'fastify'

/** Counts one thing that happened. */
type Count = () => void

export interface KbsMetrics {
  readonly authRequests: Count
  readonly authSuccesses: Count
  readonly authErrors: Count
  readonly attestationRequests: Count
  readonly attestationSuccesses: (tee: string) => void
  readonly attestationFailures: (tee: string) => void
  readonly attestationErrors: Count
  readonly policyEvaluations: Count
  readonly policyApprovals: Count
  readonly policyViolations: Count
  readonly policyErrors: Count
  readonly resourceReads: (path: string) => void
  readonly resourceWrites: (path: string) => void
  /** Counts the requests of a scope, their time, and their sizes. */
  observe(scope: FastifyInstance): void
}

export function createKbsMetrics(metrics: Metrics): KbsMetrics {
  const count = (name: string, help: string): Count => {
    const counter = metrics.counter(name, help)
    return () => counter.add()
  }
  const countEach = (name: string, help: string, label: 'tee_type' | 'resource_path') => {
    const counter = metrics.counter(name, help)
    return (value: string) => counter.add({ [label]: value })
  }
  return {
    authRequests: count('kbs_auth_requests_total', 'Handshakes that were asked for.'),
    authSuccesses: count('kbs_auth_successes_total', 'Handshakes that were begun.'),
    authErrors: count('kbs_auth_errors_total', 'Handshakes that were refused.'),
    attestationRequests: count('kbs_attestation_requests_total', 'Attestations that came.'),
    attestationSuccesses: countEach(
      'kbs_attestation_successes_total',
      'Attestations that were believed.',
      'tee_type',
    ),
    attestationFailures: countEach(
      'kbs_attestation_failures_total',
      'Attestations that were not believed.',
      'tee_type',
    ),
    attestationErrors: count(
      'kbs_attestation_errors_total',
      'Attestations that could not be looked at.',
    ),
    policyEvaluations: count('kbs_policy_evaluations_total', 'Releases that were decided on.'),
    policyApprovals: count('kbs_policy_approvals_total', 'Releases that policies permitted.'),
    policyViolations: count('kbs_policy_violations_total', 'Releases that no policy permitted.'),
    policyErrors: count('kbs_policy_errors_total', 'Releases that could not be decided on.'),
    resourceReads: countEach(
      'kbs_resource_reads_total',
      'Resources that were released.',
      'resource_path',
    ),
    resourceWrites: countEach(
      'kbs_resource_writes_total',
      'Resources that were put.',
      'resource_path',
    ),
    observe(scope) {
      const requests = count('kbs_http_requests_total', 'Requests of the protocol.')
      const seconds = metrics.histogram(
        'kbs_http_request_duration_seconds',
        'From the first byte of a request to the last of its answer.',
        [0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 1],
      )
      const sizes = [32, 128, 512, 2048, 8192]
      const received = metrics.histogram(
        'kbs_http_request_size_bytes',
        'Bytes of bodies that came, as their header says.',
        sizes,
      )
      const sent = metrics.histogram(
        'kbs_http_response_size_bytes',
        'Bytes of bodies that were answered.',
        sizes,
      )
      let active = 0
      metrics.gauge('kbs_http_active_connections', 'Requests under way.', () => active)
      scope.addHook('onRequest', async (request) => {
        active += 1
        requests()
        received.observe(lengthIn(request.headers['content-length']))
      })
      scope.addHook('onResponse', async (_request, reply) => {
        active -= 1
        seconds.observe(reply.elapsedTime / 1000)
        sent.observe(lengthIn(reply.getHeader('content-length')))
      })
    },
  }
}

function lengthIn(header: unknown): number {
  const length = Number(header ?? 0)
  return Number.isSafeInteger(length) && length >= 0 ? length : 0
}

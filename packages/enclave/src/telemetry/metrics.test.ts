import { expect, test } from 'vitest'
import { createMetrics, type MetricLabels } from './metrics.ts'

test('counters, histograms and gauges come out with listed labels only', async () => {
  const metrics = createMetrics('diagnostics')
  const requests = metrics.counter('sealward_requests_total', 'Requests.')
  requests.add({ route: '/v2', status: '200' })
  requests.add({ route: '/v2', status: '200' }, 2)
  requests.add({ patient: 'CANARY', code: 'CANARY Erika Mustermann' } as MetricLabels)
  metrics.histogram('sealward_seconds', 'Seconds.', [1, 2]).observe(1.5)
  metrics.gauge('sealward_open', 'Open.', () => 7)
  const text = await metrics.text()
  expect(text).toContain(
    'sealward_requests_total{route="/v2",status="200",service="diagnostics"} 3',
  )
  expect(text).toContain('sealward_seconds_bucket{le="2",service="diagnostics"} 1')
  expect(text).toContain('sealward_open{service="diagnostics"} 7')
  expect(text).not.toContain('CANARY')
})

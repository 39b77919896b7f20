import * as prometheus from 'prom-client'

/** The only labels of a metric. Their values are codes, routes and roles: never identifiers. */
export const metricLabelNames = [
  'code',
  'method',
  'route',
  'status',
  'peer',
  'role',
  'outcome',
  'job',
  'command',
  // Trustee's: names of TEEs, and of resources that officers have put.
  'tee_type',
  'resource_path',
] as const

export type MetricLabels = Readonly<Partial<Record<(typeof metricLabelNames)[number], string>>>

export interface Counter {
  add(labels?: MetricLabels, amount?: number): void
}

export interface Histogram {
  /** Seconds, bytes: the unit is in the metric's name. */
  observe(value: number, labels?: MetricLabels): void
}

export interface Metrics {
  counter(name: string, help: string): Counter
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  gauge(name: string, help: string, read: () => number): void
  /** Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

/** Metrics of one service, each with a label `service`; Node's own (event loop, memory) among them. */
export function createMetrics(service: string): Metrics {
  const registry = new prometheus.Registry()
  registry.setDefaultLabels({ service })
  prometheus.collectDefaultMetrics({ register: registry, prefix: 'sealward_' })
  const labelNames = [...metricLabelNames]
  return {
    counter(name, help) {
      const counter = new prometheus.Counter({ name, help, labelNames, registers: [registry] })
      return { add: (labels = {}, amount = 1) => counter.inc(listed(labels), amount) }
    },
    histogram(name, help, buckets) {
      const histogram = new prometheus.Histogram({
        name,
        help,
        labelNames,
        buckets: [...buckets],
        registers: [registry],
      })
      return { observe: (value, labels = {}) => histogram.observe(listed(labels), value) }
    },
    gauge(name, help, read) {
      new prometheus.Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read())
        },
      })
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

/** Drops labels that are not listed, and values that are not short and plain. */
function listed(labels: MetricLabels): Record<string, string> {
  const record: Record<string, string> = {}
  for (const name of metricLabelNames) {
    const value = labels[name]
    if (typeof value === 'string' && /^[A-Za-z0-9/:*._$-]{1,64}$/.test(value)) record[name] = value
  }
  return record
}

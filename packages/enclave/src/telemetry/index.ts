/**
 * Logs and metrics whose fields are a list.
 *
 * @module
 */

export { type LogFields, logFieldNames } from './fields.ts'
export { createLogger, type Logger, type LoggerOptions } from './logger.ts'
export {
  type Counter,
  createMetrics,
  type Histogram,
  type MetricLabels,
  type Metrics,
  metricLabelNames,
} from './metrics.ts'

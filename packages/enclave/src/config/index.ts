/**
 * A service's configuration.
 *
 * @module
 */

export { type ConfigCode, parseConfig, readConfig } from './read-config.ts'

/**
 * A service's configuration.
 *
 * @module
 */

export { type ConfigCode, readConfig } from './read-config.ts'

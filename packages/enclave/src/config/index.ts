/**
 * A service's configuration.
 *
 * @module
 */

export { type ConfigCode, parseConfig, readConfig } from './read-config.ts'
export { databaseUrlOf, networkAddress, webAddress } from './settings.ts'

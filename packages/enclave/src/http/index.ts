/**
 * HTTP to services that are not attested.
 *
 * @module
 */

export {
  createHttpClient,
  type HttpAnswer,
  type HttpClient,
  type HttpRequest,
} from './http-client.ts'

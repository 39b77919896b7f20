/**
 * Parts of a configuration that several services have.
 *
 * @module
 */

import * as z from 'zod'
import { networkOf } from '../rates/networks.ts'

/** An address of the web, without a slash at the end. */
export const webAddress: z.ZodType<string> = z
  .url({ protocol: /^https?$/ })
  .regex(/[^/]$/, 'without a slash at the end')

/** Hosts of proxies, one by one or as `10.0.0.0/8`. */
export const networkAddress: z.ZodType<string> = z
  .string()
  .refine((text) => networkOf(text) !== undefined, {
    message: 'an IP address, or one with a prefix length, expected',
  })

/** Where the database is: in the configuration, else in the environment. */
export function databaseUrlOf(
  config: { readonly databaseUrl?: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const url = config.databaseUrl ?? environment['DATABASE_URL']
  return url === '' ? undefined : url
}

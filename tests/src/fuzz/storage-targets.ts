/**
 * What whoever holds a database, a disk or an anchor may put in the place of what was written there.
 *
 * @module
 */

import { createPrivateKey } from 'node:crypto'
import { bytesOfHex, type Result, refuse, textOf, utf8Of } from '@sealward/attestation/bytes'
import {
  readAnchorState,
  restorerOf,
  signRestoreStatement,
  verifyRestoreStatement,
} from '@sealward/enclave/anchor'
import { parseWraps } from '@sealward/enclave/local-secret'
import {
  createSealer,
  type MasterKey,
  parseEnvelope,
  parseStreamHead,
  type Sealer,
} from '@sealward/enclave/sealing'
import { encodeHead } from '../../../packages/enclave/src/sealing/envelope.ts'

type Outcome = Pick<Result<unknown>, 'ok'>

const address = { type: 'Patient', id: 'a', version: 1 }
const bytesOf = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const sealer: Sealer = createSealer(bytesOf(32) as MasterKey, {
  tenant: 'hospital',
  random: { bytes: bytesOf },
})
const dataKey = { patient: 'a', wrapped: sealer.newDataKey('a') }
const envelopes: readonly Uint8Array[] = [
  sealer.seal(address, utf8Of('a name'), dataKey),
  sealer.seal(address, utf8Of('a name')),
  dataKey.wrapped,
]
const restorer = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    // RFC 6979, A.2.5.
    d: 'ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE',
    x: 'YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y',
    y: 'eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk',
  },
})
const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000001'
const anchored = { sequence: 9, digest: 'a'.repeat(64) }
const database = { sequence: 7, digest: 'b'.repeat(64) }

/** An envelope is accepted where it can be read; it opens only where nothing was changed. */
export const storageParsers: Readonly<Record<string, (input: Uint8Array) => Outcome>> = {
  'sealed-envelope': (input) => {
    const isOurs = envelopes.some((one) => Buffer.compare(one, input) === 0)
    for (const key of [dataKey, undefined, { patient: 'a', wrapped: input }]) {
      const opened = sealer.open(address, input, key)
      if (opened.ok && !isOurs) throw new Error('what was not sealed was opened')
    }
    sealer.wrappedUnder(input)
    sealer.rewrap({ patient: 'a', wrapped: input })
    return parseEnvelope(input)
  },
  'sealed-stream-head': parseStreamHead,
  'local-secret': parseWraps,
  'anchor-state': (input) => ({ ok: readAnchorState(input) !== undefined }),
  'restore-statement': (input) => {
    const text = textOf(input)
    return text === undefined
      ? refuse('not-text', '', 'text expected')
      : verifyRestoreStatement(text, {
          deployment,
          restorers: [restorerOf(restorer)],
          anchor: anchored,
          database,
          now: 1_795_392_000,
        })
  },
}

export function storageSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const head = encodeHead({ form: 'stream', keyKind: 'data', keyId: '0'.repeat(32) })
  const statement = { deployment, anchor: anchored, database, reason: 'a disk', at: 1_795_392_000 }
  return {
    'sealed-envelope': envelopes,
    'sealed-stream-head': [
      Buffer.concat([head, bytesOf(16), bytesOfHex('00010000') ?? new Uint8Array()]),
    ],
    'local-secret': [
      utf8Of(
        JSON.stringify({
          format: 'sealward-local-secret-1',
          wraps: [
            { by: 'tee', cpuSvn: '0'.repeat(32), isvSvn: 1, sealed: 'AgEBAQ' },
            { by: 'key-broker', sealed: 'AgEBAQ' },
          ],
        }),
      ),
    ],
    'anchor-state': [utf8Of(JSON.stringify(anchored))],
    'restore-statement': [utf8Of(signRestoreStatement(statement, restorer))],
  }
}

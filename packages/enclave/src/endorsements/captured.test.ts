/** Intel's own endorsements through our files and our server. */

import { bytesOfHex, utf8Of } from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import { expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
  readCapturedVectors,
} from '../../../attestation/src/verification/shared-vectors.fixtures.ts'
import { type BundledPiece, encodeBundle, parseBundle } from './bundle.ts'
import { createBundleSource } from './bundle-source.ts'
import { createEndorsementsClient } from './endorsements-client.ts'
import type { EndorsementItem } from './item.ts'
import { type IntelPlatform, platformOf } from './platform-of.ts'
import { type FoundPiece, readPiece } from './read-piece.ts'
import { createRemoteSource } from './remote-source.ts'
import { startEndorsementsServer } from './start-server.ts'
import { intelPcs } from './vendors.ts'

interface Captured {
  readonly name: string
  readonly quote: Uint8Array
  readonly platform: IntelPlatform
  readonly endorsements: Endorsements
  readonly at: number
}

const captured = (['sgx', 'tdx'] as const).flatMap((tee) =>
  readCapturedVectors(tee).flatMap(({ name, quote, endorsements, expected }): Captured[] => {
    const platform = quote && platformOf(quote)
    const at = expected.verification_time
    if (quote === undefined || platform === undefined || at === undefined) return []
    if (!platform.ok || platform.value.tee === 'snp') return []
    // Version 2 of TCB info came from an older service, which had other URLs.
    const isWhole =
      endorsements !== undefined &&
      endorsements.root_ca_crl !== '' &&
      endorsements.pck_crl !== '' &&
      JSON.parse(endorsements.tcb_info).version === 3
    return isWhole
      ? [{ name: `${tee}/${name}`, quote, platform: platform.value, endorsements, at }]
      : []
  }),
)
process.stdout.write(
  hasSharedVectors
    ? `${captured.length} sets of Intel's endorsements read\n`
    : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are endorsements to examine', () => {
  expect(captured.length).toBeGreaterThan(10)
})

test.each(captured)('$name: bundled and served, they arrive as they were', async (vector) => {
  const { quote, endorsements, at } = vector
  const pieces = piecesOf(vector)
  const bundle = parseBundle(encodeBundle({ createdAt: at, pieces }))
  if (!bundle.ok) throw new Error(`${bundle.problem.code} ${bundle.problem.at}`)
  expect(bundle.value.pieces).toEqual(pieces)

  const clock = { now: () => at }
  const source = createBundleSource({ bundle: bundle.value, clock })
  const server = await startEndorsementsServer({ source })
  const client = createEndorsementsClient(
    createRemoteSource({ pcs: { baseUrl: server.url }, clock }),
  )
  const arrived = await client.endorsementsFor(quote)
  await client.close()
  await server.close()
  const hasRunOut = pieces.some(({ piece }) => piece.endsAt <= at)
  if (hasRunOut) {
    expect(arrived).toMatchObject({ problem: { code: 'endorsements-unavailable' } })
    return
  }
  const { pck_certificate_chain: _, ...set } = endorsements
  expect(arrived).toEqual({ ok: true, value: set })
})

test.runIf(hasSharedVectors)("Intel's root names the address where its list is asked for", () => {
  const named = captured.filter(({ endorsements }) =>
    Buffer.from(endorsements.pck_crl_issuer_chain.replace(/-----[^-]+-----/g, ''), 'base64')
      .toString('latin1')
      .includes(intelPcs.rootCaCrlUrl ?? '-'),
  )
  expect(named.length).toBeGreaterThan(0)
})

function piecesOf({ platform, endorsements }: Captured): readonly BundledPiece[] {
  const { tee, fmspc, ca } = platform
  const signed = (name: string, text: string, signature: string): Uint8Array =>
    utf8Of(`{"${name}":${text},"signature":"${signature}"}`)
  const e = endorsements
  const found: readonly (readonly [EndorsementItem, FoundPiece])[] = [
    [
      { kind: 'tcb-info', tee, fmspc, baseline: 'standard' },
      {
        body: signed('tcbInfo', e.tcb_info, e.tcb_info_signature),
        issuerChain: e.tcb_info_issuer_chain,
      },
    ],
    [
      { kind: 'qe-identity', tee, baseline: 'standard' },
      {
        body: signed('enclaveIdentity', e.qe_identity, e.qe_identity_signature),
        issuerChain: e.qe_identity_issuer_chain,
      },
    ],
    [
      { kind: 'pck-crl', ca },
      { body: bytesOfHex(e.pck_crl) ?? new Uint8Array(), issuerChain: e.pck_crl_issuer_chain },
    ],
    [{ kind: 'root-ca-crl' }, { body: bytesOfHex(e.root_ca_crl) ?? new Uint8Array() }],
  ]
  return found.map(([item, one]) => {
    const piece = readPiece(item, one)
    if (!piece.ok) throw new Error(`${item.kind}: ${piece.problem.at}`)
    return { item, piece: piece.value }
  })
}

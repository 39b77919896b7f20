/**
 * Endorsements in one file, for where there is no network.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import {
  type JsonCode,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type ShapeCode,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import { endorsementsLimits } from './limits.ts'
import { pieceFieldsOf, readPieceFields } from './piece-json.ts'
import { readPiece } from './read-piece.ts'
import { parseTarget, targetOf } from './target.ts'

export interface EndorsementBundle {
  readonly createdAt: UnixSeconds
  readonly pieces: readonly BundledPiece[]
}

export interface BundledPiece {
  readonly item: EndorsementItem
  readonly piece: EndorsementPiece
}

/** Why a bundle was refused. */
export type BundleCode = JsonCode | ShapeCode | 'endorsements-malformed'

/** The file: JSON, UTF-8. */
export function encodeBundle({ createdAt, pieces }: EndorsementBundle): Uint8Array {
  const listed = pieces.map(({ item, piece }) => ({
    target: targetOf(item),
    ...pieceFieldsOf(piece),
  }))
  return utf8Of(`${JSON.stringify({ format, createdAt, pieces: listed }, undefined, 1)}\n`)
}

/**
 * Parses a bundle. Its integrity is its endorsers' signatures, which verification looks at; nobody's are
 * verified here.
 *
 * @returns the endorsements, those that have run out included, or one of {@link BundleCode}.
 */
export function parseBundle(bytes: Uint8Array): Result<EndorsementBundle, Problem<BundleCode>> {
  const json = jsonOf(bytes, { bytesMax: endorsementsLimits.bundleBytesMax, depthMax: 4 })
  if (!json.ok) return json
  const listed = reading(json.value, '', (top) =>
    top.object('refused', (fields) => {
      fields.required('format').oneOf([format])
      return {
        createdAt: fields.required('createdAt').integer(0, Number.MAX_SAFE_INTEGER),
        pieces: fields.required('pieces').list(endorsementsLimits.bundlePiecesMax, (entry) =>
          entry.object('refused', (piece) => {
            const target = piece.required('target')
            const asked = parseTarget(target.string(512))
            // One name for each: another spelling of it would be a second entry.
            const item =
              asked.ok && targetOf(asked.value.item) === target.string(512)
                ? asked.value.item
                : target.fail('wrong-value', 'a path of an endorsement expected')
            return { at: entry.at, item, found: readPieceFields(piece) }
          }),
        ),
      }
    }),
  )
  if (!listed.ok) return listed
  const pieces = new Map<string, BundledPiece>()
  for (const { at, item, found } of listed.value.pieces) {
    if (pieces.has(targetOf(item))) return refuse('wrong-value', at, 'it is there twice')
    const piece = readPiece(item, found)
    if (!piece.ok) return refuse('endorsements-malformed', at, piece.problem.detail)
    pieces.set(targetOf(item), { item, piece: piece.value })
  }
  return ok({ createdAt: listed.value.createdAt, pieces: [...pieces.values()] })
}

const format = 'sealward-endorsements-1'

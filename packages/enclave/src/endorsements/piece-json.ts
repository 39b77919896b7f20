import { base64Of, bytesOfBase64, type Fields } from '@sealward/attestation/bytes'
import type { EndorsementPiece } from './item.ts'
import { endorsementsLimits } from './limits.ts'
import type { FoundPiece } from './read-piece.ts'

/** The fields that an endorsement has in our own files: `body` in base64, `issuerChain` as text. */
export function pieceFieldsOf({ body, issuerChain }: EndorsementPiece): {
  readonly body: string
  readonly issuerChain?: string
} {
  return { body: base64Of(body), ...(issuerChain === undefined ? {} : { issuerChain }) }
}

/** Reads what {@link pieceFieldsOf} wrote. */
export function readPieceFields(fields: Fields): FoundPiece {
  const shape = fields.required('body')
  const body =
    bytesOfBase64(shape.string(bodyCharactersMax)) ?? shape.fail('wrong-value', 'base64 expected')
  const issuerChain = fields
    .optional('issuerChain')
    ?.string(endorsementsLimits.issuerChainCharactersMax)
  return { body, ...(issuerChain === undefined ? {} : { issuerChain }) }
}

const bodyCharactersMax = 4 * Math.ceil(endorsementsLimits.answerBytesMax / 3)

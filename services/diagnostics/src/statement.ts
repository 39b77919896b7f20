import { concat, type UnixSeconds } from '@sealward/attestation/bytes'
import { saltedDigestOf } from '@sealward/attestation/receipt'
import type { Identity } from '@sealward/enclave/identity'
import type { Reading } from './inference/inference.ts'
import type { ServedModel } from './model.ts'
import type { StatementSalts } from './oip/infer-request.ts'
import { floatBytes } from './oip/tensors.ts'

/** `typ` of a statement. */
const statementType = 'sealward-statement+jwt'

/**
 * Signs what computed a reading: which model, of which pixels, with which outcome. Pixels and outcome stand in it
 * as digests salted by whoever asked, so that the statement can be shown without telling either.
 *
 * @param at - Unix seconds.
 * @returns compact JWS, ES256, by the identity key of the provider's runtime data.
 * @see docs/spec/receipt.md
 */
export async function signStatement(
  identity: Pick<Identity, 'deployment' | 'signJws'>,
  { name, version, sha256: digest }: Pick<ServedModel, 'name' | 'version' | 'sha256'>,
  requestId: string,
  image: Float32Array,
  reading: Reading,
  salts: StatementSalts,
  at: UnixSeconds,
): Promise<string> {
  const { logit, probability, evidence_map } = reading
  const output = concat(floatBytes(logit), floatBytes(probability), floatBytes(evidence_map))
  return identity.signJws(
    {
      deployment: identity.deployment,
      role: 'diagnostics',
      model: { name, version, sha256: digest },
      requestId,
      input: await saltedDigestOf(salts.input, floatBytes(image)),
      output: await saltedDigestOf(salts.output, output),
      iat: at,
    },
    statementType,
  )
}

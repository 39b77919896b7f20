import { base64UrlOf } from '../bytes/index.ts'
import { encodeInitTimeData, encodeRuntimeData } from '../evidence/index.ts'
import { type AttestationToken, claimNames, collateralNames, isSimulated } from '../token/index.ts'
import type { BoundEvidence } from '../verification/index.ts'

/**
 * Compares a token with one's own verification of the evidence it was made from.
 *
 * @returns the name of the first claim in which the two differ; `undefined` when they agree.
 */
export function disagreementOf(
  token: AttestationToken,
  { evidence, runtimeData, claimsBytes, initTimeData }: BoundEvidence,
): string | undefined {
  const collateral = token.claims[claimNames.collateral] as
    | Readonly<Record<string, unknown>>
    | undefined
  const pairs: readonly (readonly [claim: string, said: unknown, found: unknown])[] = [
    [claimNames.collateral, collateral?.[collateralNames.quote], evidence.hashes.quote],
    [claimNames.mrEnclave, token.mrEnclave, evidence.mrEnclave],
    [claimNames.mrSigner, token.mrSigner, evidence.mrSigner],
    [claimNames.isvProdId, token.isvProdId, evidence.isvProdId],
    [claimNames.isvSvn, token.isvSvn, evidence.isvSvn],
    [claimNames.debug, token.debug, evidence.debug],
    [claimNames.reportData, token.reportData, evidence.reportData],
    [claimNames.configId, token.configId, evidence.configId],
    [claimNames.tcbStatus, token.tcbStatus, evidence.tcbStatus],
    [claimNames.advisoryIds, sorted(token.advisoryIds), sorted(evidence.advisoryIds)],
    [claimNames.simulated, token.simulated, isSimulated(evidence)],
    [claimNames.evidenceRoot, token.evidenceRoot, evidence.rootSpkiSha256],
    claimsBytes === undefined
      ? [
          claimNames.runtime,
          token.runtimeData && base64UrlOf(encodeRuntimeData(token.runtimeData)),
          base64UrlOf(encodeRuntimeData(runtimeData)),
        ]
      : [
          claimNames.enclaveHeldData,
          token.claims[claimNames.enclaveHeldData],
          base64UrlOf(claimsBytes),
        ],
    [
      claimNames.initTime,
      token.initTimeData && base64UrlOf(encodeInitTimeData(token.initTimeData)),
      base64UrlOf(encodeInitTimeData(initTimeData)),
    ],
  ]
  return pairs.find(([, said, found]) => said !== found)?.[0]
}

function sorted(texts: readonly string[]): string {
  return [...texts].sort().join(',')
}

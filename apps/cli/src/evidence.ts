import { readFile } from 'node:fs/promises'
import { hexOf, jsonOf, ok } from '@sealward/attestation/bytes'
import { parseEvidenceDocument, parseSgxQuote } from '@sealward/attestation/evidence'
import { limits } from './limits.ts'
import { badInput, type Outcome } from './problem.ts'

/** What an evidence document says of itself. None of it is verified. */
export async function inspectEvidence(file: string): Promise<Outcome<object>> {
  const bytes = await readFile(file).catch(() => undefined)
  if (bytes === undefined) return badInput('file-unreadable', 'FILE', `${file} cannot be read`)
  const json = jsonOf(bytes, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return badInput(json.problem.code, 'FILE', json.problem.detail)
  const document = parseEvidenceDocument(json.value)
  if (!document.ok)
    return badInput(document.problem.code, document.problem.at, document.problem.detail)
  const quote = parseSgxQuote(document.value.quote)
  if (!quote.ok) return badInput(quote.problem.code, quote.problem.at, quote.problem.detail)
  const { reportBody } = quote.value
  return ok({
    verified: false,
    mrEnclave: hexOf(reportBody.mrEnclave),
    mrSigner: hexOf(reportBody.mrSigner),
    isvProdId: reportBody.isvProdId,
    isvSvn: reportBody.isvSvn,
    debug: reportBody.debug,
    configId: hexOf(reportBody.configId),
    reportData: hexOf(reportBody.reportData),
    runtimeData: document.value.runtimeData,
    initTimeData: document.value.initTimeData,
  })
}

import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { createHttpClient, type HttpAnswer } from '../../http/http-client.ts'
import type { Driven, DriverCode } from './evidence-source.ts'
import { driverLimits } from './limits.ts'

/** Azure's instance metadata service, as far as it is about evidence. It answers this machine only. */
export interface Imds {
  /** The quote that the host's quoting enclave makes of a TD report, 1024 bytes. */
  tdQuote(tdReport: Uint8Array): Promise<Driven<Uint8Array>>
  /** PEM: the VCEK of this machine's processor, and its chain. */
  amdCertificates(): Promise<Driven<string>>
  close(): Promise<void>
}

/** The service at `baseUrl`, without a slash at the end. */
export function createImds(baseUrl: string): Imds {
  const http = createHttpClient({
    secondsMax: driverLimits.imdsAnswerSecondsMax,
    answerBytesMax: driverLimits.imdsAnswerBytesMax,
  })
  return {
    async tdQuote(tdReport) {
      const answer = fieldsOf(
        await http.send({
          method: 'POST',
          url: `${baseUrl}/acc/tdquote`,
          headers: { 'content-type': 'application/json', metadata: 'true' },
          body: JSON.stringify({ report: base64UrlOf(tdReport) }),
        }),
        'quoting-service-unavailable',
        'tdquote',
      )
      if (!answer.ok) return answer
      const text = answer.value('quote')
      const quote = text === undefined ? undefined : bytesOfBase64Url(text.replace(/={1,2}$/, ''))
      if (quote === undefined)
        return refuse('evidence-malformed', 'tdquote', 'no quote in the answer')
      if (quote.length < driverLimits.quoteBytesMin) {
        return refuse('read-short', 'tdquote', `${quote.length} bytes`)
      }
      return ok(quote)
    },
    async amdCertificates() {
      const answer = fieldsOf(
        await http.send({
          url: `${baseUrl}/metadata/THIM/amd/certification`,
          headers: { metadata: 'true' },
        }),
        'certificates-unavailable',
        'certification',
      )
      if (!answer.ok) return answer
      const [leaf, chain] = [answer.value('vcekCert'), answer.value('certificateChain')]
      const isPem = (text: string | undefined): text is string =>
        text?.startsWith('-----BEGIN CERTIFICATE-----') === true
      return isPem(leaf) && isPem(chain)
        ? ok(`${leaf.trimEnd()}\n${chain}`)
        : refuse('evidence-malformed', 'certification', 'no certificates in the answer')
    },
    close: () => http.close(),
  }
}

/** The text fields of a JSON answer. */
function fieldsOf(
  answer: Result<HttpAnswer, Problem>,
  unavailable: DriverCode,
  at: string,
): Driven<(name: string) => string | undefined> {
  if (!answer.ok) return refuse(unavailable, at, answer.problem.detail)
  if (answer.value.status !== 200) {
    return refuse(unavailable, at, `answered ${answer.value.status}`)
  }
  const limits = { bytesMax: driverLimits.imdsAnswerBytesMax, depthMax: 4 }
  const json = jsonOf(answer.value.body, limits)
  if (!json.ok || typeof json.value !== 'object' || json.value === null) {
    return refuse('evidence-malformed', at, 'not a JSON object')
  }
  const fields = json.value
  return ok((name) => {
    const value: unknown = Reflect.get(fields, name)
    return typeof value === 'string' ? value : undefined
  })
}

/**
 * Evidence is appraised by the attestation service, and nowhere else: the broker passes it on, and believes the signed
 * result as it believes every other one.
 *
 * @see RFC 9334, section 5.2
 * @module
 */

import {
  base64UrlOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  textOf,
} from '@sealward/attestation/bytes'
import type { BoundData } from '@sealward/attestation/token'
import { createHttpClient } from '@sealward/enclave/http'
import { limits } from './limits.ts'
import type { TeeEvidence } from './tee-evidence.ts'

export type BackgroundCheckCode = 'attestation-unavailable' | 'kbs-evidence-refused'

export interface BackgroundCheck {
  /** @returns an EAT Attestation Result, not verified yet; or why there is none. */
  appraise(question: {
    readonly evidence: TeeEvidence
    readonly runtimeData: BoundData
    readonly initData: BoundData | undefined
    readonly nonce: string
  }): Promise<Result<string, Problem<BackgroundCheckCode>>>
  close(): Promise<void>
}

/** @param url - of the attestation service. */
export function createBackgroundCheck(url: string): BackgroundCheck {
  const http = createHttpClient({
    secondsMax: limits.attestationSecondsMax,
    answerBytesMax: limits.attestationAnswerBytesMax,
  })
  return {
    async appraise({ evidence, runtimeData, initData, nonce }) {
      const answer = await http.send({
        method: 'POST',
        url: `${url}/attest/${evidence.type}?api-version=2025-06-01`,
        headers: { 'content-type': 'application/json', accept: mediaType },
        body: JSON.stringify({
          ...evidence.fields,
          runtimeData: encoded(runtimeData),
          ...(initData === undefined ? {} : { initTimeData: encoded(initData) }),
          nonce,
        }),
      })
      if (!answer.ok) return unavailable(answer.problem.detail)
      const { status, headers, body } = answer.value
      if (status === 200 && headers['content-type']?.startsWith(mediaType) === true) {
        const token = textOf(body)
        return token === undefined ? unavailable('an answer of another form') : ok(token)
      }
      return status >= 400 && status < 500 && status !== 429
        ? refuse(
            'kbs-evidence-refused',
            'tee-evidence',
            `The attestation service refuses the evidence: ${codeIn(body)}.`,
          )
        : unavailable(`answered ${status}`)
    },
    close: () => http.close(),
  }
}

const mediaType = 'application/eat+jwt'

function encoded({ data, dataType, hashAlgorithm }: BoundData): object {
  return { data: base64UrlOf(data), dataType, hashAlgorithm }
}

function unavailable(detail: string): Result<never, Problem<'attestation-unavailable'>> {
  return refuse(
    'attestation-unavailable',
    '',
    `The attestation service does not appraise now: ${detail}.`,
  )
}

/** Their code, where it is one: a word of theirs that we pass on. */
function codeIn(body: Uint8Array): string {
  const json = jsonOf(body, { bytesMax: limits.attestationAnswerBytesMax, depthMax: 8 })
  const code = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', ({ required }) =>
          required('error').object('ignored', (error) => {
            const inner = error.optional('innererror')
            const form = /^[A-Za-z][A-Za-z0-9-]{0,63}$/
            return inner === undefined
              ? error.required('code').string(64, form)
              : inner.object('ignored', (fields) => fields.required('code').string(64, form))
          }),
        ),
      )
    : json
  return code.ok ? code.value : 'without a code'
}

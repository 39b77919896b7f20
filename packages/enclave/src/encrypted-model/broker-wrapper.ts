import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
} from '@sealward/attestation/bytes'
import type { ModelKeyWrapper } from './encrypt-model.ts'

/** Asks a key broker, as somebody who has the role `user` there. */
export type AskBroker<Code extends string> = (
  path: string,
  body: object,
) => Promise<Result<Uint8Array, Problem<Code>>>

/** A model key that stays in its key broker: a content key goes there, and comes back wrapped. */
export function brokerWrapper<Code extends string>(
  name: string,
  ask: AskBroker<Code>,
): ModelKeyWrapper<Code | 'broker-malformed'> {
  return {
    async wrap(contentKey) {
      // Without a version it is the current one, which the answer names.
      const body = { alg: 'A256KW', value: base64UrlOf(contentKey) }
      const answer = await ask(`/keys/${name}//wrapkey?api-version=2025-07-01`, body)
      if (!answer.ok) return answer
      const json = jsonOf(answer.value, { bytesMax: answer.value.length, depthMax: 2 })
      const read = json.ok ? reading(json.value, '', readWrapped) : json
      const wrapped = read.ok ? bytesOfBase64Url(read.value.value) : undefined
      const version = read.ok ? /\/([0-9A-Za-z]{1,64})$/.exec(read.value.kid)?.[1] : undefined
      return wrapped?.length === 40 && version !== undefined
        ? ok({ name, version, wrapped })
        : refuse('broker-malformed', 'broker', 'The key broker did not answer with a wrapped key.')
    },
  }
}

function readWrapped(shape: Shape): { readonly kid: string; readonly value: string } {
  return shape.object('ignored', ({ required }) => ({
    kid: required('kid').string(2048),
    value: required('value').string(128),
  }))
}

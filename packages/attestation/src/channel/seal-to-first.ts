import type { Result } from '../bytes/index.ts'
import { ChannelError } from './channel-error.ts'
import type { OhttpProblem } from './encapsulation.ts'
import type { KeyConfig } from './key-config.ts'
import { preferred } from './suite.ts'

/**
 * Seals to the first of a peer's keys that this engine can use, those that a quantum computer does not break first. Not
 * every engine knows ML-KEM, or X25519. Throws a {@link ChannelError} when none can be used.
 */
export async function sealToFirst<T>(
  configs: readonly KeyConfig[],
  seal: (config: KeyConfig) => Promise<Result<T, OhttpProblem>>,
): Promise<T> {
  let problem: OhttpProblem | undefined
  for (const config of preferred(configs)) {
    const sealed = await seal(config)
    if (sealed.ok) return sealed.value
    problem = sealed.problem
    if (problem.code !== 'unsupported-suite') break
  }
  throw new ChannelError(
    problem ?? {
      code: 'unsupported-suite',
      at: 'peer',
      detail: 'this peer offers no sealed channel',
    },
  )
}

import type { AttestedTls } from '@sealward/enclave/attested-tls'
import type { ModelHeader } from '@sealward/enclave/encrypted-model'
import { type KeyBroker, type ReleasedKey, waitForKey } from '@sealward/enclave/key-release'
import { answerWhileWaiting, StartRefusal, taken } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { DiagnosticsConfig } from './config.ts'
import { limits } from './limits.ts'
import {
  type ModelCard,
  modelKeyNamedIn,
  openEncryptedModel,
  openPlainModel,
  readModelFile,
  type ServedModel,
} from './model.ts'

export interface OpenModelOptions {
  readonly card: ModelCard
  readonly config: Pick<DiagnosticsConfig, 'keyBroker' | 'modelFile' | 'plainModel' | 'port'>
  /** Of the measured init-time data. */
  readonly development: boolean
  /** The broker that the measured init-time data names, at an address; absent where it names none. */
  readonly broker: ((url: string) => KeyBroker) | undefined
  readonly attested: AttestedTls
  readonly log: Logger
}

/**
 * Opens the model that the card names: has its key released, and decrypts it into memory. One that is not encrypted is
 * served where measured init-time data and configuration both allow that.
 *
 * @throws StartRefusal
 */
export async function openModel(options: OpenModelOptions): Promise<ServedModel> {
  const { card, config, development, log } = options
  const file = taken(readModelFile(config.modelFile))
  const named = modelKeyNamedIn(file)
  if (!named.ok) {
    const isPlain = named.problem.code === 'model-not-encrypted'
    if (!isPlain || !development || !config.plainModel) throw new StartRefusal(named.problem)
    log.warn('plain-model')
    return taken(openPlainModel(card, file))
  }
  const { secret } = await keyFor(named.value, options)
  const model = openEncryptedModel(card, file, secret)
  secret.fill(0)
  return taken(model)
}

async function keyFor(
  { name, version }: ModelHeader['key'],
  { attested, broker: brokerAt, config, log }: OpenModelOptions,
): Promise<ReleasedKey> {
  if (name !== limits.modelKeyName) {
    const detail = `The model is encrypted under another key than ${limits.modelKeyName}.`
    throw new StartRefusal({ code: 'model-key-mismatch', at: 'modelFile', detail })
  }
  if (brokerAt === undefined) {
    const detail = 'The model is encrypted, and the measured configuration names no key broker.'
    throw new StartRefusal({ code: 'key-broker-missing', at: 'peers', detail })
  }
  if (config.keyBroker === undefined) {
    const detail =
      'The measured configuration names a key broker: say where it is, as keyBroker.url.'
    throw new StartRefusal({ code: 'key-broker-missing', at: 'keyBroker', detail })
  }
  const broker = brokerAt(config.keyBroker.url)
  const waiting = await answerWhileWaiting({
    name: 'diagnostics',
    logger: log,
    tls: { attested, clients: ['platform'] },
    port: config.port,
  })
  try {
    const key = await waitForKey(
      broker,
      { name, ...(version && { version }), type: { kty: 'oct', bytes: 32 } },
      { log, onWaiting: waiting.why },
    )
    return taken(key)
  } finally {
    await waiting.close()
    await broker.close()
  }
}

/**
 * Models that are encrypted wherever they are kept: the key is released to the measured service alone.
 *
 * @see docs/spec/encrypted-model.md
 * @module
 */

export { type AskBroker, brokerWrapper } from './broker-wrapper.ts'
export { type DecryptModelCode, decryptModel, sealedBytesOf } from './decrypt-model.ts'
export { encryptModel, localWrapper, type ModelKeyWrapper } from './encrypt-model.ts'
export {
  headBytesMax,
  keyNameForm,
  type ModelHeader,
  type ModelHeaderCode,
  type ReadHeader,
  readHeader,
} from './model-header.ts'

export {
  contextTag,
  type DerCode,
  type DerElement,
  type DerReader,
  derTag,
  parsingDer,
} from './der.ts'
export { derDepthMax, objectIdentifierBytesMax } from './limits.ts'

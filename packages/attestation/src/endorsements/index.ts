export { type Endorsements, parseEndorsements } from './endorsements.ts'
export { type IsvSvnLevel, parseQeIdentity, type QeIdentity } from './qe-identity.ts'
export {
  parseSignedJson,
  type SignedJson,
  type SignedJsonCode,
  signedJsonOf,
} from './signed-json.ts'
export {
  parseTcbInfo,
  type TcbInfo,
  type TcbLevel,
  type TdxModule,
  type TdxModuleIdentity,
} from './tcb-info.ts'
export { type TcbStatus, tcbStatuses } from './tcb-status.ts'

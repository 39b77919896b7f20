export {
  type Endorsements,
  parseEndorsements,
  type QeIdentity,
  type QeTcbLevel,
  type TcbInfo,
  type TcbLevel,
  type TcbStatus,
} from './endorsements.ts'

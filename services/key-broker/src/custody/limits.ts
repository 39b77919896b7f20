export const limits = {
  /** Wraps of one root key: key-encryption keys and recovery sets. */
  wrapsMax: 32,
  wrappedBytesMax: 16_384,
  passphraseBytesMin: 12,
  passphraseBytesMax: 1024,
  /** KiB, and passes, of Argon2id: what is drawn now, */
  argonMemoryKiB: 262_144,
  argonPasses: 3,
  argonLanes: 4,
  /** and what is gone along with when it is read. */
  argonMemoryKiBMin: 19_456,
  argonMemoryKiBMax: 1_048_576,
  argonPassesMax: 16,
  argonLanesMax: 16,
  sharesMax: 16,
  thresholdMin: 2,
  /** Characters of a share as somebody types it, spaces and all. */
  shareCharactersMax: 512,
  labelCharactersMax: 32,
  pinBytesMax: 256,
  /** Requests for a key without attestation that wait at once, and that are shown. */
  breakGlassOpenMax: 32,
  breakGlassShownMax: 200,
  breakGlassBytesMax: 8192,
  breakGlassBodyBytesMax: 8192,
  reasonCharactersMin: 10,
  reasonCharactersMax: 512,
  recipientBitsMin: 3072,
  recipientBitsMax: 8192,
  recipientCharactersMax: 2048,
  approvalSecondsMax: 604_800,
  useSecondsMax: 86_400,
} as const

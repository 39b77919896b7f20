import { webAddress } from '@sealward/enclave/config'
import type { SealingPolicy } from '@sealward/enclave/evidence'
import * as z from 'zod'
import { limits } from './limits.ts'
import type { Pkcs11Place } from './pkcs11.ts'
import { type SecretSource, secretSource } from './secret-source.ts'

/** Where the key-encryption key is. */
export type KeyEncryptionSettings =
  /** 32 bytes in a file that its owner alone can read; in the state folder, unless said. */
  | { readonly kind: 'file'; readonly file?: string | undefined }
  | { readonly kind: 'passphrase'; readonly passphrase: SecretSource }
  | ({ readonly kind: 'pkcs11'; readonly pin: SecretSource } & Pkcs11Place)
  /** A local secret of the TEE that it runs in; in the state folder, unless said. */
  | {
      readonly kind: 'tee'
      readonly file?: string | undefined
      /** Which code opens it: every version of one publisher's, unless said, or this very one. */
      readonly policy?: SealingPolicy | undefined
      /** Where a broker that is like this one serves workloads: it is asked for the root key where this machine cannot open it. */
      readonly from?: string | undefined
      /** Ids of keys of machines that are gone: they open the root key no more. */
      readonly retire?: readonly string[] | undefined
    }

/** Which code opens what a TEE keeps. */
export function sealingPolicyOf(settings: KeyEncryptionSettings | undefined): SealingPolicy {
  return (settings?.kind === 'tee' ? settings.policy : undefined) ?? 'mrsigner'
}

const label = z.string().min(1).max(limits.labelCharactersMax)

export const keyEncryptionSettings: z.ZodType<KeyEncryptionSettings, object> = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('file'), file: z.string().min(1).optional() }),
    z.strictObject({ kind: z.literal('passphrase'), passphrase: secretSource }),
    z.strictObject({
      kind: z.literal('pkcs11'),
      module: z.string().startsWith('/', 'the whole path of the module'),
      token: label,
      key: label,
      pin: secretSource,
    }),
    z.strictObject({
      kind: z.literal('tee'),
      file: z.string().min(1).optional(),
      policy: z.enum(['mrsigner', 'mrenclave']).optional(),
      from: webAddress.optional(),
      retire: z
        .array(z.string().regex(/^[0-9a-f]{32}$/, 'an id expected, 32 hex digits'))
        .max(limits.wrapsMax)
        .optional(),
    }),
  ],
)

import { readFile } from 'node:fs/promises'
import {
  jsonOf,
  type Problem,
  type Result,
  reading,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { createTlsIdentity } from '@sealward/enclave/identity'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import type { Database } from '../store/open-store.ts'
import { type ReleaseSigner, releaseSignerOf } from './release-signer.ts'

/** PEM files of a certificate for the host of `publicUrl`, with its chain, and of its key. */
export interface ReleaseCertificateFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

/**
 * Who signs releases to people's tools: the configured certificate; otherwise one that all replicas share, signed by
 * itself, made the first time.
 */
export async function openReleaseSigner(
  files: ReleaseCertificateFiles | undefined,
  deps: {
    readonly database: Database
    readonly sealer: Sealer
    readonly clock: Clock
    readonly random: Random
  },
): Promise<Result<ReleaseSigner, Problem>> {
  if (files === undefined) return storedSigner(deps)
  const read = (file: string): Promise<string | undefined> =>
    readFile(file, 'utf8').catch(() => undefined)
  const [certificate, key] = [await read(files.certificateFile), await read(files.keyFile)]
  return certificate === undefined || key === undefined
    ? refuse(
        'release-certificate-refused',
        'releaseCertificate',
        `The certificate that releases are to be signed with cannot be read: ${certificate === undefined ? files.certificateFile : files.keyFile}.`,
      )
    : releaseSignerOf(certificate, key)
}

async function storedSigner({
  database,
  sealer,
  clock,
  random,
}: Parameters<typeof openReleaseSigner>[1]): Promise<Result<ReleaseSigner, Problem>> {
  const { certificatePem, privateKeyPem } = createTlsIdentity({
    commonName: 'sealward key-broker',
    at: clock.now(),
    random,
  })
  const made = utf8Of(JSON.stringify({ certificatePem, privateKeyPem }))
  // Of replicas that make one at once the first one's stays.
  await database
    .insertInto('broker.release_certificate')
    .values({ only: true, sealed: Buffer.from(sealer.seal(address, made)) })
    .onConflict((conflict) => conflict.column('only').doNothing())
    .execute()
  const { sealed } = await database
    .selectFrom('broker.release_certificate')
    .select('sealed')
    .executeTakeFirstOrThrow()
  const opened = sealer.open(address, sealed)
  const json = opened.ok
    ? jsonOf(opened.value, { bytesMax: opened.value.length, depthMax: 1 })
    : opened
  const pems = json.ok
    ? reading(json.value, '', (top) =>
        top.object('refused', ({ required }) => ({
          certificate: required('certificatePem').string(pemCharactersMax),
          key: required('privateKeyPem').string(pemCharactersMax),
        })),
      )
    : json
  return pems.ok
    ? releaseSignerOf(pems.value.certificate, pems.value.key)
    : refuse(
        'record-refused',
        'database',
        'The release certificate in the database is not what was put there.',
      )
}

const address = { type: 'release certificate', id: '', version: 1 }
const pemCharactersMax = 4096

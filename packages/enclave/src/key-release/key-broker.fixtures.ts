/**
 * A key broker for tests, from the contract alone: attested TLS, and Key Vault's `release`, whose
 * answers can be made to go wrong by name.
 *
 * @see Key Vault, "Release"; docs/spec/key-release.md
 */

import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import type { EncryptionKeyJwk } from '@sealward/attestation/evidence'
import { CompactSign, decodeJwt, importPKCS8 } from 'jose'
import { systemClock as clock } from '../effects/index.ts'
import type { Identity } from '../identity/index.ts'
import { createServer } from '../server/index.ts'
import { createLogger } from '../telemetry/index.ts'
import type { TestWorkload } from '../testing/attested.ts'

export interface TestKey {
  readonly kty: string
  /** PKCS#8, or the bytes of a symmetric one. */
  readonly secret: Uint8Array
}

export interface TestBroker {
  readonly url: string
  readonly port: number
  /** By name, oldest version first. */
  readonly keys: Map<string, TestKey[]>
  /** `name/version` of each release that was asked for. */
  readonly asked: string[]
  /** Answers with this status and code instead. */
  failing: readonly [status: number, code: string] | undefined
  /** What is changed in the answer before it is signed. */
  change: ((answer: Answer) => void) | undefined
  /** Signs with this identity's key instead. */
  signer: Identity
  /** Encrypts to this key instead. */
  target: EncryptionKeyJwk | undefined
  close(): Promise<void>
}

export interface Answer {
  request: Record<string, unknown>
  response: {
    key: {
      key: Record<string, unknown>
      attributes: Record<string, unknown>
    }
  }
}

const oaepHashes: Readonly<Record<string, string>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
}

export async function startTestBroker(workload: TestWorkload, port = 0): Promise<TestBroker> {
  const { attested, identity } = workload
  const state = {
    failing: undefined as TestBroker['failing'],
    change: undefined as TestBroker['change'],
    target: undefined as TestBroker['target'],
    signer: identity,
  }
  const keys = new Map<string, TestKey[]>()
  const asked: string[] = []
  const logger = createLogger('key-broker', { level: 'silent' })
  const { app, listen, close } = createServer({
    name: 'key-broker',
    logger,
    tls: { attested, clients: ['platform'] },
  })

  interface Release {
    Params: { name: string; version?: string }
    Querystring: { 'api-version': string }
    Body: { target: string; nonce: string; enc: string }
  }
  for (const path of ['/keys/:name/release', '/keys/:name/:version/release']) {
    app.post<Release>(path, async ({ params, body, query }, reply) => {
      asked.push(`${params.name}/${params.version ?? ''}`)
      if (state.failing !== undefined) {
        const [status, code] = state.failing
        return reply.code(status).send({ error: { code: 'Forbidden', innererror: { code } } })
      }
      const versions = keys.get(params.name) ?? []
      const index = params.version === undefined ? versions.length - 1 : Number(params.version) - 1
      const key = versions[index]
      if (key === undefined) return reply.code(404).send({ error: { code: 'KeyNotFound' } })
      const { keys: runtimeKeys } = decodeJwt(body.target)['x-ms-runtime'] as { keys: unknown[] }
      const target = state.target ?? (runtimeKeys[1] as EncryptionKeyJwk)
      const kid = `https://broker.example/keys/${params.name}/${index + 1}`
      const answer: Answer = {
        request: { 'api-version': query['api-version'], enc: body.enc, kid, nonce: body.nonce },
        response: {
          key: {
            key: {
              kid,
              kty: key.kty,
              key_ops: ['encrypt', 'decrypt'],
              key_hsm: wrapped(key.secret, target, body.enc),
            },
            attributes: { enabled: true, exportable: true, created: clock.now() - 100 + index },
          },
        },
      }
      state.change?.(answer)
      return { value: await signed(answer, state.signer) }
    })
  }
  const listening = await listen(port)
  return Object.assign(state, {
    keys,
    asked,
    port: listening.port,
    url: `https://127.0.0.1:${listening.port}`,
    close,
  })
}

/** As PKCS #11 has it: RSA-OAEP of a fresh AES key, then RFC 5649 under that key. */
export function wrapped(secret: Uint8Array, target: EncryptionKeyJwk, enc: string): string {
  const ephemeral = randomBytes(32)
  const encrypted = publicEncrypt(
    {
      key: createPublicKey({ key: { ...target }, format: 'jwk' }),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: oaepHashes[enc] ?? '',
    },
    ephemeral,
  )
  const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
  const ciphertext = Buffer.concat([encrypted, cipher.update(secret), cipher.final()])
  const header = { kid: target.kid, alg: 'dir', enc }
  const keyHsm = { schema_version: '1.0', header, ciphertext: base64UrlOf(ciphertext) }
  return base64UrlOf(utf8Of(JSON.stringify(keyHsm)))
}

async function signed(answer: Answer, { tls }: Identity): Promise<string> {
  return new CompactSign(utf8Of(JSON.stringify(answer)))
    .setProtectedHeader({
      alg: 'ES256',
      kid: tls.certificateSha256,
      x5c: [Buffer.from(tls.certificate).toString('base64')],
      'x5t#S256': tls.certificateSha256,
    })
    .sign(await importPKCS8(tls.privateKeyPem, 'ES256'))
}

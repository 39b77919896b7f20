import { ok, utf8Of } from '@sealward/attestation/bytes'
import { parseConfig } from '@sealward/enclave/config'
import { type BrokerConfig, brokerConfig } from '@sealward/key-broker/config'
import {
  type KeyEncryptionSettings,
  keyEncryptionSettings,
  type SecretSurroundings,
} from '@sealward/key-broker/custody'
import { readConfigFile } from '../config-file.ts'
import { badInput, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

/** Where the state of a broker is, and what is said of it. */
export interface StateFlags {
  readonly config?: string
  readonly state?: string
  readonly database?: string
}

export interface ConfigChanges extends StateFlags {
  readonly port?: number
  readonly address?: string
}

export const defaultPort = 4490
const defaultState = '.sealward-broker'

/**
 * The configuration that a command line means: its file; options stand above it.
 *
 * @returns it, `file-unreadable`, or `config-malformed` with a sentence that says where.
 */
export async function readBrokerConfig(changes: ConfigChanges): Promise<Outcome<BrokerConfig>> {
  const { config: file, state, database, port, address } = changes
  const written = file === undefined ? ok({}) : await readConfigFile(file)
  if (!written.ok) return written
  const whole = {
    stateFolder: defaultState,
    port: defaultPort,
    publicUrl: `http://localhost:${port ?? defaultPort}`,
    ...written.value,
    ...(state === undefined ? {} : { stateFolder: state }),
    ...(database === undefined ? {} : { databaseUrl: database }),
    ...(port === undefined ? {} : { port }),
    ...(address === undefined ? {} : { address }),
  }
  return parsed(parseConfig(brokerConfig, utf8Of(JSON.stringify(whole))))
}

/** Reads what says where a key-encryption key is. */
export async function readKeyEncryption(file: string): Promise<Outcome<KeyEncryptionSettings>> {
  const written = await readConfigFile(file, '--to')
  if (!written.ok) return written
  return parsed(parseConfig(keyEncryptionSettings, utf8Of(JSON.stringify(written.value))))
}

function parsed<T>(result: ReturnType<typeof parseConfig<T>>): Outcome<T> {
  if (result.ok) return result
  const { code, at, detail } = result.problem
  return badInput(code, at, detail)
}

/** Where a passphrase or a PIN comes from. A new one is asked for twice. */
export function secretsOf(
  { env, input, err }: Surroundings,
  { isNew = false }: { readonly isNew?: boolean } = {},
): SecretSurroundings {
  const credentialsFolder = env['CREDENTIALS_DIRECTORY']
  if (input?.isTerminal !== true) return { credentialsFolder }
  return {
    credentialsFolder,
    async prompt(question) {
      for (;;) {
        const secret = await input.ask(question, { hidden: true })
        if (!isNew || (await input.ask('Once more: ', { hidden: true })) === secret) return secret
        err('They differ.\n')
      }
    },
  }
}

/** A configuration to start from: everything said that has a default. */
export function exampleConfig(): string {
  const config = {
    address: '127.0.0.1',
    port: defaultPort,
    publicUrl: 'https://keys.example',
    databaseUrl: 'postgres://broker@127.0.0.1:5432/broker',
    stateFolder: '/var/lib/sealward-broker',
    keyEncryption: {
      kind: 'pkcs11',
      module: '/usr/lib/softhsm/libsofthsm2.so',
      token: 'broker',
      key: 'key-encryption-key',
      pin: { credential: 'broker-pin' },
    },
    trustedProxies: ['10.0.0.0/8'],
    identityProvider: {
      issuer: 'https://login.example/tenant',
      audience: 'https://keys.example',
      roleClaim: 'roles',
    },
    authorities: [
      {
        issuer: 'https://attest.example',
        signers: ['A'.repeat(43)],
        policyHashes: ['A'.repeat(43)],
      },
    ],
    recoverableDays: 90,
    limits: { requestsPerSecond: 50, burst: 200 },
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

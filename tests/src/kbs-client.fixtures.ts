/**
 * A client of Trustee's KBS protocol for tests, written from the protocol's text and from what the reference client does: no
 * released one can be had from a registry.
 *
 * @see confidential-containers/trustee, kbs/docs/kbs_attestation_protocol.md; guest-components, kbs_protocol; kbs-types
 */

import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type FlattenedJWE, flattenedDecrypt } from 'jose'

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

export interface KbsAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, Json>>
  /** Empty where there is none. */
  readonly token: string
  readonly nonce: string
  /** Ours, of a refusal. */
  readonly code: string | undefined
  /** The reference's, of a refusal. */
  readonly type: string | undefined
}

/** A key pair in a TEE. */
export interface TeeKeyPair {
  readonly publicKey: Readonly<Record<string, string>>
  open(jwe: Readonly<Record<string, Json>>): Promise<string>
}

export interface Handshake {
  readonly version?: string
  readonly tee?: string
  readonly extra?: Json
  readonly key?: TeeKeyPair
  /** Evidence over 64 bytes, as the reference's attesters write it. */
  readonly evidence: (reportData: Uint8Array) => Promise<Json>
  readonly initData?: Json
  /** Changes what is sent after everything was made. */
  readonly tampered?: (attestation: Record<string, Json>) => Record<string, Json>
}

export interface KbsClient {
  /** What it was given, as it sends it. */
  cookie: string | undefined
  readonly auth: (version?: string, tee?: string, extra?: Json) => Promise<KbsAnswer>
  readonly attest: (body: Json) => Promise<KbsAnswer>
  readonly handshake: (options: Handshake) => Promise<KbsAnswer>
  readonly resource: (path: string, bearer?: string) => Promise<KbsAnswer>
}

export function createKbsClient(url: string): KbsClient {
  const send = async (method: string, path: string, body?: Json, bearer?: string) => {
    const answer = await fetch(`${url}/kbs/v0/${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(client.cookie === undefined ? {} : { cookie: client.cookie }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const set = answer.headers.get('set-cookie')
    if (set !== null) client.cookie = set.split(';')[0]
    return answerOf(answer)
  }
  const client: KbsClient = {
    cookie: undefined,
    auth: (version = '0.4.0', tee = 'sgx', extra = '') =>
      send('POST', 'auth', { version, tee, 'extra-params': extra }),
    attest: (body) => send('POST', 'attest', body),
    async handshake(options) {
      const { version = '0.4.0', tee = 'sgx', extra, key = await newTeeKey('EC') } = options
      const challenge = await client.auth(version, tee, extra)
      if (challenge.status !== 200) return challenge
      const { nonce } = challenge
      const parameters = challenge.body['extra-params'] ?? ''
      const selected = Object(parameters)['selected-hash-algorithm'] ?? 'sha384'
      const additional = ''
      const runtimeData = { nonce, 'tee-pubkey': key.publicKey }
      const bound =
        version === '0.4.0' ? { ...runtimeData, 'additional-evidence': additional } : runtimeData
      const reportData = new Uint8Array(64)
      reportData.set(createHash(selected).update(canonical(bound)).digest())
      const evidence = await options.evidence(reportData)
      const attestation: Record<string, Json> =
        version === '0.4.0'
          ? {
              'runtime-data': runtimeData,
              'tee-evidence': { primary_evidence: evidence, additional_evidence: additional },
            }
          : {
              'tee-pubkey': key.publicKey,
              'tee-evidence': version === '0.1.1' ? JSON.stringify(evidence) : evidence,
            }
      if (options.initData !== undefined) attestation['init-data'] = options.initData
      return client.attest(options.tampered?.(attestation) ?? attestation)
    },
    resource: (path, bearer) => send('GET', `resource/${path}`, undefined, bearer),
  }
  return client
}

export async function answerOf(answer: Response): Promise<KbsAnswer> {
  const text = await answer.text()
  const body = text === '' ? {} : JSON.parse(text)
  return {
    status: answer.status,
    headers: answer.headers,
    body,
    token: body.token ?? '',
    nonce: body.nonce ?? '',
    code: body.code,
    type: body.type?.replace('https://github.com/confidential-containers/kbs/errors/', ''),
  }
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** RFC 8785, of objects of text. */
export function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`
}

export async function newTeeKey(kind: 'EC' | 'RSA' | 'P-521', bits = 2048): Promise<TeeKeyPair> {
  const { privateKey, publicKey } =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: bits })
      : generateKeyPairSync('ec', { namedCurve: kind === 'EC' ? 'P-256' : kind })
  const alg = kind === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW'
  return {
    publicKey: { ...(publicKey.export({ format: 'jwk' }) as Record<string, string>), alg },
    open: (jwe) => opened(jwe, privateKey, alg),
  }
}

/**
 * The reference client reads the protected header, writes it again, and takes that as what was authenticated: a header in
 * another order opens nothing.
 */
async function opened(
  jwe: Readonly<Record<string, Json>>,
  key: KeyObject,
  alg: string,
): Promise<string> {
  const {
    alg: named,
    enc,
    ...others
  } = JSON.parse(Buffer.from(textOf(jwe['protected']), 'base64url').toString())
  const members = Object.entries<Json>({ ...others }).map(
    ([name, value]) => `,${JSON.stringify(name)}:${canonical(value)}`,
  )
  const again = `{"alg":${JSON.stringify(named)},"enc":${JSON.stringify(enc)}${members.join('')}}`
  const { plaintext } = await flattenedDecrypt(
    { ...jwe, protected: Buffer.from(again).toString('base64url') } as unknown as FlattenedJWE,
    key,
    { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: ['A256GCM'] },
  )
  return Buffer.from(plaintext).toString()
}

/** A report of SEV-SNP as the crate `sev` writes it in JSON. */
export function sevJsonOf(report: Uint8Array, certificates: readonly Uint8Array[]): Json {
  const view = new DataView(report.buffer, report.byteOffset)
  const u32 = (at: number): number => view.getUint32(at, true)
  const u64 = (at: number): number => Number(view.getBigUint64(at, true))
  const list = (at: number, length: number): readonly number[] => [
    ...report.subarray(at, at + length),
  ]
  const isTurin = report[0x188] === 0x1a
  const tcb = (at: number): Json => {
    const [a = 0, b = 0, c = 0, d = 0] = report.subarray(at, at + 4)
    const [snp = 0, microcode = 0] = report.subarray(at + 6, at + 8)
    return isTurin
      ? { fmc: a, bootloader: b, tee: c, snp: d, microcode }
      : { fmc: null, bootloader: a, tee: b, snp, microcode }
  }
  return {
    attestation_report: {
      version: u32(0),
      guest_svn: u32(4),
      policy: u64(8),
      family_id: list(0x10, 16),
      image_id: list(0x20, 16),
      vmpl: u32(0x30),
      sig_algo: u32(0x34),
      current_tcb: tcb(0x38),
      plat_info: u64(0x40),
      _author_key_en: u32(0x48),
      _reserved_0: u32(0x4c),
      report_data: list(0x50, 64),
      measurement: list(0x90, 48),
      host_data: list(0xc0, 32),
      id_key_digest: list(0xe0, 48),
      author_key_digest: list(0x110, 48),
      report_id: list(0x140, 32),
      report_id_ma: list(0x160, 32),
      reported_tcb: tcb(0x180),
      ...(u32(0) < 3
        ? { _reserved_1: list(0x188, 24) }
        : {
            cpuid_fam_id: report[0x188] ?? 0,
            cpuid_mod_id: report[0x189] ?? 0,
            cpuid_step: report[0x18a] ?? 0,
            _reserved_1: list(0x18b, 21),
          }),
      chip_id: list(0x1a0, 64),
      committed_tcb: tcb(0x1e0),
      current_build: report[0x1e8] ?? 0,
      current_minor: report[0x1e9] ?? 0,
      current_major: report[0x1ea] ?? 0,
      _reserved_2: report[0x1eb] ?? 0,
      committed_build: report[0x1ec] ?? 0,
      committed_minor: report[0x1ed] ?? 0,
      committed_major: report[0x1ee] ?? 0,
      _reserved_3: report[0x1ef] ?? 0,
      launch_tcb: tcb(0x1f0),
      _reserved_4: list(0x1f8, 168),
      signature: { r: list(0x2a0, 72), s: list(0x2e8, 72), _reserved: list(0x330, 368) },
    },
    cert_chain: certificates.map((der, index) => ({
      cert_type: ['VCEK', 'ASK', 'ARK'][index] ?? 'Empty',
      data: [...der],
    })),
  }
}

/**
 * What `sealward endorsements` does.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import {
  base64Of,
  bytesOfBase64,
  bytesOfHex,
  jsonOf,
  ok,
  type Problem,
  textOf,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import { parseEvidenceDocument } from '@sealward/attestation/evidence'
import { pemOf } from '@sealward/attestation/x509'
import {
  amdKds,
  type BundledPiece,
  createBundleSource,
  createCachedSource,
  createEndorsementsClient,
  createRemoteSource,
  type EndorsementSource,
  type EndorsementsClient,
  type EndorsementsCode,
  encodeBundle,
  endorsementsLimits,
  intelPcs,
  mayBeRetried,
  openPieceFolder,
  type PcsAddress,
  parseBundle,
  platformOf,
  type SnpEndorsementSet,
  startEndorsementsServer,
  type TcbBaseline,
  targetOf,
} from '@sealward/enclave/endorsements'
import { failed } from './failed.ts'
import { limits } from './limits.ts'
import { badInput, type ExitCode, type Outcome, unavailable } from './problem.ts'
import { openProgress } from './progress.ts'
import type { Surroundings } from './surroundings.ts'

interface SourceFlags {
  /** Intel's own where it is not given. */
  readonly pcs?: string
  readonly rootCrl?: string
  /** AMD's own where it is not given. */
  readonly kds?: string
  readonly cache?: string
  readonly from?: string
}

export interface FetchFlags extends SourceFlags {
  readonly baseline: TcbBaseline
  readonly out?: string
  readonly json?: true
}

export interface BundleFlags extends SourceFlags {
  readonly out: string
  readonly early?: true
  readonly json?: true
}

export interface ServeFlags extends SourceFlags {
  readonly port: number
  readonly host: string
  readonly json?: true
}

/** Prints the endorsements that a piece of evidence asks for, or writes them. */
export async function runFetch(
  surroundings: Surroundings,
  file: string,
  flags: FetchFlags,
): Promise<ExitCode> {
  const evidence = await readEvidence(file)
  if (!evidence.ok) return failed(surroundings, evidence.problem)
  const source = await openSource(surroundings, flags)
  if (!source.ok) return failed(surroundings, source.problem)
  const fetched = await whileOpen(surroundings, source.value, (client) =>
    fetchText(client, evidence.value, flags),
  )
  if (!fetched.ok) return failed(surroundings, fetched.problem)
  if (flags.out === undefined) {
    surroundings.out(fetched.value)
    return 0
  }
  const written = await writeWhole(flags.out, utf8Of(fetched.value))
  return written.ok ? 0 : failed(surroundings, written.problem)
}

async function fetchText(
  client: EndorsementsClient,
  evidence: Uint8Array,
  { baseline, json }: FetchFlags,
): Promise<Outcome<string>> {
  const platform = platformOf(evidence)
  if (!platform.ok) return refusal(platform.problem)
  if (platform.value.tee === 'snp') {
    const set = await client.snpEndorsementsFor(evidence)
    if (!set.ok) return refusal(set.problem)
    return ok(json === true ? `${JSON.stringify(snpJsonOf(set.value))}\n` : snpPemOf(set.value))
  }
  const set = await client.endorsementsFor(evidence, baseline)
  return set.ok ? ok(`${JSON.stringify(set.value, undefined, 1)}\n`) : refusal(set.problem)
}

function snpPemOf({ certificate, intermediate, root }: SnpEndorsementSet): string {
  const chip = certificate === undefined ? [] : [certificate]
  return [...chip, intermediate, root].map(pemOf).join('')
}

function snpJsonOf({
  product,
  key,
  certificate,
  intermediate,
  root,
  crl,
}: SnpEndorsementSet): object {
  return {
    product,
    key,
    certificate: certificate === undefined ? null : base64Of(certificate),
    intermediate: base64Of(intermediate),
    root: base64Of(root),
    crl: base64Of(crl),
  }
}

/** Writes all that evidence asks for into one file. */
export async function runBundle(
  surroundings: Surroundings,
  files: readonly string[],
  flags: BundleFlags,
): Promise<ExitCode> {
  const evidence: Uint8Array[] = []
  // What can be said without the network is said before it is used.
  for (const file of files) {
    const read = await readEvidence(file)
    if (!read.ok) return failed(surroundings, read.problem)
    evidence.push(read.value)
  }
  const source = await openSource(surroundings, flags)
  if (!source.ok) return failed(surroundings, source.problem)
  const progress = await openProgress(surroundings.terminal, 'Endorsements', evidence.length)
  const pieces = await whileOpen(surroundings, source.value, (client) =>
    collect(client, evidence, flags.early === true, (count) => progress.set('Endorsements', count)),
  ).finally(() => progress.close())
  if (!pieces.ok) return failed(surroundings, pieces.problem)

  const createdAt = surroundings.effects.clock.now()
  const bytes = encodeBundle({ createdAt, pieces: pieces.value })
  const written = await writeWhole(flags.out, bytes)
  if (!written.ok) return failed(surroundings, written.problem)
  const endsAt = Math.min(...pieces.value.map(({ piece }) => piece.endsAt))
  if (flags.json === true) {
    const listed = pieces.value.map(({ item, piece }) => ({
      target: targetOf(item),
      endsAt: instantOf(piece.endsAt),
    }))
    const summary = { file: flags.out, bytes: bytes.length, endsAt: instantOf(endsAt) }
    surroundings.out(`${JSON.stringify({ ...summary, endorsements: listed })}\n`)
  } else {
    surroundings.out(
      `${flags.out}: ${pieces.value.length} endorsements, all of them usable until ${instantOf(endsAt)}\n`,
    )
  }
  return 0
}

/** Each endorsement once, however many pieces of evidence ask for it. */
async function collect(
  client: EndorsementsClient,
  evidence: readonly Uint8Array[],
  early: boolean,
  onDone: (count: number) => void,
): Promise<Outcome<readonly BundledPiece[]>> {
  const pieces = new Map<string, BundledPiece>()
  for (const [index, one] of evidence.entries()) {
    for (const baseline of early ? (['standard', 'early'] as const) : (['standard'] as const)) {
      const found = await client.piecesFor(one, baseline)
      if (!found.ok) return refusal(found.problem)
      for (const piece of found.value) pieces.set(targetOf(piece.item), piece)
    }
    onDone(index + 1)
  }
  return pieces.size > endorsementsLimits.bundlePiecesMax
    ? badInput(
        'too-many',
        'EVIDENCE',
        `more than ${endorsementsLimits.bundlePiecesMax} endorsements`,
      )
    : ok([...pieces.values()])
}

/** Serves until Ctrl-C. */
export async function runServe(surroundings: Surroundings, flags: ServeFlags): Promise<ExitCode> {
  const { interrupted, out, err } = surroundings
  const source = await openSource(surroundings, flags)
  if (!source.ok) return failed(surroundings, source.problem)
  const { port, host } = flags
  const server = await startEndorsementsServer({
    source: source.value,
    port,
    host,
    ...(flags.json === true
      ? { onAnswer: (answer: object) => out(`${JSON.stringify(answer)}\n`) }
      : {}),
  }).catch((error: unknown) => error)
  if (!isServer(server)) {
    await source.value.close()
    return failed(
      surroundings,
      badInput('address-unavailable', '--port', `${host}:${port} cannot be listened at`).problem,
    )
  }
  err(`Serving at ${server.url}. Ctrl-C ends it.\n`)
  if (!interrupted.aborted) {
    await new Promise((resolve) => interrupted.addEventListener('abort', resolve, { once: true }))
  }
  await server.close()
  await source.value.close()
  return 0
}

function isServer(value: unknown): value is Awaited<ReturnType<typeof startEndorsementsServer>> {
  return typeof value === 'object' && value !== null && 'url' in value && 'close' in value
}

async function openSource(
  { effects, err }: Surroundings,
  flags: SourceFlags,
): Promise<Outcome<EndorsementSource>> {
  const { clock, random } = effects
  if (flags.from !== undefined) {
    const bytes = await readLimited(flags.from, endorsementsLimits.bundleBytesMax)
    if (!bytes.ok) return bytes
    const bundle = parseBundle(bytes.value)
    if (!bundle.ok) {
      const { code, at, detail } = bundle.problem
      return badInput(code, `--from ${at}`.trim(), detail)
    }
    return ok(createBundleSource({ bundle: bundle.value, clock }))
  }
  const remote = createRemoteSource({
    pcs: pcsOf(flags),
    kds: flags.kds === undefined ? amdKds : { baseUrl: flags.kds },
    clock,
    random,
    sleep: (milliseconds, signal) => effects.sleep(milliseconds, signal),
  })
  const folder =
    flags.cache === undefined
      ? undefined
      : openPieceFolder({
          path: flags.cache,
          clock,
          onUnwritten: (cause) => err(`The cache cannot be written (${cause}).\n`),
        })
  return ok(
    createCachedSource({ source: remote, clock, ...(folder === undefined ? {} : { folder }) }),
  )
}

function pcsOf({ pcs, rootCrl }: SourceFlags): PcsAddress {
  const address = pcs === undefined ? intelPcs : { baseUrl: pcs }
  return rootCrl === undefined ? address : { ...address, rootCaCrlUrl: rootCrl }
}

/** Ctrl-C closes the source, which ends whatever waits. */
async function whileOpen<T>(
  { interrupted }: Surroundings,
  source: EndorsementSource,
  work: (client: EndorsementsClient) => Promise<T>,
): Promise<T> {
  const client = createEndorsementsClient(source)
  const close = (): void => void client.close()
  interrupted.addEventListener('abort', close, { once: true })
  try {
    interrupted.throwIfAborted()
    const done = await work(client)
    interrupted.throwIfAborted()
    return done
  } finally {
    interrupted.removeEventListener('abort', close)
    await client.close()
  }
}

/** A quote or report, raw, as hex or as base64; or the quote of an evidence document. */
async function readEvidence(file: string): Promise<Outcome<Uint8Array>> {
  const bytes = await readLimited(file, limits.documentBytesMax)
  if (!bytes.ok) return bytes
  const text = textOf(bytes.value)?.trim()
  // Raw evidence has zero bytes in its first four, which text has not.
  if (text === undefined || text.includes('\0')) return bytes
  if (text.startsWith('{')) {
    const json = jsonOf(bytes.value, {
      bytesMax: limits.documentBytesMax,
      depthMax: limits.depthMax,
    })
    if (!json.ok) return badInput(json.problem.code, file, json.problem.detail)
    const document = parseEvidenceDocument(json.value)
    return document.ok
      ? ok(document.value.quote)
      : badInput(document.problem.code, document.problem.at, document.problem.detail)
  }
  const compact = text.replace(/\s+/g, '')
  const decoded = bytesOfHex(compact) ?? bytesOfBase64(compact)
  return decoded === undefined
    ? badInput('evidence-unreadable', file, 'neither raw evidence nor hex, base64 or JSON')
    : ok(decoded)
}

async function readLimited(file: string, bytesMax: number): Promise<Outcome<Uint8Array>> {
  try {
    const { size } = await stat(file)
    if (size > bytesMax) return badInput('file-too-large', file, `more than ${bytesMax} bytes`)
    return ok(new Uint8Array(await readFile(file)))
  } catch {
    return badInput('file-unreadable', 'FILE', `${file} cannot be read`)
  }
}

/** Whoever reads it sees the old file or the new one. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<Outcome<void>> {
  const draft = `${file}.${randomBytes(4).toString('hex')}.draft`
  try {
    await writeFile(draft, bytes, { flag: 'wx', flush: true })
    await rename(draft, file)
    return ok(undefined)
  } catch {
    await rm(draft, { force: true })
    return badInput('file-unwritable', '--out', `${file} cannot be written`)
  }
}

function refusal(problem: Problem<EndorsementsCode>): {
  readonly ok: false
  readonly problem: ReturnType<typeof badInput>['problem']
} {
  const { code, at, detail } = problem
  const isElsewhere = code === 'endorsements-missing' || code === 'evaluation-withdrawn'
  return isElsewhere || mayBeRetried(code)
    ? unavailable(code, at, detail)
    : badInput(code, at, detail)
}

function instantOf(seconds: UnixSeconds): string {
  return new Date(1000 * seconds).toISOString()
}

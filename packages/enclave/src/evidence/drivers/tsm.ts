/**
 * Evidence of a TDX or SEV-SNP guest: Linux's `configfs-tsm`.
 *
 * @see Linux, Documentation/ABI/testing/configfs-tsm-report
 * @module
 */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bytes, equalBytes, ok, refuse, utf8Of } from '@sealward/attestation/bytes'
import { type DeviceFiles, deviceFiles, type FileSystem, systemFiles } from './device-files.ts'
import type { Driven, EvidenceSource, TsmEvidence } from './evidence-source.ts'
import { driverLimits } from './limits.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { reportDataOf } from './report-data.ts'

export interface TsmSourceOptions {
  /** `/sys/kernel/config/tsm/report` unless said. */
  readonly folder?: string
  /** What the guest is expected to be; another provider is refused. Either, unless said. */
  readonly provider?: 'tdx_guest' | 'sev_guest'
  /** VMPL of the report, not below the guest's floor. The kernel's own, unless said. SEV-SNP only. */
  readonly privilegeLevel?: 0 | 1 | 2 | 3
  /** Asks the secure VM service module below the guest, which adds its manifest. SEV-SNP only. */
  readonly serviceProvider?: 'svsm'
  readonly files?: FileSystem
}

export interface TsmSource extends EvidenceSource<TsmEvidence> {
  readonly driver: 'tsm'
}

/** Evidence of the confidential VM that this process runs in. */
export function createTsmSource(options: TsmSourceOptions = {}): TsmSource {
  const root = options.folder ?? '/sys/kernel/config/tsm/report'
  const device = deviceFiles(options.files ?? systemFiles)
  const inTurn = oneAtATime()
  return {
    driver: 'tsm',
    evidence: (reportData) =>
      inTurn(async () => {
        // A name of our own: whoever shares it shares report data.
        const entry = join(root, `sealward-${randomUUID()}`)
        const made = await device.makeFolder(entry)
        if (!made.ok) return made
        let report: Driven<TsmEvidence>
        try {
          report = await reportOf(device, entry, options, reportData)
        } catch (error) {
          await device.removeFolder(entry)
          throw error
        }
        const removed = await device.removeFolder(entry)
        // Entries that stay pile up in the kernel: not to be passed over while all else goes well.
        return report.ok && !removed.ok ? removed : report
      }),
  }
}

async function reportOf(
  device: DeviceFiles,
  entry: string,
  options: TsmSourceOptions,
  reportData: Bytes<64>,
): Promise<Driven<TsmEvidence>> {
  const provider = await device.readLine(join(entry, 'provider'))
  if (!provider.ok) return provider
  const kind = kinds[provider.value]
  if (kind === undefined || (options.provider ?? provider.value) !== provider.value) {
    return refuse('provider-unsupported', 'provider', 'the guest is of another kind')
  }
  const asked = await optionsOf(device, entry, options, kind)
  if (!asked.ok) return asked

  let attempt: Driven<TsmEvidence> | undefined
  for (let count = 0; count < driverLimits.attemptsMax; count++) {
    if (count > 0) await pause(driverLimits.attemptMilliseconds)
    attempt = await attemptOf(device, entry, kind, asked.value, reportData)
    if (attempt.ok || !passing.has(attempt.problem.code)) return attempt
  }
  return attempt ?? refuse('device-busy', 'outblob', 'no attempt was made')
}

const kinds: Readonly<Record<string, 'tdx' | 'snp'>> = { tdx_guest: 'tdx', sev_guest: 'snp' }

const passing: ReadonlySet<string> = new Set(['generation-conflict', 'device-busy'])

/** What is written into an attribute, in this order. */
type Writes = readonly (readonly [attribute: string, bytes: Uint8Array])[]

async function optionsOf(
  device: DeviceFiles,
  entry: string,
  { privilegeLevel, serviceProvider }: TsmSourceOptions,
  kind: 'tdx' | 'snp',
): Promise<Driven<Writes>> {
  const writes: [string, Uint8Array][] = []
  if (privilegeLevel !== undefined) {
    if (kind !== 'snp') {
      return refuse('privilege-level-unsupported', 'privlevel', 'this guest has no levels')
    }
    const floor = await device.readLine(join(entry, 'privlevel_floor'))
    if (!floor.ok) return floor
    if (!/^[0-3]$/.test(floor.value)) {
      return refuse('evidence-malformed', 'privlevel_floor', 'not a level')
    }
    if (privilegeLevel < Number(floor.value)) {
      return refuse('privilege-level-unsupported', 'privlevel', 'below the floor of this guest')
    }
    writes.push(['privlevel', utf8Of(`${privilegeLevel}`)])
  }
  if (serviceProvider !== undefined) {
    if (kind !== 'snp') {
      return refuse('provider-unsupported', 'service_provider', 'this guest has no service module')
    }
    writes.push(['service_provider', utf8Of(serviceProvider)])
  }
  return ok(writes)
}

async function attemptOf(
  device: DeviceFiles,
  entry: string,
  kind: 'tdx' | 'snp',
  options: Writes,
  reportData: Bytes<64>,
): Promise<Driven<TsmEvidence>> {
  const before = await generationOf(device, entry)
  if (!before.ok) return before
  const writes: Writes = [...options, ['inblob', reportData]]
  for (const [attribute, bytes] of writes) {
    const written = await device.write(join(entry, attribute), bytes)
    if (!written.ok) return written
  }
  const blob = (name: string, bytesMin: number): Promise<Driven<Uint8Array>> =>
    device.read(join(entry, name), { bytesMin, bytesMax: driverLimits.blobBytesMax })

  const out = await blob(
    'outblob',
    kind === 'tdx' ? driverLimits.quoteBytesMin : driverLimits.snpReportBytesMin,
  )
  if (!out.ok) return out
  const aux = kind === 'snp' ? await visible(blob('auxblob', 0)) : ok(undefined)
  if (!aux.ok) return aux
  const asksServices = options.some(([attribute]) => attribute === 'service_provider')
  const manifest = asksServices ? await blob('manifestblob', 1) : ok(undefined)
  if (!manifest.ok) return manifest

  // The blobs are of one generation only if each write since then was ours. A write that the kernel did not
  // take when the file was closed shows here too: it does not tell the one who closes.
  const after = await generationOf(device, entry)
  if (!after.ok) return after
  if (after.value !== before.value + BigInt(writes.length)) {
    return refuse('generation-conflict', 'generation', 'somebody else wrote to this entry')
  }
  const over = reportDataOf(kind, out.value)
  if (over === undefined) return refuse('evidence-malformed', 'outblob', 'not a known format')
  // An SVSM puts a digest there, of this and of its manifest.
  if (!asksServices && !equalBytes(over, reportData)) {
    return refuse('evidence-stale', 'outblob', 'the report is over other report data')
  }
  if (kind === 'tdx') return ok({ kind, quote: out.value })
  return ok({
    kind,
    report: out.value,
    ...(aux.value === undefined || aux.value.length === 0 ? {} : { certificateTable: aux.value }),
    ...(manifest.value === undefined ? {} : { manifest: manifest.value }),
  })
}

async function generationOf(device: DeviceFiles, entry: string): Promise<Driven<bigint>> {
  const line = await device.readLine(join(entry, 'generation'))
  if (!line.ok) return line
  return /^[0-9]{1,20}$/.test(line.value)
    ? ok(BigInt(line.value))
    : refuse('evidence-malformed', 'generation', 'not a number')
}

/** An attribute that a provider may leave out. */
async function visible(blob: Promise<Driven<Uint8Array>>): Promise<Driven<Uint8Array | undefined>> {
  const read = await blob
  return !read.ok && read.problem.code === 'device-missing' ? ok(undefined) : read
}

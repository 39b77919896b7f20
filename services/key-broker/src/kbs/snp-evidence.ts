/**
 * A report of SEV-SNP in the JSON of the crate `sev`: each field by its name, byte strings as lists of numbers.
 *
 * What AMD signed are bytes, so they are put together again. A field in the wrong place makes another report, which nobody
 * signed.
 *
 * @see AMD 56860, table 23; virtee/sev, src/firmware/guest/types/snp.rs
 * @module
 */

import { base64Of, type Fields, type Shape } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

export interface SnpJsonEvidence {
  /** 1184 bytes. */
  readonly report: Uint8Array
  /** PEM of those of AMD's certificates that came with it; may be none. */
  readonly certificates: string
}

export function readSnpEvidence(shape: Shape): SnpJsonEvidence {
  return shape.object('ignored', ({ required, optional }) => {
    const chain = optional('cert_chain')
    const certificates =
      chain === undefined || chain.kind === 'null'
        ? []
        : chain.list(limits.certificatesMax, readCertificate)
    return {
      report: readReport(required('attestation_report')),
      certificates: certificates.join(''),
    }
  })
}

const reportBytes = 1184

function readReport(shape: Shape): Uint8Array {
  return shape.object('ignored', (fields) => {
    const report = new Uint8Array(reportBytes)
    const view = new DataView(report.buffer)
    const { required } = fields
    const u8 = (offset: number, name: string): void => {
      view.setUint8(offset, required(name).integer(0, 0xff))
    }
    const u32 = (offset: number, name: string): void => {
      view.setUint32(offset, required(name).integer(0, 0xffff_ffff), true)
    }
    const u64 = (offset: number, name: string): void => {
      view.setBigUint64(offset, BigInt(required(name).integer(0, Number.MAX_SAFE_INTEGER)), true)
    }
    const bytes = (offset: number, length: number, name: string): void =>
      report.set(readBytes(required(name), length), offset)
    /** What older versions of the crate do not name, or call reserved. */
    const rest = (offset: number, length: number, name: string): void => {
      const reserved = fields.optional(name)
      if (reserved !== undefined) report.set(readBytes(reserved, length), offset)
    }

    u32(0x000, 'version')
    u32(0x004, 'guest_svn')
    u64(0x008, 'policy')
    bytes(0x010, 16, 'family_id')
    bytes(0x020, 16, 'image_id')
    u32(0x030, 'vmpl')
    u32(0x034, 'sig_algo')
    report.set(readTcb(required('current_tcb')), 0x038)
    u64(0x040, 'plat_info')
    view.setUint32(0x048, authorKeyEnabled(fields), true)
    bytes(0x050, 64, 'report_data')
    bytes(0x090, 48, 'measurement')
    bytes(0x0c0, 32, 'host_data')
    bytes(0x0e0, 48, 'id_key_digest')
    bytes(0x110, 48, 'author_key_digest')
    bytes(0x140, 32, 'report_id')
    bytes(0x160, 32, 'report_id_ma')
    report.set(readTcb(required('reported_tcb')), 0x180)
    if (fields.optional('cpuid_fam_id') === undefined) {
      rest(0x188, 24, '_reserved_1')
    } else {
      for (const [index, name] of ['cpuid_fam_id', 'cpuid_mod_id', 'cpuid_step'].entries()) {
        const value = fields.optional(name)
        // Reports before version 3 have none.
        if (value !== undefined && value.kind !== 'null') {
          view.setUint8(0x188 + index, value.integer(0, 0xff))
        }
      }
      rest(0x18b, 21, '_reserved_1')
    }
    bytes(0x1a0, 64, 'chip_id')
    report.set(readTcb(required('committed_tcb')), 0x1e0)
    u8(0x1e8, 'current_build')
    u8(0x1e9, 'current_minor')
    u8(0x1ea, 'current_major')
    u8(0x1ec, 'committed_build')
    u8(0x1ed, 'committed_minor')
    u8(0x1ee, 'committed_major')
    report.set(readTcb(required('launch_tcb')), 0x1f0)
    rest(0x1f8, 168, '_reserved_4')
    required('signature').object('ignored', (signature) => {
      report.set(readBytes(signature.required('r'), 72), 0x2a0)
      report.set(readBytes(signature.required('s'), 72), 0x2e8)
    })
    return report
  })
}

function authorKeyEnabled({ optional, required }: Fields): number {
  return (optional('_author_key_en') ?? required('author_key_en')).integer(0, 0xffff_ffff)
}

/** `{bootloader, tee, snp, microcode}`; of Turin, `fmc` is in front and the reserved bytes come later. */
function readTcb(shape: Shape): Uint8Array {
  return shape.object('ignored', ({ required, optional }) => {
    const u8 = (name: string): number => required(name).integer(0, 0xff)
    const [bootloader, tee, snp, microcode] = [
      u8('bootloader'),
      u8('tee'),
      u8('snp'),
      u8('microcode'),
    ]
    const fmc = optional('fmc')
    return fmc === undefined || fmc.kind === 'null'
      ? Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode)
      : Uint8Array.of(fmc.integer(0, 0xff), bootloader, tee, snp, 0, 0, 0, microcode)
  })
}

function readBytes(shape: Shape, length: number): Uint8Array {
  const numbers = shape.list(length, (item) => item.integer(0, 0xff), length)
  return Uint8Array.from(numbers)
}

/** `{cert_type, data}`; anything but a certificate of AMD's is left out. */
function readCertificate(shape: Shape): string {
  return shape.object('ignored', ({ required }) => {
    const type = required('cert_type')
    const bytes = required('data').list(limits.certificateBytesMax, (item) => item.integer(0, 0xff))
    const isAmds =
      type.kind === 'text' &&
      ['VCEK', 'VLEK', 'ASK', 'ARK'].includes(type.string(limits.extraParameterCharactersMax))
    if (!isAmds) return ''
    const lines = base64Of(Uint8Array.from(bytes)).match(/.{1,64}/g) ?? []
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  })
}

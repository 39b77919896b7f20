/**
 * Packets as tcpdump keeps them, put together to what each side of each connection said.
 *
 *     file   = header (24) ‖ ( seconds (4) ‖ fraction (4) ‖ kept (4) ‖ on the wire (4) ‖ packet )*
 *     packet = cooked header (20) ‖ IP ‖ TCP
 *
 * @see pcap-savefile(5); LINKTYPE_LINUX_SLL2; RFC 791, RFC 8200, RFC 9293
 * @module
 */

/** One direction of one connection. */
export interface Stream {
  /** `127.0.0.1:5432 > 127.0.0.1:40112` */
  readonly name: string
  readonly bytes: Buffer
}

export interface Recording {
  readonly streams: readonly Stream[]
  /** Every packet as it was, for what is not TCP. */
  readonly packets: Buffer
}

/** @throws when the file is not one of tcpdump's, or a packet was cut. */
export function readCapture(file: Buffer): Recording {
  if (file.readUInt32LE(0) !== 0xa1b2c3d4 || file.readUInt32LE(20) !== linkTypeSll2) {
    throw new Error('not a capture in the form that was asked for')
  }
  const flows = new Map<string, Flow>()
  let offset = 24
  while (offset < file.length) {
    const kept = file.readUInt32LE(offset + 8)
    if (kept !== file.readUInt32LE(offset + 12)) throw new Error('a packet was cut')
    addPacket(flows, file.subarray(offset + 16, offset + 16 + kept))
    offset += 16 + kept
  }
  const streams = [...flows].map(([name, flow]) => ({ name, bytes: assembled(name, flow) }))
  return { streams, packets: file }
}

const linkTypeSll2 = 276
const cookedHeaderBytes = 20

interface Flow {
  /** The sequence number of its first byte; its segments count from there. */
  first: number | undefined
  readonly segments: Map<number, Buffer>
}

function addPacket(flows: Map<string, Flow>, packet: Buffer): void {
  const tcp = tcpOf(packet.readUInt16BE(0), packet.subarray(cookedHeaderBytes))
  if (tcp === undefined) return
  const { from, to, bytes } = tcp
  const name = `${from}:${bytes.readUInt16BE(0)} > ${to}:${bytes.readUInt16BE(2)}`
  const sequence = bytes.readUInt32BE(4)
  const flags = bytes.readUInt8(13)
  const payload = bytes.subarray(4 * (bytes.readUInt8(12) >> 4))
  const isSyn = (flags & 0x02) !== 0
  const flow = flows.get(name) ?? { first: undefined, segments: new Map() }
  if (isSyn && flow.segments.size > 0) {
    // A port that is used again begins another connection; what the one before said is kept.
    flows.set(`${name} (${flows.size})`, flow)
    flows.set(name, { first: sequence + 1, segments: new Map() })
    return
  }
  flows.set(name, flow)
  if (isSyn) flow.first = sequence + 1
  if (payload.length === 0 || isSyn) return
  flow.first ??= sequence
  const at = (sequence - flow.first) >>> 0
  const before = flow.segments.get(at)
  if (before === undefined || before.length < payload.length) flow.segments.set(at, payload)
}

function tcpOf(
  protocol: number,
  ip: Buffer,
): { readonly from: string; readonly to: string; readonly bytes: Buffer } | undefined {
  if (protocol === 0x0800 && ip.readUInt8(9) === 6) {
    const headerBytes = 4 * (ip.readUInt8(0) & 0x0f)
    const bytes = ip.subarray(headerBytes, ip.readUInt16BE(2) || ip.length)
    return { from: ip.subarray(12, 16).join('.'), to: ip.subarray(16, 20).join('.'), bytes }
  }
  if (protocol === 0x86dd && ip.readUInt8(6) === 6) {
    return {
      from: ip.subarray(8, 24).toString('hex'),
      to: ip.subarray(24, 40).toString('hex'),
      bytes: ip.subarray(40),
    }
  }
  return undefined
}

/** In order and without what came twice. A gap is an error: what was not seen cannot be said to be clean. */
function assembled(name: string, { segments }: Flow): Buffer {
  const parts: Buffer[] = []
  let next: number | undefined
  for (const [at, segment] of [...segments].sort(([one], [other]) => one - other)) {
    next ??= at
    if (at > next) throw new Error(`${name}: ${at - next} bytes were not recorded`)
    if (at + segment.length <= next) continue
    parts.push(segment.subarray(next - at))
    next = at + segment.length
  }
  return Buffer.concat(parts)
}

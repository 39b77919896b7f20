import { describe, expect, test } from 'vitest'
import { readCapture } from './read-capture.ts'

/** One TCP packet over IPv4 in a cooked frame, as the kernel gives it. */
function packet(sequence: number, flags: number, payload: string, ports = [4000, 5000]): Buffer {
  const tcp = Buffer.alloc(20 + payload.length)
  tcp.writeUInt16BE(ports[0] ?? 0, 0)
  tcp.writeUInt16BE(ports[1] ?? 0, 2)
  tcp.writeUInt32BE(sequence, 4)
  tcp.writeUInt8(5 << 4, 12)
  tcp.writeUInt8(flags, 13)
  tcp.write(payload, 20)
  const ip = Buffer.alloc(20)
  ip.writeUInt8(0x45, 0)
  ip.writeUInt16BE(20 + tcp.length, 2)
  ip.writeUInt8(6, 9)
  ip.set([127, 0, 0, 1], 12)
  ip.set([127, 0, 0, 1], 16)
  const cooked = Buffer.alloc(20)
  cooked.writeUInt16BE(0x0800, 0)
  return Buffer.concat([cooked, ip, tcp])
}

function capture(...packets: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt32LE(276, 20)
  return Buffer.concat([
    header,
    ...packets.flatMap((one) => {
      const record = Buffer.alloc(16)
      record.writeUInt32LE(one.length, 8)
      record.writeUInt32LE(one.length, 12)
      return [record, one]
    }),
  ])
}

const [syn, ack] = [0x02, 0x10]

function said(...packets: readonly Buffer[]): readonly string[] {
  return readCapture(capture(...packets)).streams.map(({ bytes }) => bytes.toString())
}

describe('what one side of a connection said', () => {
  test('is put together over packets, in order, and once', () => {
    const [one, two, three] = [
      packet(101, ack, 'can'),
      packet(104, ack, 'ary'),
      packet(107, ack, '!'),
    ]
    expect(said(packet(100, syn, ''), one, three, two, two, one)).toEqual(['canary!'])
  })

  test('goes on where sequence numbers begin again', () => {
    const packets = [
      packet(0xffff_fffd, syn, ''),
      packet(0xffff_fffe, ack, 'ab'),
      packet(0, ack, 'cd'),
    ]
    expect(said(...packets)).toEqual(['abcd'])
  })

  test('is two streams where a port is used again', () => {
    const again = [packet(9000, syn, ''), packet(9001, ack, 'second')]
    expect(said(packet(100, syn, ''), packet(101, ack, 'first'), ...again).toSorted()).toEqual([
      'first',
      'second',
    ])
  })

  test('is not said to be known where a packet is missing', () => {
    expect(() =>
      said(packet(100, syn, ''), packet(101, ack, 'can'), packet(105, ack, 'ry')),
    ).toThrow('1 bytes were not recorded')
  })
})

test('a file of another kind, and a packet that was cut, are refused', () => {
  expect(() => readCapture(Buffer.alloc(24))).toThrow('not a capture')
  const cut = capture(packet(1, ack, 'x'))
  cut.writeUInt32LE(9999, 24 + 12)
  expect(() => readCapture(cut)).toThrow('was cut')
})

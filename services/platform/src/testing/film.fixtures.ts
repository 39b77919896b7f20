import { crc32, deflateSync } from 'node:zlib'
import { wrapImage } from '@sealward/imaging'

/** An 8-bit grey PNG of one brightness, with a darker frame; shows nobody. */
export function pngFilm(rows: number, columns: number, grey: number): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(columns, 0)
  header.writeUInt32BE(rows, 4)
  header.set([8, 0, 0, 0, 0], 8)
  const lines = Buffer.alloc(rows * (columns + 1))
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const isFrame = Math.min(row, column, rows - 1 - row, columns - 1 - column) < 10
      lines[row * (columns + 1) + 1 + column] = isFrame ? 20 : grey
    }
  }
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A DICOM file around {@link pngFilm}, which says whose it is. */
export async function dicomFilm(
  patient: NonNullable<Parameters<typeof wrapImage>[1]['patient']>,
): Promise<Uint8Array> {
  const wrapped = await wrapImage(pngFilm(200, 180, 150), {
    kind: 'dx',
    studyInstanceUid: '2.25.11',
    seriesInstanceUid: '2.25.12',
    sopInstanceUid: '2.25.13',
    synthetic: true,
    patient,
  })
  if (!wrapped.ok) throw new Error(wrapped.problem.code)
  return wrapped.value
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

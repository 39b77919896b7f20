import { expect, test } from 'vitest'
import { filmBytesMax } from '../limits.ts'
import { recogniseFilm } from './film-file.ts'

function file(offset: number, ...bytes: number[]): Uint8Array {
  const content = new Uint8Array(200)
  content.set(bytes, offset)
  return content
}

test('each kind of film is recognised by its first bytes', () => {
  const dicom = file(128, 0x44, 0x49, 0x43, 0x4d)
  const png = file(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  const jpeg = file(0, 0xff, 0xd8, 0xff, 0xe0)
  expect(recogniseFilm(dicom, dicom.length)).toMatchObject({ value: 'application/dicom' })
  expect(recogniseFilm(png, png.length)).toMatchObject({ value: 'image/png' })
  expect(recogniseFilm(jpeg, jpeg.length)).toMatchObject({ value: 'image/jpeg' })
})

test('a DICOM prefix anywhere else is not one', () => {
  expect(recogniseFilm(file(0, 0x44, 0x49, 0x43, 0x4d), 200)).toMatchObject({
    problem: { code: 'film-not-recognised' },
  })
})

test('an empty, a cut short and a foreign file are refused', () => {
  expect(recogniseFilm(new Uint8Array(0), 0)).toMatchObject({ problem: { code: 'film-empty' } })
  expect(recogniseFilm(file(0, 0x89, 0x50), 200)).toMatchObject({
    problem: { code: 'film-not-recognised' },
  })
  expect(recogniseFilm(file(0, 0x25, 0x50, 0x44, 0x46), 200)).toMatchObject({
    problem: { code: 'film-not-recognised' },
  })
})

test('a film may be as large as the limit and no byte larger', () => {
  const beginning = Uint8Array.of(0xff, 0xd8, 0xff)
  expect(recogniseFilm(beginning, filmBytesMax)).toMatchObject({ ok: true })
  expect(recogniseFilm(beginning, filmBytesMax + 1)).toMatchObject({
    problem: { code: 'film-too-large' },
  })
})

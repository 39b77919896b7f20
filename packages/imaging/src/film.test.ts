import { createRequire } from 'node:module'
import fc from 'fast-check'
import { decode } from 'fast-png'
import { expect, test } from 'vitest'
import { dictionary } from './dictionary.ts'
import { chestRadiographGate } from './gate.ts'
import { identifyingElements } from './identifying.ts'
import { readIdentity } from './identity.ts'
import { readFilm } from './read-film.ts'
import { removedElements } from './removed.ts'
import { renderPng } from './render.ts'
import { areaAverage } from './scale.ts'
import { film, jpegOf, picture, pictureGrey, pngOf, rows } from './testing/films.ts'
import { transferSyntaxUid } from './transfer-syntax.ts'
import { wrapImage } from './wrap-image.ts'
import { writeDicom } from './write-dicom.ts'

const uids = { studyInstanceUid: '2.25.7', seriesInstanceUid: '2.25.8', sopInstanceUid: '2.25.9' }

test('tags and keywords are those of the standard', () => {
  const { data } = createRequire(import.meta.url)('dcmjs') as {
    data: { DicomMetaDictionary: { nameMap: Record<string, { tag: string; vr: string }> } }
  }
  const { nameMap } = data.DicomMetaDictionary
  // The other dictionary marks what the standard has retired.
  const tagOf = (keyword: string): string | undefined =>
    (nameMap[keyword] ?? nameMap[`RETIRED_${keyword}`])?.tag.replace(/\W/g, '')
  const hex = (tag: number): string => tag.toString(16).padStart(8, '0').toUpperCase()
  expect(identifyingElements.length).toBeGreaterThan(150)
  expect(identifyingElements.filter(([tag, keyword]) => tagOf(keyword) !== hex(tag))).toEqual([])
  for (const [keyword, [tag, vr]] of Object.entries(dictionary)) {
    expect(tagOf(keyword), keyword).toBe(hex(tag))
    const theirs = nameMap[keyword]?.vr ?? ''
    expect(theirs === vr || /^(US|OW|OB|ox|xs|lt)/.test(theirs), `${keyword} ${theirs}`).toBe(true)
  }
})

test('who is on the film is read for comparing', () => {
  expect(readIdentity(film({ OtherPatientIDs: 'A\\B', StudyDate: '20261123' }))).toEqual({
    ok: true,
    value: {
      patientId: 'SYN-1',
      issuerOfPatientId: undefined,
      name: 'Synthetic^Film',
      family: 'Synthetic',
      given: 'Film',
      birthDate: '2020-02-29',
      sex: 'female',
      accessionNumber: undefined,
      studyDate: '2026-11-23',
      otherPatientIds: ['A', 'B'],
    },
  })
})

test('names of other scripts are read, control characters are not', () => {
  const nameIn = (name: string): string | undefined => {
    const identity = readIdentity(film({ PatientName: name }))
    return identity.ok ? identity.value.name : undefined
  }
  expect(nameIn('Люкceмбypг^Ä')).toBe('Люкceмбypг^Ä')
  expect(nameIn('=山田^太郎=やまだ^たろう')).toBe('山田^太郎')
  expect(nameIn('Synthetic^\u001b[31mRed\u0007')).toBe('Synthetic^31mRed')
  expect(nameIn('<script>alert(1)</script>')).toBe('<script>alert(1)</script>')
  expect(nameIn('^^^')).toBeUndefined()
})

test('a birth date that no calendar has counts as absent', () => {
  for (const PatientBirthDate of ['20210229', '2021', '99999999', '']) {
    expect(readIdentity(film({ PatientBirthDate }))).toMatchObject({
      value: { birthDate: undefined },
    })
  }
})

test('a picture names nobody', async () => {
  expect(readIdentity(pngOf())).toMatchObject({ ok: false, problem: { code: 'unknown-format' } })
})

test('what identifies is listed by keyword, in sequences too, and never by value', () => {
  const bytes = film({
    OtherPatientIDsSequence: [{ PatientID: 'SYN-2', IssuerOfPatientID: 'Elsewhere' }],
    InstitutionName: 'Synthetic Hospital',
    AccessionNumber: '',
  })
  const removed = removedElements(bytes)
  expect(removed).toEqual({
    ok: true,
    value: [
      'InstitutionName',
      'IssuerOfPatientID',
      'OtherPatientIDsSequence',
      'PatientBirthDate',
      'PatientID',
      'PatientName',
      'PatientSex',
      'SOPInstanceUID',
      'SeriesInstanceUID',
      'StudyInstanceUID',
    ],
  })
  expect(JSON.stringify(removed)).not.toMatch(/SYN|Synthetic/)
})

test('notes in a picture file are listed', async () => {
  const jpeg = await jpegOf()
  const note = Buffer.from('fffe000a53796e7468657469', 'hex')
  const noted = Buffer.concat([jpeg.subarray(0, 2), note, jpeg.subarray(2)])
  expect(removedElements(noted)).toEqual({ ok: true, value: ['Comment'] })
  expect(removedElements(jpeg)).toEqual({ ok: true, value: [] })
})

test('a turned photograph is read as it is stored, and says so', async () => {
  const jpeg = await jpegOf()
  const exif = Buffer.from(
    'ffe10022' +
      '457869660000' +
      '49492a0008000000' +
      '0100' +
      '120103000100000006000000' +
      '00000000',
    'hex',
  )
  const outcome = await readFilm(Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]))
  if (!outcome.ok) throw new Error(outcome.problem.code)
  expect(outcome.value.warnings.map(({ code }) => code)).toContain('orientation-ignored')
})

const chest = {
  source: 'dicom',
  rows: 200,
  columns: 220,
  colour: 0,
  modality: 'DX',
  bodyPart: 'CHEST',
  viewPosition: 'PA',
  photometricInterpretation: 'MONOCHROME2',
  bitsStored: 8,
  transferSyntaxUid: transferSyntaxUid.explicitLittleEndian,
  encoding: 'Explicit VR little endian',
  sopClassUid: undefined,
  studyInstanceUid: undefined,
  seriesInstanceUid: undefined,
  sopInstanceUid: undefined,
  numberOfFrames: 1,
  warnings: [],
} as const

test('the gate admits a frontal chest film, whatever its scanner calls the chest', () => {
  for (const bodyPart of ['CHEST', 'Thorax', 'CHEST PA', 'PORT_CHEST', undefined]) {
    expect(chestRadiographGate({ ...chest, bodyPart }).ok, bodyPart).toBe(true)
  }
  for (const modality of ['CR', 'DX', 'RG']) {
    expect(chestRadiographGate({ ...chest, modality, viewPosition: undefined }).ok).toBe(true)
  }
  expect(chestRadiographGate({ ...chest, source: 'jpeg', modality: undefined }).ok).toBe(true)
})

test('the gate refuses everything else by code', () => {
  const codeOf = (other: object): string => {
    const gate = chestRadiographGate({ ...chest, ...other })
    return gate.ok ? 'admitted' : gate.problem.code
  }
  for (const modality of ['MR', 'CT', 'MG', 'OT', undefined]) {
    expect(codeOf({ modality })).toBe('not-a-chest-radiograph')
  }
  for (const bodyPart of ['LEG', 'RIBS', 'THORAX SPINE', 'CHEST ABDOMEN', 'BREAST']) {
    expect(codeOf({ bodyPart }), bodyPart).toBe('not-a-chest-radiograph')
  }
  expect(codeOf({ viewPosition: 'LL' })).toBe('not-a-frontal-view')
  expect(codeOf({ numberOfFrames: 2 })).toBe('more-than-one-frame')
  expect(codeOf({ rows: 128 })).toBe('admitted')
  expect(codeOf({ rows: 127 })).toBe('too-small')
  expect(codeOf({ rows: 1_000, columns: 399 })).toBe('not-a-chest-radiograph')
  expect(codeOf({ source: 'png', colour: 0.03 })).toBe('not-a-chest-radiograph')
})

test('the area average of a picture has its mean', () => {
  const side = fc.integer({ min: 1, max: 30 })
  fc.assert(
    fc.property(side, side, side, side, (high, wide, columns, lines) => {
      const grey = Float32Array.from(
        { length: high * wide },
        (_, index) => ((index * 37) % 101) / 100,
      )
      const mean = (values: Float32Array): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length
      const average = areaAverage({ rows: high, columns: wide, grey }, columns, lines)
      expect(average).toHaveLength(columns * lines)
      expect(mean(average)).toBeCloseTo(mean(grey), 5)
    }),
  )
})

test('a pixel across a border counts on both sides by its parts', () => {
  const grey = Float32Array.of(0, 1, 0.5)
  const [left, right] = areaAverage({ rows: 1, columns: 3, grey }, 2, 1)
  expect(left).toBeCloseTo((0 + 0.5 * 1) / 1.5, 6)
  expect(right).toBeCloseTo((0.5 * 1 + 0.5) / 1.5, 6)
})

test('at its own size the area average is the picture', () => {
  const own = { rows, columns: picture.length / rows, grey: pictureGrey }
  expect(areaAverage(own, own.columns, rows)).toEqual(pictureGrey)
})

test('a rendered film is a grey PNG within the asked size, its ratio kept', async () => {
  const own = { rows, columns: picture.length / rows, grey: pictureGrey }
  const whole = decode(renderPng(own, { longestSideMax: 1_024 }))
  expect(whole).toMatchObject({ width: own.columns, height: rows, channels: 1, depth: 8 })
  expect(Array.from(whole.data)).toEqual(Array.from(picture))
  expect(decode(renderPng(own, { longestSideMax: 28 }))).toMatchObject({ width: 28, height: 20 })
})

test('a baseline JPEG is wrapped unchanged, byte for byte', async () => {
  const jpeg = await jpegOf()
  const wrapped = await wrapImage(jpeg, uids)
  if (!wrapped.ok) throw new Error(wrapped.problem.code)
  expect(Buffer.from(wrapped.value).includes(Buffer.from(jpeg))).toBe(true)
  const [asFile, inside] = [await readFilm(jpeg), await readFilm(wrapped.value)]
  if (!asFile.ok || !inside.ok) throw new Error('not read')
  expect(inside.value.grey).toEqual(asFile.value.grey)
  expect(inside.value).toMatchObject({
    transferSyntaxUid: transferSyntaxUid.jpegBaseline,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.7',
    ...uids,
  })
})

test('a progressive JPEG and a PNG are wrapped as uncompressed grey', async () => {
  const progressive = await jpegOf(picture, true)
  for (const image of [progressive, pngOf(), pngOf(3), pngOf(1, 16), pngOf(4, 16)]) {
    const wrapped = await wrapImage(image, { ...uids, kind: 'dx' })
    if (!wrapped.ok) throw new Error(wrapped.problem.code)
    const [asFile, inside] = [await readFilm(image), await readFilm(wrapped.value)]
    if (!asFile.ok || !inside.ok) throw new Error('not read')
    const worst = inside.value.grey.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (asFile.value.grey[index] ?? 9))),
      0,
    )
    expect(worst).toBeLessThan(1 / 255)
    expect(inside.value).toMatchObject({ modality: 'DX', photometricInterpretation: 'MONOCHROME2' })
  }
})

test('a wrapped picture carries the patient and the marks of a synthetic film', async () => {
  const patient = { patientId: 'SYN-3', name: 'Synthetic^Å', birthDate: '2020-02-29' }
  const options = { ...uids, patient: { ...patient, sex: 'male' as const }, synthetic: true }
  const wrapped = await wrapImage(pngOf(), options)
  if (!wrapped.ok) throw new Error(wrapped.problem.code)
  expect(readIdentity(wrapped.value)).toMatchObject({ value: { ...patient, sex: 'male' } })
  const text = Buffer.from(wrapped.value).toString('latin1')
  expect(text).toContain('SYNTHETIC: no real person')
  const plain = await wrapImage(pngOf(), uids)
  if (!plain.ok) throw new Error(plain.problem.code)
  expect(Buffer.from(plain.value).toString('latin1')).not.toMatch(/SYNTHETIC|\(0028,0301\)/)
})

test('what is neither PNG nor JPEG is not wrapped', async () => {
  expect(await wrapImage(film(), uids)).toMatchObject({ problem: { code: 'unknown-format' } })
  expect(await wrapImage(new Uint8Array(), uids)).toMatchObject({ problem: { code: 'empty' } })
  expect(await wrapImage(pngOf().subarray(0, 60), uids)).toMatchObject({
    problem: { code: 'truncated-pixels' },
  })
})

test('a data set with an unknown keyword is not written', () => {
  expect(() => writeDicom({ SOPClassUID: '1.2', SOPInstanceUID: '1.3', Nonsense: 'x' })).toThrow()
})

test('a written film is read by another reader as it was written', () => {
  const { parseDicom } = createRequire(import.meta.url)('dicom-parser') as {
    parseDicom(bytes: Uint8Array): {
      string(tag: string): string | undefined
      uint16(tag: string): number | undefined
      readonly elements: Readonly<Record<string, { readonly length: number }>>
    }
  }
  for (const syntax of ['', '.1', '.2', '.1.99']) {
    const read = parseDicom(Buffer.from(film({}, `1.2.840.10008.1.2${syntax}`)))
    expect(read.string('x00080060')).toBe('DX')
    expect(read.uint16('x00280010')).toBe(rows)
    expect(read.elements['x7fe00010']?.length).toBe(picture.length)
  }
})

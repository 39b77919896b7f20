import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { areaAverage, readFilm } from '@sealward/imaging'
import { inputSide } from '../network/parameters.ts'

/** Pictures that DICOM files hold, as the model would be shown them. */
export interface Pictures {
  /** Path below `imaging/dicom`. */
  readonly names: readonly string[]
  readonly modalities: readonly (string | undefined)[]
  readonly pixels: Float32Array
  /** Files whose picture cannot be read; the platform refuses them before any gate. */
  readonly unreadable: number
}

/** Reads the first frame of every DICOM file below a folder of `imaging/dicom`. */
export async function readPictures(shared: string, folder: string): Promise<Pictures> {
  const root = join(shared, 'imaging', 'dicom')
  const files = existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : []
  const names: string[] = []
  const modalities: (string | undefined)[] = []
  const tensors: Float32Array[] = []
  for (const file of files) {
    const film = await readFilm(readFileSync(file))
    if (!film.ok) continue
    names.push(file.slice(root.length + 1))
    modalities.push(film.value.modality)
    tensors.push(areaAverage(film.value, inputSide, inputSide))
  }
  const pixels = new Float32Array(tensors.length * inputSide * inputSide)
  tensors.forEach((tensor, index) => {
    pixels.set(tensor, index * tensor.length)
  })
  return { names, modalities, pixels, unreadable: files.length - names.length }
}

/**
 * The chest films among `dicom/real`, by name: three of adults. All the others there show something
 * else; the dog's thorax counts as something else.
 */
export function isHumanChest(name: string): boolean {
  return /(^|\/)cxr-/.test(name)
}

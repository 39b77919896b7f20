/**
 * The WebAssembly codecs: JPEG (libjpeg-turbo), JPEG-LS (CharLS) and JPEG 2000 (OpenJPEG).
 *
 * They are CommonJS modules that read their `.wasm` beside them. From source they are found in
 * node_modules; in a bundle, in the folder `codecs` beside it (see `build.ts`).
 *
 * @module
 */

import { createRequire } from 'node:module'
import { fail } from './refusal.ts'

/** Which codec. */
export type CodecName = keyof typeof codecFiles

/** Name in node_modules and file in a bundle, for each codec. */
export const codecFiles = {
  jpeg: {
    module: '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs',
    wasm: '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm',
    decoder: 'JPEGDecoder',
  },
  'jpeg-ls': {
    module: '@cornerstonejs/codec-charls/decodewasmjs',
    wasm: '@cornerstonejs/codec-charls/decodewasm',
    decoder: 'JpegLSDecoder',
  },
  'jpeg-2000': {
    module: '@cornerstonejs/codec-openjpeg/decodewasmjs',
    wasm: '@cornerstonejs/codec-openjpeg/decodewasm',
    decoder: 'J2KDecoder',
  },
} as const

/** Samples as a codec gave them: interleaved by pixel, or as planes; one or two bytes, little-endian. */
export interface Decoded {
  readonly rows: number
  readonly columns: number
  readonly components: number
  readonly bitsPerSample: number
  readonly planar: boolean
  readonly bytes: Uint8Array
}

/** Decodes a codestream whose header was looked at before. Refuses with `malformed-pixels`. */
export async function decodeWith(name: CodecName, codestream: Uint8Array): Promise<Decoded> {
  const Decoder = await decoderOf(name)
  let decoder: Decoder | undefined
  try {
    decoder = new Decoder()
    decoder.getEncodedBuffer(codestream.length).set(codestream)
    decoder.decode()
    const info = decoder.getFrameInfo()
    const bytes = new Uint8Array(decoder.getDecodedBuffer())
    const planar = name === 'jpeg-ls' && decoder.getInterleaveMode?.() === 0
    decoder.delete()
    return {
      rows: info.height,
      columns: info.width,
      components: info.componentCount,
      bitsPerSample: info.bitsPerSample,
      planar: planar && info.componentCount > 1,
      bytes,
    }
  } catch (error) {
    // Whatever a codec throws (numbers, C++ exceptions, WebAssembly traps) is about these bytes. Its
    // memory may be in any state by now: the next picture gets a new one.
    loaded.delete(name)
    const outOfMemory = error instanceof RangeError && /memory|allocation/i.test(error.message)
    return outOfMemory
      ? fail('out-of-memory', '(7fe0,0010)', 'the picture does not fit into memory')
      : fail('malformed-pixels', '(7fe0,0010)', 'the codestream does not decode')
  }
}

interface FrameInfo {
  readonly width: number
  readonly height: number
  readonly bitsPerSample: number
  readonly componentCount: number
}

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array
  getDecodedBuffer(): Uint8Array
  getFrameInfo(): FrameInfo
  getInterleaveMode?(): number
  decode(): void
  delete(): void
}

type DecoderClass = new () => Decoder
type Factory = (
  options: Readonly<Record<'print' | 'printErr', () => void>>,
) => Promise<Readonly<Record<string, DecoderClass>>>

const loaded = new Map<CodecName, Promise<DecoderClass>>()

function decoderOf(name: CodecName): Promise<DecoderClass> {
  const known = loaded.get(name)
  if (known !== undefined) return known
  const loading = load(name)
  loaded.set(name, loading)
  return loading
}

async function load(name: CodecName): Promise<DecoderClass> {
  const { module, decoder } = codecFiles[name]
  const fromHere = createRequire(import.meta.url)
  const isSource = import.meta.url.endsWith('.ts')
  const factory = fromHere(isSource ? module : `./codecs/${name}.cjs`) as Factory
  // OpenJPEG tells what it reads on standard output.
  const silent = (): void => {}
  const codec = await factory({ print: silent, printErr: silent })
  const found = codec[decoder]
  if (found === undefined) throw new Error(`codec ${name} has no ${decoder}`)
  return found
}

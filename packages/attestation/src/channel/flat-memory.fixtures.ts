/**
 * Streams a request up and the same bytes down again, sealed, and writes what that took. Its first argument is how
 * many MiB.
 *
 * @module
 */

import {
  createReplayWindow,
  decodeRequestStream,
  decodeResponseStream,
  encodeRequestStream,
  encodeResponseStream,
  generateKeyConfig,
  openChunkedRequest,
  openChunkedResponse,
  type Random,
  sealChunkedRequest,
  sealChunkedResponse,
} from './index.ts'

const mebibyte = 1_048_576
const total = Number(process.argv[2]) * mebibyte
const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }

async function* generated(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < total; sent += 65_536) yield new Uint8Array(65_536).fill(sent % 251)
}

function accepted<T>(result: { ok: true; value: T } | { ok: false; problem: { code: string } }): T {
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}

const key = await generateKeyConfig({ keyId: 1, random })
const request = encodeRequestStream(
  { method: 'POST', scheme: 'https', authority: '', path: '/studies', headers: [] },
  generated(),
  { contentLength: total },
)
const before = process.memoryUsage()
const sealed = accepted(await sealChunkedRequest({ config: key.config, random, request }))
const opened = accepted(
  await openChunkedRequest({
    keys: [key],
    message: sealed.message,
    replay: createReplayWindow(),
  }),
)
const decoded = accepted(await decodeRequestStream(opened.request))
const answer = await sealChunkedResponse({
  exchange: opened.exchange,
  response: encodeResponseStream({ status: 200, headers: [] }, decoded.body),
  random,
})
const received = accepted(await openChunkedResponse({ exchange: sealed.exchange, message: answer }))
const response = accepted(await decodeResponseStream(received))

let [length, count, peak] = [0, 0, 0]
for await (const piece of response.body) {
  length += piece.length
  if (count++ % 64 > 0) continue
  const { heapUsed, external } = process.memoryUsage()
  peak = Math.max(peak, heapUsed + external)
}
const grown = peak - before.heapUsed - before.external
process.stdout.write(JSON.stringify({ length, grownMebibytes: Math.round(grown / mebibyte) }))

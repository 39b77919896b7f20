import { utf8Of } from '@sealward/attestation/bytes'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type BundledPiece, encodeBundle, parseBundle } from './bundle.ts'
import { createBundleSource } from './bundle-source.ts'
import { createCachedSource } from './cached-source.ts'
import { createEndorsementsClient, type EndorsementsClient } from './endorsements-client.ts'
import { createRemoteSource } from './remote-source.ts'
import { generateKdsBytes, reportOf, startSampleKds } from './sample-kds.fixtures.ts'
import { day, openWorld, start, type World } from './world.fixtures.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const chipId = 'ab'.repeat(64)
const query = 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219'

async function onlineClient(): Promise<EndorsementsClient> {
  const { proxy, clock, sleep } = world
  const kds = world.opening(
    await startSampleKds({ product: 'Milan', chipId, query }, await generateKdsBytes(start)),
  )
  const source = createRemoteSource({
    pcs: { baseUrl: proxy.url },
    kds: { baseUrl: kds.url },
    clock,
    sleep,
  })
  return world.opening(createEndorsementsClient(createCachedSource({ source, clock })))
}

async function bundled(
  client: EndorsementsClient,
  ...evidence: readonly Uint8Array[]
): Promise<Uint8Array> {
  const pieces: BundledPiece[] = []
  for (const one of evidence) {
    const found = await client.piecesFor(one)
    if (!found.ok) throw new Error(found.problem.code)
    pieces.push(...found.value)
  }
  return encodeBundle({ createdAt: start, pieces })
}

function offlineClient(file: Uint8Array): EndorsementsClient {
  const bundle = parseBundle(file)
  if (!bundle.ok) throw new Error(bundle.problem.code)
  return createEndorsementsClient(createBundleSource({ bundle: bundle.value, clock: world.clock }))
}

test('a bundle answers as the services do, without them', async () => {
  const { quote, proxy, vendor } = world
  const online = await onlineClient()
  const file = await bundled(online, quote, reportOf({}))
  const [sgx, snp] = [
    await online.endorsementsFor(quote),
    await online.snpEndorsementsFor(reportOf({})),
  ]
  const asked = proxy.targets.length
  const offline = offlineClient(file)
  const found = await offline.endorsementsFor(quote)
  if (!found.ok) throw new Error(found.problem.code)
  expect(found).toEqual(sgx)
  expect(await offline.snpEndorsementsFor(reportOf({}))).toEqual(snp)
  expect(proxy.targets).toHaveLength(asked)
  expect(
    await verifySgxEvidence({
      quote,
      endorsements: found.value,
      roots: [vendor.rootSpkiSha256],
      at: start,
    }),
  ).toMatchObject({ ok: true, value: { tcbStatus: 'UpToDate' } })
})

test('what is not in a bundle is missing; what has run out is told apart', async () => {
  const { quote, time } = world
  const offline = offlineClient(await bundled(await onlineClient(), quote))
  expect(await offline.endorsementsFor(quote, 'early')).toMatchObject({
    problem: { code: 'endorsements-missing' },
  })
  expect(await offline.snpEndorsementsFor(reportOf({}))).toMatchObject({
    problem: { code: 'endorsements-missing' },
  })
  time.now = start + 7 * day
  expect(await offline.endorsementsFor(quote)).toMatchObject({
    problem: { code: 'endorsements-expired' },
  })
})

test('a bundle that was changed does not verify, though it can be read', async () => {
  const { quote, vendor } = world
  const file = await bundled(await onlineClient(), quote)
  const text = Buffer.from(file).toString()
  const body = /"target": "[^"]*\/tcb\?[^"]*",\s*"body": "([^"]*)"/.exec(text)?.[1] ?? ''
  const forged = Buffer.from(
    Buffer.from(body, 'base64').toString().replaceAll('"OutOfDate"', '"UpToDate"'),
  ).toString('base64')
  const later = Buffer.from(
    Buffer.from(body, 'base64')
      .toString()
      .replace(/"nextUpdate":"20../, '"nextUpdate":"2099'),
  ).toString('base64')
  const changed = [forged, later].filter((one) => one !== body)
  expect(changed.length).toBeGreaterThan(0)
  for (const one of changed) {
    const endorsements = await offlineClient(utf8Of(text.replace(body, one))).endorsementsFor(quote)
    if (!endorsements.ok) throw new Error(endorsements.problem.code)
    expect(
      await verifySgxEvidence({
        quote,
        endorsements: endorsements.value,
        roots: [vendor.rootSpkiSha256],
        at: start,
      }),
    ).toMatchObject({ problem: { code: 'tcb-info-signature' } })
  }
})

test('a file of another form is refused by code', async () => {
  const { quote } = world
  const file = await bundled(await onlineClient(), quote)
  const text = Buffer.from(file).toString()
  const codeOf = (changed: string): string => {
    const bundle = parseBundle(utf8Of(changed))
    return bundle.ok ? 'read' : bundle.problem.code
  }
  expect(codeOf(text)).toBe('read')
  expect(codeOf(text.slice(0, -2))).toBe('json-malformed')
  expect(codeOf('[]')).toBe('wrong-type')
  expect(codeOf('{}')).toBe('field-missing')
  expect(codeOf('[[[[[[]]]]]]')).toBe('json-too-deep')
  expect(codeOf(text.replace('sealward-endorsements-1', 'sealward-endorsements-2'))).toBe(
    'wrong-value',
  )
  expect(codeOf(text.replace('{', '{"more": 1,'))).toBe('field-unknown')
  expect(codeOf(text.replace(/"createdAt": \d+/, '"createdAt": -1'))).toBe('wrong-value')
  expect(codeOf(text.replace('"target": "', '"target": "http://host'))).toBe('wrong-value')
  expect(codeOf(text.replace('/tcb?fmspc=', '/tcb?update=standard&fmspc='))).toBe('wrong-value')
  expect(codeOf(text.replace('ca=platform', 'ca=processor'))).toBe('read')
  expect(codeOf(text.replace(/"body": "..../, '"body": "!!!!'))).toBe('wrong-value')
  expect(codeOf(text.replace(/"body": "..../, '"body": "AAAA'))).toBe('endorsements-malformed')
  expect(codeOf(text.replace('-----BEGIN', '-----BEGUN'))).toBe('endorsements-malformed')
  const [first = ''] = /\{\s*"target"[^}]*\}/.exec(text) ?? []
  expect(codeOf(text.replace(first, `${first},${first}`))).toBe('wrong-value')
})

test('every truncation of a bundle is refused', async () => {
  const file = await bundled(await onlineClient(), world.quote)
  for (let length = file.length - 2; length >= 0; length -= 97) {
    expect(parseBundle(file.subarray(0, length)).ok).toBe(false)
  }
})

test('no JSON makes it throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(parseBundle(utf8Of(JSON.stringify(value))).ok).toBe(false)
    }),
  )
})

/** Whoever is not what it says, at both ends of a connection: each is refused by name, and none gets or gives a byte. */

import { createPrivateKey, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect as connectPlain, createServer as createPlain } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { verifyPeer } from '@sealward/attestation/channel'
import {
  encodeRaTlsEvidence,
  evidenceOfCertificate,
  type InitTimeData,
  parseEvidenceDocument,
  parseRaTlsCertificate,
  raTlsOids,
} from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../effects/index.ts'
import type { Identity, TlsIdentity } from '../identity/index.ts'
import { createTlsIdentity, createTlsKey } from '../identity/tls-identity.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import { encodeFrame, readFrame } from './frame.ts'
import {
  type AttestedListener,
  attestConnections,
  attestedServerOptions,
  connectAttested,
  listenAttested,
} from './index.ts'
import { sessionBytes } from './session-proof.ts'

let at = systemClock.now()
const clock: Clock = { now: () => at }
const elsewhere = 'urn:uuid:00000000-0000-4000-8000-000000000002'
let vendor: SampleVendor
let service: TestAttestationService
/** Who asks and who answers, as they should be. */
let platform: TestWorkload
let provider: TestWorkload
let listener: AttestedListener
const refused: string[] = []
let received = ''
const undo: (() => unknown)[] = []

beforeAll(async () => {
  vendor = await createSampleVendor({ at })
  service = await startAttestationService(vendor, clock)
  undo.push(() => service.close())
  platform = await workload({ role: 'platform' })
  provider = await workload({ role: 'diagnostics' })
  listener = await listenAttested({
    attested: provider.attested,
    clients: ['platform'],
    onRefused: ({ code }) => void refused.push(code),
    onConnection: (socket) => {
      socket.on('data', (chunk) => {
        received += String(chunk)
        socket.end('answered')
      })
    },
  })
  undo.push(() => listener.close(0))
})
afterAll(async () => {
  for (const each of undo.reverse()) await each()
})

async function workload(
  initTimeData: Partial<InitTimeData>,
  more: Partial<Parameters<typeof createTestWorkload>[0]> = {},
): Promise<TestWorkload> {
  const { role = 'platform' } = initTimeData
  const peers = [sampleExpectation(role === 'platform' ? 'diagnostics' : 'platform')]
  const made = await createTestWorkload({
    vendor,
    service,
    clock,
    role,
    peers,
    initTimeData,
    ...more,
  })
  undo.push(() => made.close())
  return made
}

/** The same as `workload`, but for what it shows and signs. */
function posing(
  as: Pick<TestWorkload, 'attested'>,
  changes: Partial<Identity>,
): TestWorkload['attested'] {
  const { identity } = as.attested
  const tls = changes.tls ?? identity.tls
  return {
    ...as.attested,
    identity: { sign: identity.sign, onTls: identity.onTls, shownTls: () => tls, ...changes, tls },
  }
}

const meet = (
  attested: TestWorkload['attested'],
  port: number,
): ReturnType<typeof connectAttested> =>
  connectAttested(attested, { host: '127.0.0.1', port, role: 'diagnostics' })

/** What the listener said of a client, and what the client heard. */
async function asClient(attested: TestWorkload['attested']): Promise<readonly unknown[]> {
  refused.length = 0
  const met = await meet(attested, listener.port)
  if (met.ok) {
    met.value.socket.destroy()
    return ['let in']
  }
  await expect.poll(() => refused.length).toBeGreaterThan(0)
  const { code, detail } = met.problem
  return [code, /\((.*)\)/.exec(detail)?.[1], refused[0]]
}

/** What the platform says of a server, and what that server was sent after its handshake. */
async function asServer(
  attested: TestWorkload['attested'],
): Promise<readonly [code: string, sent: string]> {
  let sent = ''
  const impostor = await listenAttested({
    attested,
    clients: ['platform'],
    onConnection: (socket) => socket.on('data', (chunk) => (sent += String(chunk))),
  })
  const met = await meet(platform.attested, impostor.port)
  if (met.ok) met.value.socket.write('pixels')
  await impostor.close(0)
  return [met.ok ? 'let in' : met.problem.code, sent]
}

test('a genuine platform is let in by a genuine provider, which it believes', async () => {
  expect(await asClient(platform.attested)).toEqual(['let in'])
  expect((await asServer(provider.attested))[0]).toBe('let in')
})

describe('diversion: a genuine enclave of the same code', () => {
  test('of another deployment, on another platform, is refused as client and as server', async () => {
    const otherVendor = await createSampleVendor({ at })
    for (const changes of [
      { deployment: elsewhere },
      { deployment: elsewhere, roots: [otherVendor.rootSpkiSha256] },
    ]) {
      const client = await workload({ role: 'platform', ...changes })
      const trusting = { ...client.attested, peers: platform.attested.peers }
      expect(await asClient(trusting)).toEqual([
        'refused-by-peer',
        'wrong-deployment',
        'wrong-deployment',
      ])
      const server = await workload({ role: 'diagnostics', ...changes })
      expect(await asServer({ ...server.attested, peers: provider.attested.peers })).toEqual([
        'wrong-deployment',
        '',
      ])
    }
  })

  test('on a machine whose vendor nobody trusts is refused', async () => {
    const otherVendor = await createSampleVendor({ at })
    const client = await workload({ role: 'platform' }, { vendor: otherVendor })
    const trusting = { ...client.attested, peers: platform.attested.peers }
    const [code, , said] = await asClient(trusting)
    expect([code, said]).toEqual(['refused-by-peer', expect.any(String)])
    const server = await workload({ role: 'diagnostics' }, { vendor: otherVendor })
    const [told, sent] = await asServer({ ...server.attested, peers: provider.attested.peers })
    expect([told === 'let in', sent]).toEqual([false, ''])
  })

  test('of another role, another build, or with another configuration is refused', async () => {
    const other = await workload({ role: 'cache-gateway' })
    expect(await asClient({ ...other.attested, peers: platform.attested.peers })).toEqual([
      'refused-by-peer',
      'wrong-role',
      'wrong-role',
    ])
    const meant = sampleExpectation('platform', { configId: ['0'.repeat(64)] })
    const strict = await workload({ role: 'diagnostics' }, { peers: [meant] })
    const configured = await strict.attested.peers.verify(platform.identity.tls.certificate, [
      'platform',
    ])
    expect(configured).toMatchObject({ problem: { code: 'configuration' } })
    const built = sampleExpectation('platform', { mrEnclave: ['0'.repeat(64)] })
    const picky = await workload({ role: 'diagnostics' }, { peers: [built] })
    expect(
      await picky.attested.peers.verify(platform.identity.tls.certificate, ['platform']),
    ).toMatchObject({ problem: { code: 'measurement' } })
  })
})

describe('relay: evidence of a genuine enclave', () => {
  const certificateOf = (
    shown: TlsIdentity,
    key = createTlsKey(),
    evidence = evidenceIn(shown),
  ): TlsIdentity =>
    createTlsIdentity({
      commonName: 'sealward platform',
      at,
      random: systemRandom,
      key,
      notAfter: shown.notAfter ?? at + 7200,
      evidence,
    })

  test('in a certificate of somebody else is refused: its key is another', async () => {
    const client = certificateOf(platform.identity.tls)
    expect(await asClient(posing(platform, { tls: client }))).toEqual([
      'refused-by-peer',
      'ra-tls-public-key-binding',
      'ra-tls-public-key-binding',
    ])
    const server = certificateOf(provider.identity.tls)
    expect(await asServer(posing(provider, { tls: server }))).toEqual([
      'ra-tls-public-key-binding',
      '',
    ])
  })

  test('with the key of its certificate, but not its identity key, is refused', async () => {
    const thief = await workload({ role: 'platform' })
    const { sign } = thief.identity
    expect(await asClient(posing(platform, { sign }))).toEqual([
      'refused-by-peer',
      'session-proof',
      'session-proof',
    ])
    expect(await asServer(posing(provider, { sign }))).toEqual(['session-proof', ''])
  })

  test('with that key too, in the middle, passing on what both sides say, is refused by both', async () => {
    // The middle holds the certificate's key of either side, and has each of them prove itself.
    const passedOn: string[] = []
    const middle = createServer(attestedServerOptions(provider.identity.tls), (near) => {
      near.on('error', () => {})
      const own = platform.identity.tls
      const far = connect({
        host: '127.0.0.1',
        port: listener.port,
        key: own.privateKeyPem,
        cert: own.certificatePem,
        rejectUnauthorized: false,
      })
      far.on('error', () => near.destroy())
      far.on('close', () => near.destroy())
      near.on('data', (chunk) => {
        passedOn.push('to the server')
        far.write(chunk)
      })
      far.on('data', (chunk) => {
        passedOn.push('to the client')
        near.write(chunk)
      })
    })
    const port = await listening(middle)
    refused.length = 0
    received = ''
    const met = await meet(platform.attested, port)
    expect(met).toMatchObject({ ok: false, problem: { code: 'refused-by-peer' } })
    expect(refused).toEqual(['session-proof'])
    expect(passedOn).toContain('to the server')
    expect(received).toBe('')
  })

  test('with a proof of another connection, or the other side’s own, is refused', async () => {
    const old = await meet(platform.attested, listener.port)
    if (!old.ok) throw new Error(old.problem.code)
    const certificates = {
      client: platform.identity.tls.certificate,
      server: provider.identity.tls.certificate,
    }
    const proof = await platform.identity.sign(
      sessionBytes(old.value.socket, 'client', certificates),
    )
    old.value.socket.destroy()
    expect(await asClient(posing(platform, { sign: async () => proof }))).toEqual([
      'refused-by-peer',
      'session-proof',
      'session-proof',
    ])
    // A server that gives back what it was sent.
    const mirror = createServer(attestedServerOptions(provider.identity.tls), async (socket) => {
      socket.on('error', () => {})
      const frame = await readFrame(socket)
      if (frame.ok) socket.write(encodeFrame('proof', frame.value.content))
    })
    expect(await meet(platform.attested, await listening(mirror))).toMatchObject({
      problem: { code: 'session-proof' },
    })
  })

  test('out of a certificate, shown to whoever asks for evidence, is refused by who verifies a peer, and by the portal', async () => {
    const { tls } = platform.identity
    const endorsements = await vendor.endorsements({ at, lifetimeSeconds: 3600 })
    const document = evidenceOfCertificate(tls.certificate, endorsements)
    if (!document.ok) throw new Error(document.problem.code)
    const { issuer, signer, policyHash } = service
    const verified = async (
      shown: object,
      nonce = systemRandom.bytes(32),
      more: object = {},
    ): Promise<string> => {
      const peer = await verifyPeer({
        document: shown,
        token: undefined,
        nonce,
        deployment: platform.identity.deployment,
        expectation: sampleExpectation('platform'),
        roots: [vendor.rootSpkiSha256],
        attestation: {
          issuer,
          jwks: { keys: [] },
          signers: [signer],
          policyHashes: [policyHash],
          denyList: { unchecked: 'nothing gets so far' },
        },
        at,
        development: true,
        ...more,
      })
      return peer.ok ? 'believed' : peer.problem.code
    }
    // The nonce in it was nobody's who asks.
    expect(await verified(document.value)).toBe('nonce-mismatch')
    const read = parseEvidenceDocument(document.value)
    if (!read.ok) throw new Error(read.problem.code)
    const own = bytesOfBase64Url(read.value.runtimeData.nonce)
    const certificateSha256 = tls.certificateSha256
    expect(await verified(document.value, own, { certificateSha256 })).toBe('certificate-mismatch')
    // Nor can what was asked for be put in its place.
    const asked = await platform.identity.evidence(systemRandom.bytes(32))
    if (!asked.ok) throw new Error(asked.problem.code)
    const other = await provider.identity.evidence(systemRandom.bytes(32))
    if (!other.ok) throw new Error(other.problem.code)
    const { runtimeData } = asked.value
    const { initTimeData } = other.value
    for (const part of [{ runtimeData }, { initTimeData }]) {
      expect(await verified({ ...document.value, ...part })).toBe('runtime-data-binding')
    }
    const { claims: _, ...without } = document.value
    expect(await verified(without)).toBe('runtime-data-binding')
    expect(await verified({ ...asked.value, claims: document.value.claims })).toBe(
      'runtime-data-binding',
    )
  })

  test('that was made for whoever asked, in a certificate, is refused', async () => {
    const { quote } = await platform.identity.quoted(systemRandom.bytes(32))
    const { claimsBytes } = raTlsIn(platform.identity.tls)
    const tls = certificateOf(
      platform.identity.tls,
      createTlsKey(),
      encodeRaTlsEvidence(quote, claimsBytes),
    )
    expect((await asClient(posing(platform, { tls })))[2]).toBe('runtime-data-binding')
  })

  test('whose dates were drawn out by who holds its key is refused', async () => {
    const { privateKeyPem } = platform.identity.tls
    const privateKey = createPrivateKey(privateKeyPem)
    const spki = new Uint8Array(
      createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' }),
    )
    const longer = createTlsIdentity({
      commonName: 'sealward platform',
      at,
      random: systemRandom,
      key: { privateKey, spki },
      notAfter: at + 80_000,
      evidence: evidenceIn(platform.identity.tls),
    })
    expect(await asClient(posing(platform, { tls: longer }))).toEqual([
      'refused-by-peer',
      'ra-tls-validity',
      'ra-tls-validity',
    ])
  })
})

describe('no attested peer at all', () => {
  const plainIdentity = (): TlsIdentity =>
    createTlsIdentity({ commonName: 'anybody', at, random: systemRandom })

  test('a certificate without evidence is refused', async () => {
    const tls = plainIdentity()
    expect(await asClient(posing(platform, { tls }))).toEqual([
      'refused-by-peer',
      'ra-tls-no-evidence',
      'ra-tls-no-evidence',
    ])
    expect(await asServer(posing(provider, { tls }))).toEqual(['ra-tls-no-evidence', ''])
  })

  test('a certificate whose evidence cannot be read is refused', async () => {
    const evidence = Uint8Array.of(0xd9, 0xea, 0x60, 0x80)
    const tls = createTlsIdentity({ commonName: 'a', at, random: systemRandom, evidence })
    expect(await asClient(posing(platform, { tls }))).toEqual([
      'refused-by-peer',
      'ra-tls-malformed',
      'ra-tls-malformed',
    ])
    expect(await asServer(posing(provider, { tls }))).toEqual(['ra-tls-malformed', ''])
  })

  test('a certificate that has ended, or has not begun, is refused', async () => {
    const start = at
    const client = (await workload({ role: 'platform' })).identity
    const server = (await workload({ role: 'diagnostics' })).identity
    at = start + 7200
    const peers = await workload({ role: 'platform' })
    const provided = await workload({ role: 'diagnostics' })
    expect(
      await provided.attested.peers.verify(client.tls.certificate, ['platform']),
    ).toMatchObject({ problem: { code: 'certificate-expired' } })
    expect(
      await peers.attested.peers.verify(server.tls.certificate, ['diagnostics']),
    ).toMatchObject({ problem: { code: 'certificate-expired' } })
    at = start + 7199
    expect(
      await provided.attested.peers.verify(client.tls.certificate, ['platform']),
    ).toMatchObject({ ok: true })
    at = start
    const later = { now: () => start + 3600 + 61 }
    const early = await workload({ role: 'platform' }, { clock: later })
    const { certificate } = early.identity.tls
    expect(await provided.attested.peers.verify(certificate, ['platform'])).toMatchObject({
      problem: { code: 'certificate-not-yet-valid' },
    })
  })

  test('a client without a certificate is refused', async () => {
    expect(await heard({})).toEqual(['certificate-missing', 'certificate-missing'])
  })

  test('TLS 1.2, and what is no TLS, are refused on both sides', async () => {
    const { privateKeyPem: key, certificatePem: cert } = platform.identity.tls
    expect(await heard({ key, cert, maxVersion: 'TLSv1.2' })).toEqual(['', 'tls-handshake'])
    const own = provider.identity.tls
    const old = createServer({
      key: own.privateKeyPem,
      cert: own.certificatePem,
      maxVersion: 'TLSv1.2',
    })
    expect(await meet(platform.attested, await listening(old))).toMatchObject({
      problem: { kind: 'refused', code: 'tls-handshake' },
    })
    const plain = createPlain((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
    expect(await meet(platform.attested, await listening(plain))).toMatchObject({
      problem: { kind: 'refused', code: 'tls-handshake' },
    })
    refused.length = 0
    const socket = connectPlain({ host: '127.0.0.1', port: listener.port })
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n\r\n')
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    expect(refused).toEqual(['tls-handshake'])
  })

  test('a request instead of a proof, with it, or before its answer, is not read', async () => {
    received = ''
    const { privateKeyPem: key, certificatePem: cert } = platform.identity.tls
    expect(await heard({ key, cert }, () => Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toEqual([
      'session-proof-missing',
      'session-proof-missing',
    ])
    const certificates = {
      client: platform.identity.tls.certificate,
      server: provider.identity.tls.certificate,
    }
    const proved = async (socket: TLSSocket): Promise<Uint8Array> =>
      encodeFrame(
        'proof',
        await platform.identity.sign(sessionBytes(socket, 'client', certificates)),
      )
    expect(
      await heard({ key, cert }, async (socket) =>
        Buffer.concat([await proved(socket), Buffer.from('pixels')]),
      ),
    ).toEqual(['early-data', 'early-data'])
    expect(received).toBe('')
  })

  test('a session is not resumed, and refused by a server that would', async () => {
    const { privateKeyPem: key, certificatePem: cert } = platform.identity.tls
    const options = { host: '127.0.0.1', key, cert, rejectUnauthorized: false }
    /** Whether a server takes back what it gave out to be resumed with. */
    const isResumed = async (port: number): Promise<boolean> => {
      const first = connect({ ...options, port })
      first.on('error', () => {})
      first.resume()
      const [session] = (await once(first, 'session')) as [Buffer]
      first.destroy()
      const second = connect({ ...options, port, session })
      second.on('error', () => {})
      await once(second, 'secureConnect')
      const isReused = second.isSessionReused()
      second.write(Buffer.of(0))
      second.resume()
      await once(second, 'close')
      return isReused
    }
    expect(await isResumed(listener.port)).toBe(false)
    // With a small certificate: Node keeps no session that has more than 10 kB.
    const careless = createServer({ ...attestedServerOptions(plainIdentity()), secureOptions: 0 })
    refused.length = 0
    attestConnections(careless, {
      attested: provider.attested,
      clients: ['platform'],
      onRefused: ({ code }) => void refused.push(code),
    })
    expect(await isResumed(await listening(careless))).toBe(true)
    expect(refused).toContain('session-resumed')
  })

  test('who says nothing after the handshake does not hold up anybody else', async () => {
    const { privateKeyPem: key, certificatePem: cert } = platform.identity.tls
    const silent = connect({
      host: '127.0.0.1',
      port: listener.port,
      key,
      cert,
      rejectUnauthorized: false,
    })
    await new Promise((resolve) => silent.once('secureConnect', resolve))
    expect(await asClient(platform.attested)).toEqual(['let in'])
    silent.destroy()
  })
})

/** Connects without being an attested client, sends what `say` makes; what came back, and what the listener said. */
async function heard(
  options: ConnectionOptions,
  say: (socket: TLSSocket) => Uint8Array | Promise<Uint8Array> = () => new Uint8Array(),
): Promise<readonly [code: string, refused: string | undefined]> {
  refused.length = 0
  const socket = connect({
    host: '127.0.0.1',
    port: listener.port,
    rejectUnauthorized: false,
    ...options,
  })
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.once('secureConnect', async () => socket.write(await say(socket)))
  await new Promise((resolve) => socket.once('close', resolve))
  return [text.slice(2), refused[0]]
}

async function listening(server: ReturnType<typeof createPlain>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** The evidence in a certificate of ours. */
function raTlsIn({ certificate }: TlsIdentity): { readonly claimsBytes: Uint8Array } {
  const parsed = parseRaTlsCertificate(certificate)
  if (!parsed.ok || parsed.value.form !== 'dice') throw new Error('no evidence')
  return parsed.value
}

/** Value of the extension that carries evidence, as it stands in a certificate. */
function evidenceIn({ certificate }: TlsIdentity): Uint8Array {
  const parsed = parseRaTlsCertificate(certificate)
  const found =
    parsed.ok &&
    parsed.value.certificate.extensions.find(({ oid }) => oid === raTlsOids.evidence)?.value
  if (!found) throw new Error('no evidence')
  return found
}

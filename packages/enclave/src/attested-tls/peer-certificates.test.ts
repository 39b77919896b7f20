/** What a certificate of a stranger may cost, and what others get of its verification. */

import { createPrivateKey, createPublicKey } from 'node:crypto'
import {
  encodeRaTlsEvidence,
  type InitTimeData,
  type PeerExpectation,
  parseRaTlsCertificate,
  type TeeRole,
} from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../effects/index.ts'
import type { PcsClient } from '../endorsements/index.ts'
import type { TlsIdentity } from '../identity/index.ts'
import { createTlsIdentity } from '../identity/tls-identity.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import { endorsementsOf } from '../testing/sample.ts'
import { attestedTlsLimits } from './limits.ts'
import { createPeerCertificates, type PeerCertificates } from './peer-certificates.ts'

let at = systemClock.now()
const start = at
const clock: Clock = { now: () => at }
let vendor: SampleVendor
let service: TestAttestationService
let platform: TestWorkload
let provider: TestWorkload
const undo: (() => unknown)[] = []
/** What the verification of strangers asked of others. */
let asked = { endorsements: 0, attestation: 0 }

beforeAll(async () => {
  vendor = await createSampleVendor({ at })
  service = await startAttestationService(vendor, clock)
  undo.push(() => service.close())
  platform = await workload({ role: 'platform' })
  provider = await workload({ role: 'diagnostics' })
})
beforeEach(() => {
  at = start
  service.asked.length = 0
  asked = { endorsements: 0, attestation: 0 }
})
afterAll(async () => {
  for (const each of undo.reverse()) await each()
})

async function workload(
  initTimeData: Partial<InitTimeData>,
  more: { readonly vendor?: SampleVendor } = {},
): Promise<TestWorkload> {
  const { role = 'platform' } = initTimeData
  const peers: TeeRole[] = [role === 'platform' ? 'diagnostics' : 'platform']
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

/** What the provider believes, with nothing remembered; `vouching` has its endorsements. */
function peersOf(
  expectation: PeerExpectation = sampleExpectation('platform'),
  vouching: Pick<PcsClient, 'endorsementsFor'> = endorsementsOf(vendor, clock),
): PeerCertificates {
  const { trust } = provider.attested
  return createPeerCertificates({
    trust: { ...trust, initTimeData: { ...trust.initTimeData, peers: [expectation] } },
    endorsements: {
      endorsementsFor: (quote) => {
        asked.endorsements += 1
        return vouching.endorsementsFor(quote)
      },
    },
  })
}

async function outcomeOf(
  { certificate }: Pick<TlsIdentity, 'certificate'>,
  roles: readonly TeeRole[] = ['platform'],
  peers = peersOf(),
): Promise<string> {
  const peer = await peers.verify(certificate, roles)
  asked.attestation = service.asked.filter((one) => one.startsWith('POST /attest/')).length
  return peer.ok ? 'believed' : peer.problem.code
}

/** The same key in a certificate of other contents. */
function reissued(shown: TlsIdentity, change: { notAfter?: number; quote?: number }): TlsIdentity {
  const read = parseRaTlsCertificate(shown.certificate)
  if (!read.ok || read.value.form !== 'dice') throw new Error('no evidence')
  const quote = read.value.quote.slice()
  if (change.quote !== undefined) quote[change.quote] = (quote[change.quote] ?? 0) ^ 1
  const privateKey = createPrivateKey(shown.privateKeyPem)
  const spki = createPublicKey(shown.privateKeyPem).export({ type: 'spki', format: 'der' })
  return createTlsIdentity({
    commonName: 'sealward platform',
    at,
    random: systemRandom,
    key: { privateKey, spki: new Uint8Array(spki) },
    notAfter: change.notAfter ?? read.value.certificate.notAfter,
    evidence: encodeRaTlsEvidence(quote, read.value.claimsBytes),
  })
}

describe('a certificate of a stranger costs nobody else anything', () => {
  const nobodyAsked = { endorsements: 0, attestation: 0 }

  test('when it carries no evidence, or something else', async () => {
    const { privateKeyPem, certificate } = platform.identity.tls
    const plain = createTlsIdentity({
      commonName: 'x',
      at,
      random: systemRandom,
      key: {
        privateKey: createPrivateKey(privateKeyPem),
        spki: new Uint8Array(
          createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' }),
        ),
      },
      notAfter: at + 7200,
    })
    expect(await outcomeOf(plain)).toBe('ra-tls-no-evidence')
    expect(await outcomeOf({ certificate: certificate.subarray(1) })).toBe('ra-tls-malformed')
    expect(asked).toEqual(nobodyAsked)
  })

  test('when it has ended, has not begun, or has other dates than its evidence', async () => {
    const { tls } = platform.identity
    expect(await outcomeOf(reissued(tls, { notAfter: at + 80_000 }))).toBe('ra-tls-validity')
    at = start + 7200
    expect(await outcomeOf(tls)).toBe('certificate-expired')
    at = start - 7200
    expect(await outcomeOf(tls)).toBe('certificate-not-yet-valid')
    expect(asked).toEqual(nobodyAsked)
  })

  test('when it is of another role, of none that is expected, or of another deployment', async () => {
    const { tls } = platform.identity
    expect(await outcomeOf(tls, ['diagnostics'])).toBe('wrong-role')
    expect(await outcomeOf(tls, ['platform'], peersOf(sampleExpectation('key-broker')))).toBe(
      'configuration',
    )
    const elsewhere = await workload({
      role: 'platform',
      deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002',
    })
    expect(await outcomeOf(elsewhere.identity.tls)).toBe('wrong-deployment')
    expect(asked).toEqual(nobodyAsked)
  })

  test('when its quote is about something else: claims, configuration, key or software', async () => {
    const { tls } = platform.identity
    // Offsets of REPORTDATA and CONFIGID in a quote.
    expect(await outcomeOf(reissued(tls, { quote: 48 + 320 }))).toBe('runtime-data-binding')
    expect(await outcomeOf(reissued(tls, { quote: 48 + 192 }))).toBe('init-time-data-binding')
    const other = await workload({ role: 'platform' })
    const { privateKeyPem } = other.identity.tls
    expect(await outcomeOf(reissued({ ...tls, privateKeyPem }, {}))).toBe(
      'ra-tls-public-key-binding',
    )
    const unknown = sampleExpectation('platform', { mrEnclave: ['0'.repeat(64)] })
    expect(await outcomeOf(tls, ['platform'], peersOf(unknown))).toBe('measurement')
    expect(asked).toEqual(nobodyAsked)
  })

  test('when its quote is signed by nobody, or by a machine of nobody’s', async () => {
    expect(await outcomeOf(reissued(platform.identity.tls, { quote: 436 }))).toBe('quote-signature')
    const others = await workload(
      { role: 'platform' },
      { vendor: await createSampleVendor({ at }) },
    )
    expect(await outcomeOf(others.identity.tls)).toBe('root-not-trusted')
    expect(asked).toEqual(nobodyAsked)
  })
})

test('whoever is refused by what is known here is not asked about at the attestation service', async () => {
  const newer = sampleExpectation('platform', { isvSvnMin: 2 })
  expect(await outcomeOf(platform.identity.tls, ['platform'], peersOf(newer))).toBe('svn-too-low')
  expect(asked).toEqual({ endorsements: 1, attestation: 0 })
  expect(await outcomeOf(platform.identity.tls)).toBe('believed')
  expect(asked).toEqual({ endorsements: 2, attestation: 1 })
})

test('as many strangers as come at once have nobody refused who is none', async () => {
  const peers = peersOf()
  const { tls } = platform.identity
  const strangers = Array.from({ length: attestedTlsLimits.verificationsMax + 1 }, () =>
    outcomeOf(reissued(tls, { quote: 436 }), ['platform'], peers),
  )
  expect(await outcomeOf(tls, ['platform'], peers)).toBe('believed')
  expect(new Set(await Promise.all(strangers))).toEqual(new Set(['quote-signature']))
  expect(asked).toEqual({ endorsements: 1, attestation: 1 })
})

test('what is found for one expectation is no answer to another that is asked at the same time', async () => {
  const peers = peersOf()
  const { tls } = platform.identity
  expect(
    await Promise.all([
      outcomeOf(tls, ['diagnostics'], peers),
      outcomeOf(tls, ['platform'], peers),
      outcomeOf(tls, ['platform', 'diagnostics'], peers),
      outcomeOf(tls, ['platform'], peers),
    ]),
  ).toEqual(['wrong-role', 'believed', 'believed', 'believed'])
  // Those who expect the same share what is found.
  expect(asked.endorsements).toBe(2)
})

test('few are looked up at once, the others wait; too many are refused, and hold up nobody who is asked for otherwise', async () => {
  const certificates: Uint8Array[] = []
  const { verificationsMax, lookUpsMax } = attestedTlsLimits
  while (certificates.length <= verificationsMax) {
    certificates.push(platform.identity.tls.certificate)
    await platform.identity.renewTls()
  }
  const genuine = endorsementsOf(vendor, clock)
  const waiting: (() => void)[] = []
  const peers = peersOf(sampleExpectation('platform', { isvSvnMin: 2 }), {
    endorsementsFor: async (quote) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return genuine.endorsementsFor(quote)
    },
  })
  const outcomes = certificates.map((certificate) =>
    outcomeOf({ certificate }, ['platform'], peers),
  )
  expect(await Promise.race(outcomes)).toBe('busy')
  await expect.poll(() => waiting.length).toBe(lookUpsMax)
  const [certificate = new Uint8Array()] = certificates
  const ours = outcomeOf({ certificate }, ['platform', 'key-broker'], peers)
  await expect.poll(() => waiting.length).toBe(lookUpsMax + 1)
  let most = 0
  let rest = verificationsMax + 1
  while (rest > 0) {
    await expect.poll(() => waiting.length).toBeGreaterThan(0)
    most = Math.max(most, waiting.length)
    rest -= waiting.length
    for (const go of waiting.splice(0)) go()
  }
  expect(most).toBeLessThanOrEqual(lookUpsMax + 1)
  expect(await ours).toBe('svn-too-low')
  expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['busy', 'svn-too-low']))
  expect(asked.attestation).toBe(0)
})

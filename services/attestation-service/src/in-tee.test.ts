/** The service in a simulated TEE: its signing keys are certified by its own evidence. */

import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { referenceValuesOf } from '@sealward/attestation/claims'
import { encodeInitTimeData, type InitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import {
  quoteOfSigner,
  type SigningJwk,
  type SigningKeys,
  verifyAttestedSigner,
} from '@sealward/attestation/token'
import { createPcsClient, type PcsClient } from '@sealward/enclave/endorsements'
import {
  type LaunchOptions,
  launch,
  type SamplePcs,
  type SimulatedEnclave,
  startSamplePcs,
} from '@sealward/enclave/evidence'
import { systemClock } from '@sealward/enclave/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleWorkload } from '../../../packages/enclave/src/testing/bundle.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'

const issuer = 'https://attest.example'
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

let postgres: TestPostgres
let built: string
let state: string
let vendor: SampleVendor
let pcs: SamplePcs
let endorsements: PcsClient

beforeAll(async () => {
  postgres = await startTestPostgres()
  built = await bundleWorkload('attestation-service', new URL('main.ts', import.meta.url))
  state = await mkdtemp(join(tmpdir(), 'sealward-attestation-tee-'))
  vendor = await createSampleVendor({ at: systemClock.now() })
  pcs = await startSamplePcs({ vendor, clock: systemClock })
  endorsements = createPcsClient({ baseUrl: pcs.url, clock: systemClock })
}, 60_000)
afterAll(async () => {
  await endorsements?.close()
  await pcs?.close()
  await postgres?.stop()
  await rm(dirname(built), { recursive: true })
  await rm(state, { recursive: true })
})

async function start(
  options: {
    readonly initTimeData?: Partial<InitTimeData>
    readonly instance?: object
    readonly launch?: Partial<LaunchOptions>
  } = {},
): Promise<SimulatedEnclave> {
  const configFile = join(state, 'config.json')
  const stateFolder = join(state, 'own')
  await mkdir(stateFolder, { recursive: true })
  const roots = [vendor.rootSpkiSha256]
  const instance = { name: 'default', issuer, development: true, roots, ...options.instance }
  await writeFile(
    configFile,
    JSON.stringify({
      databaseUrl: postgres.url,
      stateFolder,
      pcsUrl: pcs.url,
      kdsUrl: pcs.url,
      instances: [instance],
    }),
  )
  return launch({
    name: 'attestation-service',
    folder: built,
    isvProdId: 4,
    isvSvn: 1,
    signerPublicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    vendor,
    initTimeData: encodeInitTimeData(
      sampleInitTimeData({
        role: 'attestation-service',
        attestation: { issuer, signers: [], policyHashes: ['A'.repeat(43)] },
        roots,
        ...options.initTimeData,
      }),
    ),
    stateFolder: join(state, 'host'),
    env: { SEALWARD_CONFIG: configFile },
    reads: [stateFolder],
    writes: [stateFolder],
    ...options.launch,
  })
}

async function publishedBy(enclave: SimulatedEnclave): Promise<SigningJwk> {
  const response = await fetch(`http://127.0.0.1:${enclave.ports['http']}/certs`)
  const [jwk] = ((await response.json()) as SigningKeys).keys
  if (jwk === undefined) throw new Error('no key is published')
  return jwk
}

async function verify(
  jwk: SigningJwk,
  enclave: SimulatedEnclave,
  mrEnclave: string,
): ReturnType<typeof verifyAttestedSigner> {
  const quote = quoteOfSigner(jwk)
  if (!quote.ok) return quote
  const found = await endorsements.endorsementsFor(quote.value)
  if (!found.ok) throw new Error(found.problem.code)
  const deployment = sampleInitTimeData().deployment
  return verifyAttestedSigner({
    jwk,
    issuer,
    endorsements: found.value,
    roots: [vendor.rootSpkiSha256],
    referenceValues: referenceValuesOf(
      {
        role: 'attestation-service',
        mrEnclave: [mrEnclave],
        mrSigner: [enclave.mrSigner],
        isvProdId: 4,
        isvSvnMin: 1,
        debug: 'refused',
        tcbStatuses: ['UpToDate'],
        configId: [enclave.configId.slice(0, 64)],
      },
      deployment,
    ),
    at: systemClock.now(),
    development: true,
  })
}

test('its key is certified by the enclave that holds it, survives a restart and an update of the machine, and needs no key file', async () => {
  const enclave = await start()
  const jwk = await publishedBy(enclave)
  expect(await verify(jwk, enclave, enclave.mrEnclave)).toMatchObject({
    ok: true,
    value: { simulated: true, evidence: { mrEnclave: enclave.mrEnclave, isvProdId: 4 } },
  })
  expect(await verify(jwk, enclave, 'ab'.repeat(32))).toMatchObject({
    ok: false,
    problem: { code: 'signer-refused' },
  })
  await enclave.stop()
  const again = await start()
  expect(await publishedBy(again)).toEqual(jwk)
  await again.stop()
  const cpuSvn = sampleCpuSvn.map((svn, index) => (index === 0 ? svn + 1 : svn))
  const updated = await start({ launch: { cpuSvn, olderSealingKeys: true } })
  expect(await publishedBy(updated)).toEqual(jwk)
  await updated.stop()
  const raised = { cpuSvn, isvSvn: 2, olderSealingKeys: true }
  const mended = await start({ launch: raised })
  expect(await publishedBy(mended)).toEqual(jwk)
  await mended.stop()
  // The code of before is given no key of it.
  await expect(start({ launch: { ...raised, isvSvn: 1 } })).rejects.toMatchObject({
    code: 'ended-early',
    message: expect.stringContaining('code of a lower version is given no key of a higher one'),
  })
  expect(await readdir(join(state, 'own'))).toEqual(['local-secret'])

  // The sealing key is another for other code of another publisher: the keys stay closed to it.
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const signerPublicKey = new Uint8Array(other.export({ type: 'spki', format: 'der' }))
  await expect(start({ launch: { signerPublicKey } })).rejects.toMatchObject({
    code: 'ended-early',
  })
}, 60_000)

test('a configuration that says more than was measured does not start', async () => {
  for (const [options, sentence] of [
    [{ instance: { issuer: 'https://other.example' } }, 'another issuer was measured'],
    [{ instance: { roots: ['ab'.repeat(32)] } }, 'a root was not measured'],
    [{ initTimeData: { role: 'platform' } }, 'another role was measured'],
  ] as const) {
    const lines: string[] = []
    await expect(
      start({ ...options, launch: { onLog: (line) => lines.push(line) } }),
    ).rejects.toMatchObject({ code: 'ended-early' })
    expect(lines.join('\n')).toContain(sentence)
  }
}, 60_000)

import { expect, test } from 'vitest'
import { parseSignedJson, parseTcbInfo } from '../endorsements/index.ts'
import { intelSgxRootSpki } from '../verification/index.ts'
import { instant, lifetimeSeconds, sampleWorld } from '../verification/sample-world.fixtures.ts'
import { parseCertificate, parseCertificateChain, parseCrl } from '../x509/index.ts'
import { importSampleVendor, type SampleVendorState } from './index.ts'

const world = await sampleWorld()
const { vendor, enclave } = world

test('a vendor that was written down goes on where it stopped', async () => {
  const written = JSON.stringify(await vendor.export())
  const again = await importSampleVendor(JSON.parse(written) as SampleVendorState)
  expect(again.rootSpkiSha256).toBe(vendor.rootSpkiSha256)
  expect(again.rootCertificatePem).toBe(vendor.rootCertificatePem)
  const quote = await again.quote(enclave)
  const endorsements = await again.endorsements({ at: instant, lifetimeSeconds })
  expect(await world.verify({ quote })).toMatchObject({ ok: true })
  expect(await world.verify({ endorsements })).toMatchObject({ ok: true })
})

test('what is no vendor is not imported', async () => {
  const state = { ...(await vendor.export()), format: 'other' } as unknown as SampleVendorState
  await expect(importSampleVendor(state)).rejects.toThrow('not a vendor')
})

test('everything of it is called a sample, and nothing of it is Intel', () => {
  const root = parseCertificate(vendor.rootCertificate)
  expect(root.ok && root.value.subjectCommonName).toBe('Sealward Sample SGX Root CA')
  expect(vendor.rootSpkiSha256).not.toBe(intelSgxRootSpki.sha256)
})

test('it answers as a provisioning certification service does', async () => {
  const responses = await vendor.pcsResponses({ at: instant, lifetimeSeconds })
  const signed = parseSignedJson(responses.tcbInfo.body, 'tcbInfo')
  expect(signed.ok && parseTcbInfo(signed.value.text).ok).toBe(true)
  expect(parseSignedJson(responses.qeIdentity.body, 'enclaveIdentity').ok).toBe(true)
  expect(parseCertificateChain(responses.tcbInfo.issuerChain)).toMatchObject({
    ok: true,
    value: [
      { subjectCommonName: 'Sealward Sample SGX TCB Signing' },
      { subjectCommonName: 'Sealward Sample SGX Root CA' },
    ],
  })
  expect(parseCertificateChain(responses.pckCrl.issuerChain)).toMatchObject({
    ok: true,
    value: [
      { subjectCommonName: 'Sealward Sample SGX PCK Platform CA' },
      { subjectCommonName: 'Sealward Sample SGX Root CA' },
    ],
  })
  expect(parseCrl(responses.pckCrl.der).ok).toBe(true)
  expect(parseCrl(responses.rootCaCrl).ok).toBe(true)
})

test('a measurement of another length is a broken program', async () => {
  const short = { ...enclave, mrEnclave: new Uint8Array(31) }
  await expect(vendor.quote(short)).rejects.toThrow('32 bytes expected')
})

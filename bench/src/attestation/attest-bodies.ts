import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import type { SampleVendor } from '@sealward/attestation/sample'
import { systemClock, systemRandom } from '@sealward/enclave/effects'
import type { EndorsementsClient } from '@sealward/enclave/endorsements'
import { createSampleTee } from '@sealward/enclave/evidence'
import { createIdentity } from '@sealward/enclave/identity'

/**
 * Bodies for `/attest/SgxEnclave` as our own workloads send them: one workload of one platform, and in each a quote
 * of its own over a nonce of its own.
 */
export async function attestBodies(
  vendor: SampleVendor,
  endorsements: EndorsementsClient,
  count: number,
): Promise<readonly Buffer[]> {
  const tee = await createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData({
      version: 1,
      deployment: 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11',
      role: 'platform',
      attestation: {
        issuer: 'http://127.0.0.1/attestation',
        signers: [base64UrlOf(new Uint8Array(32))],
        policyHashes: [base64UrlOf(new Uint8Array(32))],
      },
      peers: [],
      development: true,
      roots: [vendor.rootSpkiSha256],
    }),
    mrEnclave: new Uint8Array(32).fill(0xe1),
    mrSigner: new Uint8Array(32).fill(0x51),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: utf8Of('thirty-two bytes of a host secret'.slice(0, 32)),
  })
  const identity = await createIdentity({
    tee,
    endorsements,
    random: systemRandom,
    clock: systemClock,
  })
  const bodies: Buffer[] = []
  for (let index = 0; index < count; index++) {
    const { quote, runtimeData, initTimeData } = await identity.quoted(systemRandom.bytes(32))
    const json = (data: Uint8Array): object => ({ data: base64UrlOf(data), dataType: 'JSON' })
    const body = {
      quote: base64UrlOf(quote),
      runtimeData: json(runtimeData),
      initTimeData: json(initTimeData),
    }
    bodies.push(Buffer.from(JSON.stringify(body)))
  }
  return bodies
}

import { base64UrlOf, bytesOfBase64Url, utf8Of } from '../bytes/index.ts'
import { createDeployment, random, type Tee } from './deployment.fixtures.ts'
import {
  chunkedResponseMediaType,
  createReplayWindow,
  decodeRequestStream,
  encodeKeyConfigs,
  encodeResponseStream,
  generateKeyConfig,
  type KemId,
  openChunkedRequest,
  type PlatformConfiguration,
  sealChunkedResponse,
  streamOf,
} from './index.ts'

/** A deployment as the network has it: a `fetch` that reaches it and nothing else. */
export interface DeploymentOnline {
  readonly configuration: PlatformConfiguration
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  /** Address and body of each request, in order. */
  readonly sent: string[]
  /** The KEM of each sealed request. */
  readonly kems: number[]
}

/**
 * Makes one whose platform answers a GET with what it was asked, and anything else with the body that it got.
 *
 * @param options - `kems` of the keys that it offers, in this order.
 */
export async function deploymentOnline(
  options: {
    readonly kems?: readonly KemId[]
    readonly platform?: string
    readonly attestationUrl?: string
  } = {},
): Promise<DeploymentOnline> {
  const {
    kems: offered = [0x647a],
    platform = 'https://platform.example',
    attestationUrl = 'https://attestation.example',
  } = options
  const world = await createDeployment()
  const keys = await Promise.all(
    offered.map((kem, keyId) => generateKeyConfig({ keyId, kem, random })),
  )
  const ohttp = base64UrlOf(encodeKeyConfigs(keys.map(({ config }) => config)))
  const anyTee = await world.tee('platform', random.bytes(32))
  const trust = world.trust(anyTee, random.bytes(32), undefined)
  const { denyList, issuer, jwks, policyHashes, signers } = trust.attestation
  const replay = createReplayWindow()
  const sent: string[] = []
  const kems: number[] = []
  let tee: Tee | undefined

  const answerSealed = async (message: Uint8Array): Promise<Response> => {
    kems.push((message[1] ?? 0) * 256 + (message[2] ?? 0))
    const opened = await openChunkedRequest({ keys, message, replay })
    if (!opened.ok) throw new Error(opened.problem.code)
    const request = await decodeRequestStream(opened.value.request)
    if (!request.ok) throw new Error(request.problem.code)
    const { body, headers, method, path } = request.value
    const said = utf8Of(JSON.stringify({ method, path, headers }))
    const response = encodeResponseStream(
      { status: 200, headers: [] },
      method === 'GET' ? said : body,
    )
    const { exchange } = opened.value
    const sealed = await sealChunkedResponse({ exchange, response, random })
    return new Response(streamOf(sealed), { headers: { 'content-type': chunkedResponseMediaType } })
  }
  const answers: Readonly<Record<string, (body: Uint8Array) => Promise<Response>>> = {
    [`${platform}/evidence`]: async (body) => {
      const { nonce } = JSON.parse(new TextDecoder().decode(body))
      const asked = bytesOfBase64Url(nonce) ?? new Uint8Array()
      tee = await world.tee('platform', asked, { runtimeData: { ohttp } })
      return Response.json(tee.document)
    },
    [`${attestationUrl}/attest/SgxEnclave?api-version=2025-06-01`]: async () =>
      Response.json({ token: tee && (await world.token(tee)) }),
    [`${attestationUrl}/certs`]: async () => Response.json(jwks),
    [`${attestationUrl}/deny-list`]: async () =>
      Response.json({ token: 'text' in denyList ? denyList.text : '' }),
    [`${platform}/sealed`]: answerSealed,
  }
  return {
    configuration: {
      platform,
      attestation: { url: attestationUrl, issuer, policyHashes, signers },
      deployment: trust.deployment,
      development: trust.development,
      expectation: trust.expectation,
      roots: trust.roots,
    },
    sent,
    kems,
    async fetch(url, init = {}) {
      const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
      sent.push(`${url} ${new TextDecoder('latin1').decode(body.subarray(0, 100_000))}`)
      return (await answers[url]?.(body)) ?? new Response(null, { status: 404 })
    },
  }
}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { DcapVerificationInput } from '@sealward/attestation/verification'

/** Verifies the same quote again and returns its TCB status, or throws. */
export type Peer = () => string

export interface Peers {
  /** `@phala/dcap-qvl`, JavaScript. */
  readonly dcapQvl: Peer
  /** `@phala/dcap-qvl-web`, WebAssembly. */
  readonly dcapQvlWeb: Peer
}

/** Both peers for one quote. What they take in another form than we do is made ready beforehand. */
export async function peersFor(input: DcapVerificationInput): Promise<Peers> {
  return { dcapQvl: scriptPeer(input), dcapQvlWeb: await wasmPeer(input) }
}

const require = createRequire(import.meta.url)

function scriptPeer({ quote, endorsements, at }: DcapVerificationInput): Peer {
  const { verify } = require('@phala/dcap-qvl') as {
    verify(quote: Uint8Array, collateral: unknown, at: number): { readonly status: string }
  }
  const bytes = Buffer.from(quote)
  const collateral = {
    ...endorsements,
    root_ca_crl: Buffer.from(endorsements.root_ca_crl, 'hex'),
    pck_crl: Buffer.from(endorsements.pck_crl, 'hex'),
    tcb_info_signature: Buffer.from(endorsements.tcb_info_signature, 'hex'),
    qe_identity_signature: Buffer.from(endorsements.qe_identity_signature, 'hex'),
  }
  return () => verify(bytes, collateral, at).status
}

async function wasmPeer({ quote, endorsements, at }: DcapVerificationInput): Promise<Peer> {
  const address = pathToFileURL(require.resolve('@phala/dcap-qvl-web'))
  const { initSync, js_verify } = (await import(address.href)) as {
    initSync(options: { readonly module: Uint8Array }): unknown
    js_verify(quote: Uint8Array, collateral: unknown, at: bigint): { readonly status: string }
  }
  const program = fileURLToPath(new URL('./dcap-qvl-web_bg.wasm', address))
  initSync({ module: readFileSync(program) })
  const instant = BigInt(at)
  return () => js_verify(quote, endorsements, instant).status
}

import { jsonOf, reading } from '@sealward/attestation/bytes'
import type { AnchorState } from './anchor.ts'

/** Reads `{"sequence": 7, "digest": "…"}`; `undefined` for anything else. */
export function readAnchorState(bytes: Uint8Array): AnchorState | undefined {
  const json = jsonOf(bytes, { bytesMax: stateBytesMax, depthMax: 2 })
  if (!json.ok) return undefined
  const state = reading<AnchorState>(json.value, '', (top) =>
    top.object('refused', (fields) => ({
      sequence: fields.required('sequence').integer(1, Number.MAX_SAFE_INTEGER),
      digest: fields.required('digest').string(64),
    })),
  )
  return state.ok && /^[0-9a-f]{64}$/.test(state.value.digest) ? state.value : undefined
}

const stateBytesMax = 1024

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const runtime = dirname(require.resolve('onnxruntime-node/package.json'))
// Its manifest cannot be asked for by name: three folders above its entry, dist/cjs/index.js.
const common = join(require.resolve('onnxruntime-common', { paths: [runtime] }), '..', '..', '..')
const native = join('bin', 'napi-v6', process.platform, process.arch)
const inRuntime = 'node_modules/onnxruntime-node'
const models = '../../models'

/** What the build bundles, and what it lays beside the bundle because it is read when the service runs. */
export const build: {
  readonly entries: Readonly<Record<string, string>>
  readonly external: readonly string[]
  readonly copies: readonly { readonly from: string; readonly to: string }[]
} = {
  entries: { main: 'src/main.ts', 'inference-worker': 'src/inference-worker.ts' },
  // A native module finds its libraries beside itself: it stays a package, of this platform's files only.
  external: ['onnxruntime-node'],
  copies: [
    { from: join(runtime, 'package.json'), to: `${inRuntime}/package.json` },
    { from: join(runtime, 'dist'), to: `${inRuntime}/dist` },
    { from: join(runtime, native), to: `${inRuntime}/${native}` },
    { from: join(common, 'package.json'), to: 'node_modules/onnxruntime-common/package.json' },
    { from: join(common, 'dist'), to: 'node_modules/onnxruntime-common/dist' },
    // The card is measured and names the model; the model comes as ciphertext, from elsewhere.
    { from: `${models}/chest-pneumonia.card.json`, to: 'model/chest-pneumonia.card.json' },
  ],
}

import { relative } from 'node:path'
import { imagingCopies, imagingWorkerEntry } from '@sealward/imaging/build'

/** What the build bundles, and what it lays beside the bundle because it is read when the service runs. */
export const build: {
  readonly entries: Readonly<Record<string, string>>
  readonly external: readonly string[]
  readonly copies: readonly { readonly from: string; readonly to: string }[]
} = {
  entries: {
    main: 'src/main.ts',
    [imagingWorkerEntry.name]: relative(import.meta.dirname, imagingWorkerEntry.source),
  },
  external: [],
  copies: [{ from: 'src/fhir/definitions.ndjson', to: 'definitions.ndjson' }, ...imagingCopies],
}

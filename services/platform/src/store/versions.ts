import { rememberedVersionsMax } from '../limits.ts'

/** Counts what was remembered: of two instants the later is greater. */
export type Instant = number

/** The highest version of each record that this process has seen, the oldest forgotten first. */
export interface Versions {
  now(): Instant
  /** What had been seen before `asked`; 0 for nothing. Later news says nothing about an earlier question. */
  highest(type: string, id: string, asked: Instant): number
  /** Whose the record is that was seen before `asked`. */
  patientOf(type: string, id: string): string | undefined
  remember(type: string, id: string, version: number, patient: string | undefined): void
  rememberErased(patient: string): void
  /** Whether it was known before `asked` that this patient was erased: whoever puts the rows back shows them to nobody. */
  isErased(patient: string, asked: Instant): boolean
}

export function rememberVersions(): Versions {
  const seen = new Map<
    string,
    { readonly version: number; readonly at: Instant; readonly patient: string | undefined }
  >()
  const erased = new Map<string, Instant>()
  let instant = 0
  return {
    now: () => instant,
    highest(type, id, asked) {
      const last = seen.get(`${type}/${id}`)
      return last === undefined || last.at > asked ? 0 : last.version
    },
    patientOf: (type, id) => seen.get(`${type}/${id}`)?.patient,
    remember(type, id, version, patient) {
      const name = `${type}/${id}`
      const last = seen.get(name)
      if (last !== undefined && last.version >= version) return
      instant += 1
      seen.delete(name)
      seen.set(name, { version, at: instant, patient })
      const [oldest] = seen.keys()
      if (seen.size > rememberedVersionsMax && oldest !== undefined) seen.delete(oldest)
    },
    rememberErased(patient) {
      if (erased.has(patient)) return
      instant += 1
      erased.set(patient, instant)
      const [oldest] = erased.keys()
      if (erased.size > rememberedVersionsMax && oldest !== undefined) erased.delete(oldest)
    },
    isErased: (patient, asked) => (erased.get(patient) ?? Number.POSITIVE_INFINITY) <= asked,
  }
}

import {
  dcapFields,
  sgxFields,
  snpFields,
  snpTcbComponents,
  snpTcbNames,
  tdxFields,
} from './appraisal-fields.ts'
import type { AnyEvidence } from './appraise.ts'

/**
 * Reference Values, as JSON, filled from this one piece of evidence: for a person to start from, who then decides what
 * is left open and why.
 *
 * Measurements and versions are the evidence's; only `UpToDate` is accepted, no advisory is tolerated, debugging is
 * refused, and somebody has to look whether an SNP certificate is revoked, whatever the evidence says of it. Platform
 * and report data are left unchecked, with a reason that asks for a better one.
 */
export function skeletonOf(evidence: AnyEvidence): object {
  const open = { kind: 'unchecked', reason: 'to be decided: this file was filled from evidence' }
  const equals = (value: string | number): object => ({ kind: 'equals', value })
  const filled = <E>(
    table: Readonly<Record<string, readonly [string, (one: E) => string | number]>>,
    of: E,
  ): object =>
    Object.fromEntries(
      Object.entries(table).map(([name, [, actual]]) => [
        name,
        floors.has(name)
          ? { kind: 'at-least', value: actual(of) }
          : left.has(name)
            ? open
            : equals(actual(of)),
      ]),
    )
  const head = { format: 'sealward-reference-values-1', kind: evidence.kind }
  const tail = { deployment: open, debug: 'refused' }
  const platform = {
    tcbStatus: { kind: 'one-of', values: ['UpToDate'] },
    tcbBaselineDate: { kind: 'unchecked', reason: 'the accepted statuses are named' },
    advisories: { kind: 'tolerated', tolerated: [] },
  }
  switch (evidence.kind) {
    case 'sgx':
      return {
        ...head,
        ...filled(sgxFields, evidence),
        ...filled(dcapFields, evidence),
        ...platform,
        ...tail,
      }
    case 'tdx':
      return {
        ...head,
        ...filled(tdxFields, evidence),
        ...filled(dcapFields, evidence),
        ...platform,
        ...tail,
      }
    case 'snp':
      return {
        ...head,
        ...filled(snpFields, evidence),
        ...Object.fromEntries(
          snpTcbNames.map((name) => [
            name,
            {
              kind: 'at-least',
              value: Object.fromEntries(
                snpTcbComponents.map((component) => [component, evidence[name][component] ?? 0]),
              ),
            },
          ]),
        ),
        revocation: equals('good'),
        ...tail,
      }
  }
}

/** What may become newer. */
const floors: ReadonlySet<string> = new Set(['isvSvn', 'guestSvn', 'tcbEvaluationDataNumber'])

/** What differs from one machine, or one run, to the next. */
const left: ReadonlySet<string> = new Set([
  'reportData',
  'ppid',
  'platformInstanceId',
  'fmspc',
  'chipId',
])

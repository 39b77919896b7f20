/**
 * TCB info and QE identity of the sample platform, as JSON text in the form of Intel's.
 *
 * @see Intel SGX PCS API, version 4
 * @module
 */

import { hexOf, type UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'
import {
  sampleComponentSvns,
  sampleFmspc,
  samplePceId,
  samplePceSvn,
  sampleQeIsvProdId,
  sampleQeIsvSvn,
  sampleQeMeasurements,
} from './platform.ts'

export interface SampleDocumentFields {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly tcbStatus: TcbStatus
  readonly advisoryIds: readonly string[]
  readonly tcbEvaluationDataNumber: number
}

/** TCB info of version 3. */
export function writeTcbInfo(fields: SampleDocumentFields): string {
  const tcb = (pcesvn: number): object => ({
    sgxtcbcomponents: sampleComponentSvns.map((svn) => ({ svn })),
    pcesvn,
  })
  return JSON.stringify({
    id: 'SGX',
    version: 3,
    ...datesOf(fields),
    fmspc: sampleFmspc,
    pceId: samplePceId,
    tcbType: 0,
    tcbEvaluationDataNumber: fields.tcbEvaluationDataNumber,
    tcbLevels: levelsOf(fields, samplePceSvn, tcb),
  })
}

/** QE identity of version 2. */
export async function writeQeIdentity(fields: SampleDocumentFields): Promise<string> {
  const { mrSigner } = await sampleQeMeasurements()
  return JSON.stringify({
    id: 'QE',
    version: 2,
    ...datesOf(fields),
    tcbEvaluationDataNumber: fields.tcbEvaluationDataNumber,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: hexOf(mrSigner).toUpperCase(),
    isvprodid: sampleQeIsvProdId,
    tcbLevels: levelsOf(fields, sampleQeIsvSvn, (isvsvn) => ({ isvsvn })),
  })
}

/** The level of the sample's own SVN has the wanted status; a newer one would be up to date, an older one is not. */
function levelsOf(
  { issueDate, tcbStatus, advisoryIds }: SampleDocumentFields,
  svn: number,
  tcb: (svn: number) => object,
): readonly object[] {
  const tcbDate = isoOf(issueDate - (issueDate % secondsPerDay) - 30 * secondsPerDay)
  const level = (levelSvn: number, status: TcbStatus, advisories: readonly string[]): object => ({
    tcb: tcb(levelSvn),
    tcbDate,
    tcbStatus: status,
    ...(advisories.length === 0 ? {} : { advisoryIDs: advisories }),
  })
  return [
    ...(tcbStatus === 'UpToDate' ? [] : [level(svn + 1, 'UpToDate', [])]),
    level(svn, tcbStatus, advisoryIds),
    level(svn - 1, 'OutOfDate', ['SEALWARD-SAMPLE-SA-00001']),
  ]
}

function datesOf({ issueDate, nextUpdate }: SampleDocumentFields): object {
  return { issueDate: isoOf(issueDate), nextUpdate: isoOf(nextUpdate) }
}

function isoOf(instant: UnixSeconds): string {
  return new Date(instant * 1000).toISOString().replace('.000Z', 'Z')
}

const secondsPerDay = 86_400

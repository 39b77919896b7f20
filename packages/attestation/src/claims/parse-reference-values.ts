/**
 * Reference Values as JSON.
 *
 * @see docs/spec/reference-values.md
 * @module
 */

import {
  bytesOfHex,
  type Fields,
  type Problem,
  type Result,
  reading,
  type Shape,
  type ShapeCode,
  type UnixSeconds,
} from '../bytes/index.ts'
import { type TcbStatus, tcbStatuses } from '../endorsements/index.ts'
import type { Expectation } from './expectation.ts'
import { acceptedValuesMax, hexDigitsMax, reasonCharactersMax } from './limits.ts'
import type {
  CommonReferenceValues,
  DcapReferenceValues,
  ReferenceValues,
  SgxReferenceValues,
  SnpReferenceValues,
  SnpTcbExpectation,
  TdxReferenceValues,
  Unchecked,
} from './reference-values.ts'

/**
 * Parses Reference Values: every field by name, none passed over, none unknown.
 *
 * @param json - what `JSON.parse` or `jsonOf` built.
 * @returns the values, or one of {@link ShapeCode} at the path of the field.
 */
export function parseReferenceValues(json: unknown): Result<ReferenceValues, Problem<ShapeCode>> {
  return reading(json, '', (shape) =>
    shape.object('refused', (fields) => {
      fields.required('format').oneOf(['sealward-reference-values-1'])
      const kind = fields.required('kind').oneOf(['sgx', 'tdx', 'snp'])
      switch (kind) {
        case 'sgx':
          return { kind, ...sgxValues(fields), ...dcapValues(fields), ...commonValues(fields) }
        case 'tdx':
          return { kind, ...tdxValues(fields), ...dcapValues(fields), ...commonValues(fields) }
        case 'snp':
          return { kind, ...snpValues(fields), ...commonValues(fields) }
      }
    }),
  )
}

function commonValues(fields: Fields): CommonReferenceValues {
  return {
    reportData: hex(fields, 'reportData', 64),
    deployment: expectation(fields.required('deployment'), nameKinds, (value) =>
      value.string(deploymentCharacters, deploymentUrn),
    ),
    debug: fields.required('debug').oneOf(['refused', 'dangerously-allowed']),
  }
}

function dcapValues(fields: Fields): Omit<DcapReferenceValues, keyof CommonReferenceValues> {
  return {
    tcbStatus: name<TcbStatus>(fields, 'tcbStatus', tcbStatuses),
    tcbBaselineDate: fields
      .required('tcbBaselineDate')
      .object('refused', (inner) =>
        inner.required('kind').oneOf(['at-least', 'unchecked']) === 'at-least'
          ? { kind: 'at-least', value: instant(inner.required('value')) }
          : unchecked(inner),
      ),
    tcbEvaluationDataNumber: number(fields, 'tcbEvaluationDataNumber'),
    advisories: fields.required('advisories').object('refused', (inner) =>
      inner.required('kind').oneOf(['tolerated', 'unchecked']) === 'tolerated'
        ? {
            kind: 'tolerated',
            tolerated: inner.required('tolerated').list(acceptedValuesMax, (one) =>
              one.object('refused', (advisory) => ({
                id: advisory.required('id').string(64, /^[A-Za-z0-9-]+$/),
                reason: reasonOf(advisory),
                until: instant(advisory.required('until')),
              })),
            ),
          }
        : unchecked(inner),
    ),
    ppid: hex(fields, 'ppid', 16),
    platformInstanceId: hex(fields, 'platformInstanceId', 16),
    fmspc: hex(fields, 'fmspc', 6),
  }
}

function sgxValues(fields: Fields): Omit<SgxReferenceValues, keyof DcapReferenceValues | 'kind'> {
  return {
    mrEnclave: hex(fields, 'mrEnclave', 32),
    mrSigner: hex(fields, 'mrSigner', 32),
    isvProdId: number(fields, 'isvProdId'),
    isvSvn: number(fields, 'isvSvn'),
    attributes: hex(fields, 'attributes', 16),
    miscSelect: hex(fields, 'miscSelect', 4),
    configId: hex(fields, 'configId', 64),
    configSvn: number(fields, 'configSvn'),
  }
}

function tdxValues(fields: Fields): Omit<TdxReferenceValues, keyof DcapReferenceValues | 'kind'> {
  return {
    mrTd: hex(fields, 'mrTd', 48),
    rtmr0: hex(fields, 'rtmr0', 48),
    rtmr1: hex(fields, 'rtmr1', 48),
    rtmr2: hex(fields, 'rtmr2', 48),
    rtmr3: hex(fields, 'rtmr3', 48),
    mrConfigId: hex(fields, 'mrConfigId', 48),
    mrOwner: hex(fields, 'mrOwner', 48),
    mrOwnerConfig: hex(fields, 'mrOwnerConfig', 48),
    mrSeam: hex(fields, 'mrSeam', 48),
    tdAttributes: hex(fields, 'tdAttributes', 8),
    xfam: hex(fields, 'xfam', 8),
    mrServiceTd: hex(fields, 'mrServiceTd', 48),
  }
}

function snpValues(fields: Fields): Omit<SnpReferenceValues, keyof CommonReferenceValues | 'kind'> {
  return {
    measurement: hex(fields, 'measurement', 48),
    hostData: hex(fields, 'hostData', 32),
    idKeyDigest: hex(fields, 'idKeyDigest', 48),
    authorKeyDigest: hex(fields, 'authorKeyDigest', 48),
    familyId: hex(fields, 'familyId', 16),
    imageId: hex(fields, 'imageId', 16),
    guestSvn: number(fields, 'guestSvn'),
    guestPolicy: hex(fields, 'guestPolicy', 8),
    vmpl: number(fields, 'vmpl', 3),
    product: name(fields, 'product', ['milan', 'genoa', 'turin']),
    signingKey: name(fields, 'signingKey', ['vcek', 'vlek']),
    chipId: hex(fields, 'chipId', 64),
    reportedTcb: snpTcb(fields, 'reportedTcb'),
    committedTcb: snpTcb(fields, 'committedTcb'),
    launchTcb: snpTcb(fields, 'launchTcb'),
    revocation: fields
      .required('revocation')
      .object('refused', (inner) =>
        inner.required('kind').oneOf(['equals', 'unchecked']) === 'equals'
          ? { kind: 'equals', value: inner.required('value').oneOf(['good']) }
          : unchecked(inner),
      ),
  }
}

function snpTcb(fields: Fields, field: string): SnpTcbExpectation {
  return fields.required(field).object('refused', (inner) => {
    if (inner.required('kind').oneOf(['at-least', 'unchecked']) === 'unchecked') {
      return unchecked(inner)
    }
    const value = inner.required('value').object('refused', (floor) => {
      const svn = (component: string): number => floor.required(component).integer(0, 0xff)
      return {
        fmc: svn('fmc'),
        bootloader: svn('bootloader'),
        tee: svn('tee'),
        snp: svn('snp'),
        microcode: svn('microcode'),
      }
    })
    return { kind: 'at-least', value }
  })
}

/** Lower-case hex of `bytes` bytes, or no bytes at all: what the evidence does not have. */
function hex(fields: Fields, name: string, bytes: number): Expectation<string> {
  return expectation(fields.required(name), hexKinds, (value) => {
    const digits = value.string(hexDigitsMax, /^[0-9a-f]*$/)
    const length = bytesOfHex(digits)?.length
    return length === bytes || length === 0
      ? digits
      : value.fail('wrong-value', `${bytes} bytes of lower-case hex expected`)
  })
}

function number(fields: Fields, name: string, max: number = 0xffff_ffff): Expectation<number> {
  return expectation(fields.required(name), numberKinds, (value) => value.integer(0, max))
}

function name<const V extends string>(
  fields: Fields,
  field: string,
  names: readonly V[],
): Expectation<V> {
  return expectation(fields.required(field), nameKinds, (value) => value.oneOf(names))
}

/** What can be asked of what. */
const hexKinds = ['equals', 'one-of', 'masked', 'unchecked'] as const
const numberKinds = ['equals', 'one-of', 'at-least', 'unchecked'] as const
const nameKinds = ['equals', 'one-of', 'unchecked'] as const

function expectation<T extends string | number>(
  shape: Shape,
  kinds: readonly Expectation<T>['kind'][],
  read: (value: Shape) => T,
): Expectation<T> {
  return shape.object('refused', (fields) => {
    const kind = fields.required('kind').oneOf(kinds)
    switch (kind) {
      case 'equals':
        return { kind, value: read(fields.required('value')) }
      case 'one-of': {
        const [first, ...others] = fields.required('values').list(acceptedValuesMax, read, 1)
        return first === undefined
          ? shape.fail('wrong-value', 'at least one expected')
          : { kind, values: [first, ...others] }
      }
      case 'at-least': {
        const value = read(fields.required('value'))
        return typeof value === 'number'
          ? { kind, value }
          : shape.fail('wrong-value', 'only a number can be at least something')
      }
      case 'masked': {
        const value = read(fields.required('value'))
        const mask = read(fields.required('mask'))
        if (typeof value !== 'string' || typeof mask !== 'string' || value.length !== mask.length) {
          return shape.fail('wrong-value', 'value and mask of one length expected, in hex')
        }
        // It would ask for nothing, and give no reason.
        return /[^0]/.test(mask)
          ? { kind, value, mask }
          : shape.fail('wrong-value', 'a mask that is not all zero expected')
      }
      case 'unchecked':
        return unchecked(fields)
    }
  })
}

function unchecked(fields: Fields): Unchecked {
  return { kind: 'unchecked', reason: reasonOf(fields) }
}

/** A reason is a sentence for whoever reads the file next: not nothing. */
function reasonOf(fields: Fields): string {
  return fields.required('reason').string(reasonCharactersMax, /\S/)
}

/** RFC 3339, in UTC and to the second. */
function instant(shape: Shape): UnixSeconds {
  const written = shape.string(20, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const milliseconds = Date.parse(written)
  // Engines read the 30th of February as a day in March.
  return isoOf(milliseconds) === written
    ? milliseconds / 1000
    : shape.fail('wrong-value', 'a day and a time that exist expected')
}

function isoOf(milliseconds: number): string | undefined {
  return Number.isNaN(milliseconds)
    ? undefined
    : new Date(milliseconds).toISOString().replace('.000Z', 'Z')
}

const deploymentCharacters = 45
const deploymentUrn = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

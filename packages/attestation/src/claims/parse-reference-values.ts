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
  TdxReferenceValues,
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
    deployment: text(fields, 'deployment'),
    debug: fields.required('debug').oneOf(['refused', 'dangerously-allowed']),
  }
}

function dcapValues(fields: Fields): Omit<DcapReferenceValues, keyof CommonReferenceValues> {
  return {
    tcbStatus: expectation(fields.required('tcbStatus'), (value) =>
      value.oneOf<TcbStatus>(tcbStatuses),
    ),
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
    vmpl: number(fields, 'vmpl'),
    product: text(fields, 'product'),
    signingKey: text(fields, 'signingKey'),
    chipId: hex(fields, 'chipId', 64),
    bootloaderSvn: number(fields, 'bootloaderSvn'),
    teeSvn: number(fields, 'teeSvn'),
    snpSvn: number(fields, 'snpSvn'),
    microcodeSvn: number(fields, 'microcodeSvn'),
    revocation: text(fields, 'revocation'),
  }
}

/** Lower-case hex of `bytes` bytes, or no bytes at all: what the evidence does not have. */
function hex(fields: Fields, name: string, bytes: number): Expectation<string> {
  return expectation(fields.required(name), (value) => {
    const digits = value.string(hexDigitsMax, /^[0-9a-f]*$/)
    const length = bytesOfHex(digits)?.length
    return length === bytes || length === 0
      ? digits
      : value.fail('wrong-value', `${bytes} bytes of lower-case hex expected`)
  })
}

function number(fields: Fields, name: string): Expectation<number> {
  return expectation(fields.required(name), (value) => value.integer(0, 0xffff_ffff))
}

function text(fields: Fields, name: string): Expectation<string> {
  return expectation(fields.required(name), (value) => value.string(reasonCharactersMax))
}

const kinds = ['equals', 'one-of', 'at-least', 'masked', 'unchecked'] as const

function expectation<T extends string | number>(
  shape: Shape,
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
        return typeof value === 'string' && typeof mask === 'string' && value.length === mask.length
          ? { kind, value, mask }
          : shape.fail('wrong-value', 'value and mask of one length expected, in hex')
      }
      case 'unchecked':
        return unchecked(fields)
    }
  })
}

function unchecked(fields: Fields): { readonly kind: 'unchecked'; readonly reason: string } {
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
  return Number.isNaN(milliseconds)
    ? shape.fail('wrong-value', 'a date expected')
    : milliseconds / 1000
}

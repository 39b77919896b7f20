/**
 * The URLs of Intel's and AMD's services, without their hosts.
 *
 * @see Intel SGX and TDX Provisioning Certification Service API, version 4
 * @see AMD 57230, Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification
 * @module
 */

import { ok, type Problem, type Result, refuse, unreachable } from '@sealward/attestation/bytes'
import type { SnpProduct } from '@sealward/attestation/verification'
import type { AmdTcb } from '@sealward/attestation/x509'
import type { AmdKey, EndorsementItem, IntelTee, TcbBaseline } from './item.ts'
import { endorsementsServerLimits } from './limits.ts'

/** Path and query under which `item` is asked for: a name for it, the same for everybody. */
export function targetOf(item: EndorsementItem): string {
  switch (item.kind) {
    case 'tcb-info':
      return `/${item.tee}/certification/v4/tcb?${queryOf({ fmspc: item.fmspc, ...baselineQuery(item.baseline) })}`
    case 'qe-identity': {
      const query = queryOf(baselineQuery(item.baseline))
      return `/${item.tee}/certification/v4/qe/identity${query === '' ? '' : `?${query}`}`
    }
    case 'pck-crl':
      return `/sgx/certification/v4/pckcrl?${queryOf({ ca: item.ca, encoding: 'der' })}`
    case 'root-ca-crl':
      return '/sgx/certification/v4/rootcacrl'
    case 'vcek':
      return `/vcek/v1/${productNames[item.product]}/${item.chipId}?${queryOf(tcbQuery(item.tcb))}`
    case 'amd-chain':
      return `/${item.key}/v1/${productNames[item.product]}/cert_chain`
    case 'amd-crl':
      return `/${item.key}/v1/${productNames[item.product]}/crl`
    default:
      return unreachable(item)
  }
}

/** What a URL asks for, and in which form: `encoding` is of Intel's PCK revocation lists only. */
export interface AskedFor {
  readonly item: EndorsementItem
  readonly encoding: 'der' | 'pem'
}

/**
 * Reads path and query of a request.
 *
 * @returns what is asked for, `unknown-path`, or `bad-query` for a parameter that is missing, unknown,
 *   there twice, or of another form.
 */
export function parseTarget(
  target: string,
): Result<AskedFor, Problem<'unknown-path' | 'bad-query'>> {
  if (target.length > endorsementsServerLimits.targetCharactersMax || !target.startsWith('/')) {
    return refuse('unknown-path', '', 'nothing is served there')
  }
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const parameters = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match === null) continue
    const names = [...parameters.keys()]
    const isKnown = names.every((name) => route.parameters.includes(name))
    const asked =
      isKnown && new Set(names).size === names.length
        ? route.read(match.groups ?? {}, (name) => parameters.get(name) ?? undefined)
        : undefined
    return asked === undefined
      ? refuse('bad-query', path, 'the parameters are not those of this path')
      : ok(asked)
  }
  return refuse('unknown-path', '', 'nothing is served there')
}

interface Route {
  readonly path: RegExp
  readonly parameters: readonly string[]
  readonly read: (
    groups: Readonly<Record<string, string>>,
    parameter: (name: string) => string | undefined,
  ) => AskedFor | undefined
}

const productNames = { milan: 'Milan', genoa: 'Genoa', turin: 'Turin' } as const

const baselineParameters = ['update', 'tcbEvaluationDataNumber'] as const

const routes: readonly Route[] = [
  {
    path: /^\/(?<tee>sgx|tdx)\/certification\/v4\/tcb$/,
    parameters: ['fmspc', ...baselineParameters],
    read: (groups, parameter) => {
      const fmspc = parameter('fmspc')?.toLowerCase()
      const baseline = baselineOf(parameter)
      if (fmspc === undefined || !/^[0-9a-f]{12}$/.test(fmspc)) return undefined
      if (baseline === undefined) return undefined
      return der({ kind: 'tcb-info', tee: groups['tee'] as IntelTee, fmspc, baseline })
    },
  },
  {
    path: /^\/(?<tee>sgx|tdx)\/certification\/v4\/qe\/identity$/,
    parameters: baselineParameters,
    read: (groups, parameter) => {
      const baseline = baselineOf(parameter)
      if (baseline === undefined) return undefined
      return der({ kind: 'qe-identity', tee: groups['tee'] as IntelTee, baseline })
    },
  },
  {
    path: /^\/sgx\/certification\/v4\/pckcrl$/,
    parameters: ['ca', 'encoding'],
    read: (_groups, parameter) => {
      const ca = parameter('ca')
      const encoding = parameter('encoding') ?? 'pem'
      if (ca !== 'platform' && ca !== 'processor') return undefined
      if (encoding !== 'pem' && encoding !== 'der') return undefined
      return { item: { kind: 'pck-crl', ca }, encoding }
    },
  },
  {
    path: /^\/sgx\/certification\/v4\/rootcacrl$/,
    parameters: [],
    read: () => der({ kind: 'root-ca-crl' }),
  },
  {
    path: /^\/(?<key>vcek|vlek)\/v1\/(?<product>Milan|Genoa|Turin)\/(?<what>cert_chain|crl)$/,
    parameters: [],
    read: (groups) =>
      der({
        kind: groups['what'] === 'crl' ? 'amd-crl' : 'amd-chain',
        key: groups['key'] as AmdKey,
        product: productOf(groups),
      }),
  },
  {
    path: /^\/vcek\/v1\/(?<product>Milan|Genoa)\/(?<chipId>[0-9a-fA-F]{128})$/,
    parameters: ['blSPL', 'teeSPL', 'snpSPL', 'ucodeSPL'],
    read: (groups, parameter) => vcekOf(groups, tcbOf(parameter)),
  },
  {
    path: /^\/vcek\/v1\/(?<product>Turin)\/(?<chipId>[0-9a-fA-F]{16})$/,
    parameters: ['fmcSPL', 'blSPL', 'teeSPL', 'snpSPL', 'ucodeSPL'],
    read: (groups, parameter) => {
      const fmc = levelOf(parameter('fmcSPL'))
      const tcb = tcbOf(parameter)
      return vcekOf(groups, fmc === undefined || tcb === undefined ? undefined : { ...tcb, fmc })
    },
  },
]

function der(item: EndorsementItem): AskedFor {
  return { item, encoding: 'der' }
}

function productOf(groups: Readonly<Record<string, string>>): SnpProduct {
  return groups['product']?.toLowerCase() as SnpProduct
}

function vcekOf(
  groups: Readonly<Record<string, string>>,
  tcb: AmdTcb | undefined,
): AskedFor | undefined {
  const chipId = (groups['chipId'] ?? '').toLowerCase()
  return tcb && der({ kind: 'vcek', product: productOf(groups), chipId, tcb })
}

function tcbOf(parameter: (name: string) => string | undefined): AmdTcb | undefined {
  const bootloader = levelOf(parameter('blSPL'))
  const tee = levelOf(parameter('teeSPL'))
  const snp = levelOf(parameter('snpSPL'))
  const microcode = levelOf(parameter('ucodeSPL'))
  if (bootloader === undefined || tee === undefined) return undefined
  if (snp === undefined || microcode === undefined) return undefined
  return { fmc: undefined, bootloader, tee, snp, microcode }
}

/** Decimal; AMD's own examples have a zero before one digit. */
function levelOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,3}$/.test(text)) return undefined
  const level = Number(text)
  return level <= 255 ? level : undefined
}

/** Of `update` and `tcbEvaluationDataNumber` there may be one, not both. */
function baselineOf(parameter: (name: string) => string | undefined): TcbBaseline | undefined {
  const update = parameter('update')
  const number = parameter('tcbEvaluationDataNumber')
  if (number === undefined) {
    if (update === undefined) return 'standard'
    return update === 'standard' || update === 'early' ? update : undefined
  }
  return update === undefined && /^[0-9]{1,9}$/.test(number) ? Number(number) : undefined
}

function baselineQuery(baseline: TcbBaseline): Readonly<Record<string, string | number>> {
  if (baseline === 'standard') return {}
  return baseline === 'early' ? { update: 'early' } : { tcbEvaluationDataNumber: baseline }
}

function tcbQuery(tcb: AmdTcb): Readonly<Record<string, string | number>> {
  return {
    ...(tcb.fmc === undefined ? {} : { fmcSPL: tcb.fmc }),
    blSPL: tcb.bootloader,
    teeSPL: tcb.tee,
    snpSPL: tcb.snp,
    ucodeSPL: tcb.microcode,
  }
}

function queryOf(parameters: Readonly<Record<string, string | number>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

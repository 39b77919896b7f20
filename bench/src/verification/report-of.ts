import type { EvidenceFigures, VerificationFigures } from './measure-verification.ts'

/** The figures as lines for a person. */
export function reportOf(figures: VerificationFigures): string {
  const { node, loadAverage, sgx, tdx, snp } = figures
  return [
    `Node ${node}, load ${loadAverage.join(' before, ')} after`,
    ...linesOf('SGX', sgx),
    ...(tdx === undefined ? ['', 'TDX: not measured, no captured quote'] : linesOf('TDX', tdx)),
    ...linesOf('SEV-SNP', snp),
    '',
  ].join('\n')
}

function linesOf(
  name: string,
  { evidence, perSecond, targets }: EvidenceFigures,
): readonly string[] {
  return [
    '',
    `${name}, ${evidence}`,
    `  ${'a second'.padEnd(15)}${['median', 'least', 'most'].map((head) => head.padStart(9)).join('')}`,
    ...Object.entries(perSecond).map(
      ([state, { median, min, max }]) =>
        `  ${state.padEnd(15)}${[median, min, max].map((rate) => String(rate).padStart(9)).join('')}`,
    ),
    ...targets.map(
      ({ asked, found, met, outOfReach }) =>
        `  ${met ? 'met    ' : 'not met'}  ${asked}: ${found}${outOfReach === undefined ? '' : ` (out of reach: ${outOfReach})`}`,
    ),
  ]
}

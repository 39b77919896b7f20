import { ok } from '@sealward/attestation/bytes'
import { custodyLimits, parseShare } from '@sealward/key-broker/custody'
import { badInput, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

/**
 * The shares that somebody types, one after the other until there are enough; or that come through a pipe, one a line. Never
 * from the command line, which others see and shells remember.
 */
export async function readShares({
  input,
  err,
}: Surroundings): Promise<Outcome<readonly string[]>> {
  if (input === undefined) return noShares
  if (!input.isTerminal) {
    const text = await input.text(custodyLimits.sharesMax * custodyLimits.shareCharactersMax)
    const lines = text?.split('\n').filter((line) => line.trim() !== '') ?? []
    return lines.length === 0 ? noShares : ok(lines)
  }
  const shares: string[] = []
  let needed = 1
  while (shares.length < needed) {
    const of = needed === 1 ? '' : ` of ${needed}`
    const text = await input.ask(`Share ${shares.length + 1}${of}: `, { hidden: true })
    if (text.trim() === '') return noShares
    const share = parseShare(text)
    if (!share.ok) {
      // Said at once: whoever holds the paper still sits there.
      err(`${share.problem.detail} Once more, please.\n`)
      continue
    }
    const { number, set, threshold } = share.value
    err(`Share ${number} of set ${set} is read.\n`)
    needed = threshold
    shares.push(text)
  }
  return ok(shares)
}

const noShares = badInput(
  'shares-missing',
  'standard input',
  'Shares are typed one after the other, or come through a pipe, one a line.',
)

/** A share as it is printed: four groups a line. */
export function shareLines(share: string): string {
  const groups = share.split('-')
  const lines = [0, 4, 8].map((start) => groups.slice(start, start + 4).join('-'))
  return lines.map((line) => `    ${line}\n`).join('')
}

/**
 * Prints one line a step: what is being done, and how long it took. On a terminal the line is
 * redrawn each second, so that a long step is seen to be alive.
 *
 * @param {string} title
 * @param {() => Promise<unknown>} work a text it resolves to is told: what it did, in a few words
 */
export async function step(title, work) {
  const started = Date.now()
  const seconds = () => ((Date.now() - started) / 1000).toFixed(1)
  const live = process.stdout.isTTY === true
  if (live) process.stdout.write(`  ${title} …`)
  const timer = live
    ? setInterval(() => process.stdout.write(`\r\x1b[2K  ${title} … ${seconds()} s`), 1000)
    : undefined
  try {
    const told = await work()
    clearInterval(timer)
    process.stdout.write(
      `${live ? '\r\x1b[2K' : ''}✓ ${title}${typeof told === 'string' ? `: ${told}` : ''} (${seconds()} s)\n`,
    )
  } catch (error) {
    clearInterval(timer)
    process.stdout.write(`${live ? '\r\x1b[2K' : ''}✗ ${title} (${seconds()} s)\n`)
    throw error
  }
}

/** A reason for stopping that a person can act on: printed without a stack. */
export class Stop extends Error {}

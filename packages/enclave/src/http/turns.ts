/** Does `work` when it is its turn: so many are under way at once, and the others wait in the order in which they came. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

export function createTurns(atOnceMax: number): Turns {
  const waiting: (() => void)[] = []
  let underWay = 0
  return async (work) => {
    if (underWay >= atOnceMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else underWay += 1
    try {
      return await work()
    } finally {
      // Whoever waits takes the place over: in between it is nobody else's.
      const next = waiting.shift()
      if (next === undefined) underWay -= 1
      else next()
    }
  }
}

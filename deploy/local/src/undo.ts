/** What has been started, to be stopped in the opposite order. */
export interface Undo {
  /** Remembers how `value` is stopped, and gives it back. */
  started<T>(value: T, stop: (value: T) => unknown): T
  /** Stops everything that was started and not yet stopped. A stop that fails does not keep the rest running. */
  stop(): Promise<void>
}

export function createUndo(): Undo {
  const stops: (() => unknown)[] = []
  return {
    started(value, stop) {
      stops.push(() => stop(value))
      return value
    },
    async stop() {
      const failures: unknown[] = []
      for (const stop of stops.splice(0).reverse()) {
        try {
          await stop()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'some of the stack did not stop')
    },
  }
}

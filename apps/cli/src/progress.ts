/** A line on the terminal that tells how far something is. */
export interface Progress {
  set(title: string, value: number): void
  close(): void
}

/** Draws a progress bar on `terminal`; does nothing where there is none. */
export async function openProgress(
  terminal: NodeJS.WritableStream | undefined,
  title: string,
  total: number,
): Promise<Progress> {
  if (terminal === undefined) return { set: () => {}, close: () => {} }
  // Loaded only where there is somebody to look at it.
  const { SingleBar, Presets } = await import('cli-progress')
  const bar = new SingleBar(
    {
      format: '{title} {bar} {percentage}%',
      stream: terminal,
      clearOnComplete: true,
      hideCursor: true,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  )
  bar.start(total, 0, { title })
  return {
    set: (now, value) => bar.update(Math.min(value, total), { title: now }),
    close: () => bar.stop(),
  }
}

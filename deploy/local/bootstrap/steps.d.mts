export function step(
  title: string,
  work: () => Promise<string | undefined | undefined>,
): Promise<void>
export class Stop extends Error {}

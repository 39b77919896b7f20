export function step(title: string, work: () => Promise<string | undefined | void>): Promise<void>
export class Stop extends Error {}

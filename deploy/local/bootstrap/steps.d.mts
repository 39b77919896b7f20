export function step(title: string, work: () => Promise<unknown>): Promise<void>
export class Stop extends Error {}

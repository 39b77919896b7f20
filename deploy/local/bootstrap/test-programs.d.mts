export function chromium(): string | undefined
export function installTestPrograms(): Promise<void>
export function onPath(program: string): boolean

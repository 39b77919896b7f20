export function chromium(): string | undefined
export function installTestPrograms(): Promise<void>

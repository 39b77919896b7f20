/** What the policy commands need of where they run. */
export interface PolicySurroundings {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

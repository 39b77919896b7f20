import { timingSafeEqual } from 'node:crypto'

/** A member of hospital staff who can sign in to the development stack. */
export interface Account {
  readonly id: string
  readonly name: string
  readonly password: string
  readonly roles: readonly string[]
}

/** The demonstration accounts. They exist in the local stack only, and its sign-in page says so. */
export const accounts: readonly Account[] = [
  { id: 'clerk', name: 'Chen Wei', password: 'clerk', roles: ['clerk'] },
  { id: 'radiologist', name: 'Dr. Alice Martin', password: 'radiologist', roles: ['radiologist'] },
  { id: 'privacy', name: 'Li Na', password: 'privacy', roles: ['privacy-officer'] },
]

export function accountOf(id: string): Account | undefined {
  return accounts.find((account) => account.id === id)
}

/** The account whose name and password these are. */
export function signIn(id: string, password: string): Account | undefined {
  const account = accountOf(id)
  if (account === undefined) return undefined
  const [given, right] = [Buffer.from(password), Buffer.from(account.password)]
  return given.length === right.length && timingSafeEqual(given, right) ? account : undefined
}

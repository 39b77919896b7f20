import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type Deployment, startDeployment } from '../testing/deployment.fixtures.ts'

let at: Deployment
beforeAll(async () => {
  at = await startDeployment()
}, 60_000)
afterEach(() => vi.useRealTimers())
afterAll(() => at?.stop())

const refused = async (): Promise<object> => (await at.ask('clerk', 'GET', '/trust')).json.refused
const software = (role: string) =>
  ({
    kind: 'measurement',
    value: createHash('sha256').update(role).digest('hex'),
  }) as const

test('peers that were verified, and then denied, get nothing more within a minute', async () => {
  expect(await refused()).toEqual([])
  at.deny([software('diagnostics'), software('cache-gateway')])
  // The platform asks for the list once a minute, and would believe what it verified for ten.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
  expect(await refused()).toEqual([
    { role: 'cache-gateway', code: 'measurement-denied' },
    { role: 'diagnostics', code: 'measurement-denied' },
  ])
})
